"""The export of one account: from the server page by page, through the walk, to the part file and the finished log."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from attrs import define, field, frozen

from hubapi._datetimes import from_ns, timestamp_ns
from hubapi.errors import ConfigurationError, HubError
from hubapi.export.folder import Folder
from hubapi.export.log_walk import LogWalk, LongestPage, ResumePointLost
from hubapi.export.manifest import Log
from hubapi.export.pages import Line, Page, split_page, time_of
from hubapi.export.part_file import PartFile
from hubapi.export.report import AccountReport, Progress
from hubapi.export.requests import LogRequests

T = TypeVar("T")

_FLUSH_S = 5.0
"""The longest time that events are held in memory before they are written: a process may be killed."""


@frozen
class DiskThreads:
    """The limits of threads that use the disk, while accounts are read and while logs are finished."""

    reading: anyio.CapacityLimiter
    finishing: anyio.CapacityLimiter


@define
class AccountExport:
    """Exports one account.

    Args:
        requests: Sends the requests.
        folder: The folder to export to.
        account: The organisation or user.
        longest: The longest page, shared by all accounts.
        batch: Bytes to collect before they are written.
        threads: Limits the threads that use the disk.
        progress: Called after each page, and when the account is finished.
    """

    requests: LogRequests
    folder: Folder
    account: str
    longest: LongestPage
    batch: int
    threads: DiskThreads
    progress: Callable[[Progress], None] | None
    report: AccountReport = field(init=False)
    _pages: int = field(default=0, init=False)
    _repeated: int = field(default=0, init=False)
    _flushed: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self.report = AccountReport(account=self.account)

    async def run(self) -> None:
        """Export the account. A failure is recorded in the report and in the manifest, not raised."""
        log = self.folder.run.accounts[self.account]
        try:
            if log.state != "done":
                log = await self._export()
            files = self.folder.files_of(log)
        except HubError as error:
            await self._fail(error)
        else:
            self.report = self._reported(events=log.events, files=files)
        self._show_progress(self.report.events, done=True)

    def _reported(self, **more: Any) -> AccountReport:
        return AccountReport(account=self.account, pages=self._pages, repeated=self._repeated, **more)

    async def _export(self) -> Log:
        part = self.folder.part(self.account, self.batch)
        read = await self._on_disk(part.open, self.threads.reading)
        try:
            try:
                await self._read_all(part, self._walk_from(read))
            except ResumePointLost:
                await self._on_disk(part.start_over, self.threads.reading)
                await self._read_all(part, self._walk_from(None))
            log, overlap = await self._on_disk(partial(self.folder.write, self.account, part), self.threads.finishing)
        except BaseException:
            # Also when cancelled: what was read need not be requested again.
            with anyio.CancelScope(shield=True), suppress(OSError):
                await anyio.to_thread.run_sync(part.close)
            raise
        # Not limited: all threads that wait for the manifest are served by the same write.
        await self._on_disk(partial(self.folder.finish, self.account, part, log, overlap), None)
        return log

    def _walk_from(self, read: Page | None) -> LogWalk:
        return LogWalk(
            since_ns=self.folder.since_ns(self.account),
            until_ns=timestamp_ns(self.folder.run.until),
            longest=self.longest,
            delivered=Counter(self.folder.delivered(self.account)),
            read=read,
        )

    async def _read_all(self, part: PartFile, walk: LogWalk) -> None:
        clock = self.requests.clock
        self._flushed = clock.monotonic()
        while not walk.done:
            page = split_page(*await self.requests.page(self.account, walk.number, *walk.requested_window))
            fresh = walk.take(page)
            if part.add(fresh) or clock.monotonic() > self._flushed + _FLUSH_S:
                await self._on_disk(part.flush, self.threads.reading)
                self._flushed = clock.monotonic()
            self._pages, self._repeated = self._pages + 1, walk.repeated
            self._show_progress(part.events, oldest=fresh[-1] if fresh else None)

    async def _on_disk(self, work: Callable[[], T], limiter: anyio.CapacityLimiter | None) -> T:
        try:
            return await anyio.to_thread.run_sync(work, limiter=limiter)
        except OSError as error:
            path = error.filename2 or error.filename or self.folder.path
            problem = f"{path} can't be written: {error.strerror or error}"
        raise ConfigurationError(problem)

    async def _fail(self, error: HubError) -> None:
        self.report = self._reported(error=error)
        with suppress(HubError):  # on a full disk the manifest says that the account is waiting, which is true as well
            await anyio.to_thread.run_sync(partial(self.folder.fail, self.account, str(error)))

    def _show_progress(self, events: int, *, oldest: Line | None = None, done: bool = False) -> None:
        if self.progress is None:
            return
        reached_ns = None if oldest is None else time_of(oldest)
        self.progress(
            Progress(
                account=self.account,
                events=events,
                pages=self._pages,
                reached=None if reached_ns is None else from_ns(reached_ns),
                done=done,
                error=self.report.error,
            )
        )
