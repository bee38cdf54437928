"""The export itself: organisations side by side, the pages of each in sequence.

Under a quota that order wastes nothing: each request is one page that is needed. `until` is frozen before the first
page, a minute back by the server's clock, so that no event can still slip in before it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import anyio
import anyio.to_thread
from msgspec.structs import replace

from hubapi._auth.schemes import another_login
from hubapi._datetimes import format_timestamp, from_ns, timestamp_ns, to_aware
from hubapi._pipeline.pipeline import Pipeline
from hubapi.credentials import Credentials
from hubapi.errors import ConfigurationError, DecodeError, HubError
from hubapi.export.account_export import Reader, Threads
from hubapi.export.folder import Folder, check_names
from hubapi.export.formats import FormatName, format_of
from hubapi.export.log_walk import Longest
from hubapi.export.manifest import LAST, Wish, totals
from hubapi.export.pages import actions_operation
from hubapi.export.report import ExportReport, Progress
from hubapi.export.requests import server_time

T = TypeVar("T")

SETTLED = timedelta(minutes=1)
"""How old an event must be before nothing can come in front of it any more."""

_BUFFERS = 4 << 20  # bytes that all accounts together hold before they are written
_LARGEST_BATCH = 1 << 20
_SMALLEST_BATCH = 64 << 10
# Threads, as each keeps memory of its own, and one more at the same time would not be faster: the interpreter is one.
_READING = 4
_FINISHING = 1


async def export(
    pipeline: Pipeline,
    accounts: Iterable[str],
    *,
    to: Path,
    since: datetime | date | str | None = None,
    until: datetime | date | None = None,
    format: FormatName = "jsonl",  # noqa: A002 - the word people use
    partition: str | None = None,
    concurrency: int = 16,
    progress: Callable[[Progress], None] | None = None,
    credentials: Mapping[str, Credentials] | None = None,
) -> ExportReport:
    """Export logs; see `hubapi.AsyncHub.audit_logs.export`."""
    names = check_names(accounts)
    wish = _wish(names, since, until, format, partition)
    if concurrency < 1:
        raise ConfigurationError(f"concurrency is {concurrency}; give 1 or more")
    ways = _ways(pipeline, names, credentials or {})
    line = pipeline.line
    before, began = replace(line.counters), line.clock.monotonic()
    paused_s = _paused_s(ways)
    folder = Folder(to)
    found = await _in_thread(folder.open)
    try:
        await _in_thread(partial(folder.begin, found, wish, await _latest(ways)))
        batch = min(_LARGEST_BATCH, max(_SMALLEST_BATCH, _BUFFERS // (concurrency * len(ways))))
        longest, threads = Longest(), Threads(anyio.CapacityLimiter(_READING), anyio.CapacityLimiter(_FINISHING))
        readers = [
            [Reader(way, folder, name, longest, batch, threads, progress) for name in mine] for way, mine in ways
        ]
        await _work(readers, concurrency)
    finally:
        with anyio.CancelScope(shield=True):
            await _in_thread(folder.close)
    reports = {reader.report.account: reader.report for some in readers for reader in some}
    logs = {name: folder.run.accounts[name] for name in names}
    return ExportReport(
        accounts=tuple(reports[name] for name in names),
        folder=to,
        until=from_ns(timestamp_ns(folder.run.until)),
        actions=totals(logs, "actions"),
        days=totals(logs, "days"),
        requests=line.counters.requests - before.requests,
        rate_limited=line.counters.rate_limited - before.rate_limited,
        logins=line.counters.logins - before.logins,
        paused_s=_paused_s(ways) - paused_s,
        seconds=line.clock.monotonic() - began,
    )


def _wish(
    names: Sequence[str], since: datetime | date | str | None, until: datetime | date | None, form: str, by: str | None
) -> Wish:
    format_of(form)
    if by not in {None, "day"}:
        raise ConfigurationError(f"partition is {by!r}; give 'day', or nothing for one file an account")
    if isinstance(since, str) and since != LAST:
        raise ConfigurationError(f"since is {since!r}; give a datetime, a date or {LAST!r}")
    start = since if isinstance(since, str) else _text(to_aware(since))
    end = _text(to_aware(until))
    if start and end and start != LAST and timestamp_ns(start) >= timestamp_ns(end):
        raise ConfigurationError(f"nothing lies between since ({start}) and until ({end})")
    return Wish(accounts=names, since=start, until=end, format=form, partition=by)


def _text(at: datetime | None) -> str | None:
    return None if at is None else format_timestamp(at)


def _ways(
    pipeline: Pipeline, names: Iterable[str], credentials: Mapping[str, Credentials]
) -> list[tuple[Pipeline, list[str]]]:
    """Return who reads what: the hub itself, and a login of its own for each of the given credentials."""
    ways: dict[Credentials | None, tuple[Pipeline, list[str]]] = {}
    for name in names:
        who = credentials.get(name)
        if who not in ways:
            ways[who] = (pipeline if who is None else another_login(pipeline, who), [])
        ways[who][1].append(name)
    return list(ways.values())


def _paused_s(ways: Iterable[tuple[Pipeline, list[str]]]) -> float:
    return sum(way.line.gate.paused_s for way, _ in ways)


async def _latest(ways: Sequence[tuple[Pipeline, list[str]]]) -> str:
    """Return the time that no new event can come before, by the server's clock: ours may be wrong."""
    now = await _server_now(ways)
    return format_timestamp(datetime.fromtimestamp(int(now), UTC) - SETTLED)


async def _server_now(ways: Sequence[tuple[Pipeline, list[str]]]) -> float:
    """Ask each login in turn what time it is there; take our own clock only where none is told."""
    failures: list[HubError] = []
    for way, names in ways:
        try:
            told = await server_time(way, actions_operation(names[0]))
        except HubError as error:
            failures.append(error)
            continue
        if told is not None:
            return told
    if len(failures) == len(ways) and not isinstance(failures[0], DecodeError):
        raise failures[0]
    return ways[0][0].line.clock.time()


async def _work(readers: Sequence[Sequence[Reader]], concurrency: int) -> None:
    """Let so many accounts of each login be read side by side."""

    async def work(waiting: Iterator[Reader]) -> None:
        for reader in waiting:
            await reader.run()

    try:
        async with anyio.create_task_group() as workers:
            for some in readers:
                waiting = iter(some)
                for _ in range(min(concurrency, len(some))):
                    workers.start_soon(work, waiting)
    except BaseExceptionGroup as group:
        # What a progress callback raised, most likely: it reaches the caller as it is, not as a group of one.
        raise _first(group) from None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(cast("BaseExceptionGroup[BaseException]", error)) if isinstance(error, BaseExceptionGroup) else error


async def _in_thread(work: Callable[[], T]) -> T:
    return await anyio.to_thread.run_sync(work)
