"""The export itself: organisations side by side, the pages of each in sequence.

Under a quota that order wastes nothing: each request is one page that is needed. `until` is frozen before the first
request, a minute back, so that no event can still slip in before it.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import cast

import anyio
import anyio.to_thread
from attrs import define, evolve, field

from hubapi._core.moments import moment
from hubapi._core.pipeline import Pipeline
from hubapi.errors import ConfigurationError, HubError
from hubapi.export.files import LogFile
from hubapi.export.pages import PAGE_SIZE, RawEvent, page_operation, split
from hubapi.export.report import AccountReport, ExportReport, Progress

SETTLED = timedelta(minutes=1)
"""How old an event must be before nothing can come in front of it any more."""

_REMEMBERED = 10 * PAGE_SIZE  # identities, to recognise what late events push over the seam of two pages


async def export(
    pipeline: Pipeline,
    accounts: Iterable[str],
    *,
    to: Path,
    since: datetime | date | None = None,
    until: datetime | date | None = None,
    concurrency: int = 16,
    progress: Callable[[Progress], None] | None = None,
) -> ExportReport:
    """Export logs; see `hubapi.AsyncHub.audit_logs.export`."""
    names = list(dict.fromkeys(accounts))
    if not names:
        raise ConfigurationError("no accounts to export")
    line = pipeline.line
    now = datetime.fromtimestamp(line.clock.time(), UTC)
    start, end = moment(since), min(moment(until) or now, now - SETTLED)
    if start and start >= end:
        raise ConfigurationError(f"nothing lies between since ({start}) and until ({end})")
    files = [LogFile(to, name) for name in names]
    before, paused, began = evolve(line.counters), line.gate.paused_s, line.clock.monotonic()
    walks = [_Walk(pipeline, file, start, end, progress or _silent) for file in files]
    waiting = iter(walks)
    try:
        async with anyio.create_task_group() as workers:
            for _ in range(min(concurrency, len(walks))):
                workers.start_soon(_work, waiting)
    except BaseExceptionGroup as group:
        # What a progress callback raised, most likely: it reaches the caller as it is, not as a group of one.
        raise _first(group) from None
    return ExportReport(
        accounts=tuple(walk.report for walk in walks),
        requests=line.counters.requests - before.requests,
        rate_limited=line.counters.rate_limited - before.rate_limited,
        logins=line.counters.logins - before.logins,
        paused_s=line.gate.paused_s - paused,
        seconds=line.clock.monotonic() - began,
    )


async def _work(waiting: "Iterator[_Walk]") -> None:
    for walk in waiting:
        await walk.run()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(cast("BaseExceptionGroup[BaseException]", error)) if isinstance(error, BaseExceptionGroup) else error


def _silent(_: Progress) -> None:
    """Report to nobody."""


@define
class _Walk:
    """One account's log, from its newest event to its oldest."""

    pipeline: Pipeline
    file: LogFile
    since: datetime | None
    until: datetime
    progress: Callable[[Progress], None]
    report: AccountReport = field(init=False)
    _seen: dict[str, None] = field(factory=dict[str, None])  # in the order met

    def __attrs_post_init__(self) -> None:
        self.report = AccountReport(account=self.file.account)

    async def run(self) -> None:
        """Export it; a failure is in the report, and stops nobody else."""
        try:
            await anyio.to_thread.run_sync(self.file.begin)
            await self._pages()
            path = await anyio.to_thread.run_sync(self.file.finish)
            self.report = evolve(self.report, file=path)
        except HubError as error:
            self.report = evolve(self.report, error=error)
            await anyio.to_thread.run_sync(self.file.give_up)
        except OSError as error:
            words = f"{self.file.path}: can't be written: {error.strerror or error}"
            self.report = evolve(self.report, error=ConfigurationError(words))
            await anyio.to_thread.run_sync(self.file.give_up)
        self._tell(done=True)

    async def _pages(self) -> None:
        # Not `paging.by_number`: to a listing a 404 past the first page is the end (D16); to an export it may be the
        # rest of the log that is gone, and it fails the account.
        number, largest = 1, 0
        while True:
            operation = page_operation(self.file.account, number, self.since, self.until)
            events = split(await self.pipeline.send(operation), operation.id)
            fresh = [event for event in events if event.identity not in self._seen]
            self._remember(fresh)
            if self.file.add([event.line for event in fresh]):
                await anyio.to_thread.run_sync(self.file.flush)
            self.report = evolve(
                self.report,
                events=self.report.events + len(fresh),
                pages=self.report.pages + 1,
                repeated=self.report.repeated + len(events) - len(fresh),
            )
            self._tell(done=False)
            # A short first page may be all there is, or a server that ignores the size asked for (D14).
            if not events or (number > 1 and len(events) < largest):
                return
            largest = max(largest, len(events))
            number += 1

    def _remember(self, events: list[RawEvent]) -> None:
        self._seen.update((event.identity, None) for event in events)
        for identity in list(islice(self._seen, max(0, len(self._seen) - _REMEMBERED))):
            del self._seen[identity]

    def _tell(self, *, done: bool) -> None:
        report = self.report
        self.progress(
            Progress(account=report.account, events=report.events, pages=report.pages, done=done, error=report.error)
        )
