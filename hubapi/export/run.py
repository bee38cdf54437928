"""The export itself: accounts side by side, the pages of each in sequence.

With a rate limit this order wastes nothing: each request is one page that is needed. `until` is fixed before the first
page, a minute before the server's present, so that no event can still appear before it.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import TypeAlias, TypeVar, cast

import anyio
import anyio.to_thread

from hubapi._datetimes import SECOND_NS, format_timestamp, from_ns, timestamp_ns
from hubapi._pipeline.pipeline import Pipeline
from hubapi.credentials import Credentials
from hubapi.errors import DecodeError, HubError
from hubapi.export.account_export import AccountExport, DiskThreads
from hubapi.export.folder import Folder
from hubapi.export.log_walk import LongestPage
from hubapi.export.manifest import totals
from hubapi.export.options import ExportOptions
from hubapi.export.report import ExportReport, Progress
from hubapi.export.requests import LogRequests

T = TypeVar("T")

Logins: TypeAlias = Sequence[tuple[LogRequests, list[str]]]
"""The requests of each login, and the accounts that it reads."""

SETTLED = timedelta(minutes=1)
"""The age of an event before which no other event can still appear."""

_BUFFERS = 4 << 20  # bytes that all accounts together hold before they are written
_LARGEST_BATCH = 1 << 20
_SMALLEST_BATCH = 64 << 10
# More threads would need more memory, and would not be faster, as they share one interpreter.
_READING = 4
_FINISHING = 1


async def export(
    pipeline: Pipeline, options: ExportOptions, progress: Callable[[Progress], None] | None = None
) -> ExportReport:
    """Export audit logs; see `hubapi.AsyncHub.audit_logs.export`.

    Args:
        pipeline: Sends the requests.
        options: The options.
        progress: Called after each page, and when an account is finished.

    Raises:
        ConfigurationError: the folder holds something else or can't be written, or another export uses it.
    """
    requests = LogRequests(pipeline, "audit_logs.export")
    logins = _logins(requests, options)
    before, began, paused_s = requests.counters, requests.clock.monotonic(), _paused_s(logins)
    folder = Folder(options.to)
    found = await _in_thread(folder.open)
    try:
        await _in_thread(partial(folder.begin, found, options, await _latest_end(logins)))
        accounts = _account_exports(logins, folder, options, progress)
        await _run_all(accounts, options.concurrency)
    finally:
        with anyio.CancelScope(shield=True):
            await _in_thread(folder.close)
    reports = {each.account: each.report for of_login in accounts for each in of_login}
    logs = [folder.run.accounts[name] for name in options.accounts]
    after = requests.counters
    return ExportReport(
        accounts=tuple(reports[name] for name in options.accounts),
        folder=options.to,
        until=from_ns(timestamp_ns(folder.run.until)),
        actions=totals(logs, "actions"),
        days=totals(logs, "days"),
        requests=after.requests - before.requests,
        rate_limited=after.rate_limited - before.rate_limited,
        logins=after.logins - before.logins,
        paused_s=_paused_s(logins) - paused_s,
        seconds=requests.clock.monotonic() - began,
    )


def _logins(requests: LogRequests, options: ExportOptions) -> Logins:
    """Group the accounts by the login that reads them: the hub's own, and one for each of the credentials."""
    logins: dict[Credentials | None, tuple[LogRequests, list[str]]] = {}
    for name in options.accounts:
        credentials = options.credentials.get(name)
        if credentials not in logins:
            own = requests if credentials is None else requests.with_credentials(credentials)
            logins[credentials] = (own, [])
        logins[credentials][1].append(name)
    return list(logins.values())


def _paused_s(logins: Logins) -> float:
    return sum(requests.paused_s for requests, _ in logins)


async def _latest_end(logins: Logins) -> str:
    """Return the time that no new event can appear before, by the server's clock, as the local one may be wrong."""
    now = await _server_time(logins)
    return format_timestamp(from_ns(int(now) * SECOND_NS) - SETTLED)


async def _server_time(logins: Logins) -> float:
    """Return the server's time, asked with each login in turn; the local clock's only if no response has a date."""
    failures: list[HubError] = []
    for requests, names in logins:
        try:
            time = await requests.server_time(names[0])
        except HubError as error:
            failures.append(error)
            continue
        if time is not None:
            return time
    if len(failures) == len(logins) and not isinstance(failures[0], DecodeError):
        raise failures[0]
    return logins[0][0].clock.time()


def _account_exports(
    logins: Logins, folder: Folder, options: ExportOptions, progress: Callable[[Progress], None] | None
) -> list[list[AccountExport]]:
    """Return the exports of all accounts, by login."""
    batch = min(_LARGEST_BATCH, max(_SMALLEST_BATCH, _BUFFERS // (options.concurrency * len(logins))))
    longest = LongestPage()
    threads = DiskThreads(anyio.CapacityLimiter(_READING), anyio.CapacityLimiter(_FINISHING))
    return [
        [AccountExport(requests, folder, name, longest, batch, threads, progress) for name in names]
        for requests, names in logins
    ]


async def _run_all(accounts: Sequence[Sequence[AccountExport]], concurrency: int) -> None:
    """Run the exports of all accounts, so many of each login at a time."""

    async def work(waiting: Iterator[AccountExport]) -> None:
        for account in waiting:
            await account.run()

    try:
        async with anyio.create_task_group() as workers:
            for of_login in accounts:
                waiting = iter(of_login)
                for _ in range(min(concurrency, len(of_login))):
                    workers.start_soon(work, waiting)
    except BaseExceptionGroup as group:
        # Most likely an error of the progress callback: raise it as it is, not as a group of one.
        raise _first(group) from None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(cast("BaseExceptionGroup[BaseException]", error)) if isinstance(error, BaseExceptionGroup) else error


async def _in_thread(work: Callable[[], T]) -> T:
    return await anyio.to_thread.run_sync(work)
