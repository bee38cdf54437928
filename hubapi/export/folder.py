"""The folder of an export: one export at a time works in it, and its manifest says what is finished."""

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import TypeAlias

from attrs import define, evolve, field, frozen
from filelock import FileLock, Timeout

from hubapi._datetimes import timestamp_ns
from hubapi.errors import ConfigurationError
from hubapi.export import manifest as manifests
from hubapi.export.formats import Format, format_of
from hubapi.export.log_writer import Finisher, Target
from hubapi.export.manifest import Log, Manifest, Run, Wish
from hubapi.export.pages import OVERLAP_NS
from hubapi.export.part_file import Part

Seam: TypeAlias = Sequence[tuple[int, str]]
"""The times and identities of a log's last events."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def check_names(accounts: Iterable[str]) -> list[str]:
    """Return the accounts, each once.

    Raises:
        ConfigurationError: there are none, or one can't be a name, or two would share a file.
    """
    names = list(dict.fromkeys(accounts))
    if not names:
        raise ConfigurationError("no accounts to export")
    for name in names:
        if not _NAME.fullmatch(name):
            raise ConfigurationError(f"{name!r} is no account name")
    folded = {name.casefold(): name for name in names}
    for name in names:
        if folded[name.casefold()] != name:
            raise ConfigurationError(f"{name!r} and {folded[name.casefold()]!r} are one account: names are lower case")
    return names


@frozen
class _News:
    """How an account's log stands, on its way into the manifest."""

    account: str
    log: Log
    seam: Seam | None = None
    written: Future[None] = field(factory=Future[None])


@define
class Folder:
    """One export's folder, while the export runs. All of it blocks; callers run it in a worker thread.

    Args:
        path: Where it is.
    """

    path: Path
    format: Format = field(init=False)
    manifest: Manifest = field(init=False)
    _lock: FileLock = field(init=False)
    _waiting: SimpleQueue[_News] = field(factory=SimpleQueue[_News], init=False)
    _recording: Lock = field(factory=Lock, init=False)

    def open(self) -> Manifest | None:
        """Make the folder if need be, take it, and return what it holds.

        Raises:
            ConfigurationError: it can't be written, or another export works in it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Not of one thread: whichever worker is free takes it, and another gives it back.
            self._lock = FileLock(self.path / ".lock", mode=0o600, thread_local=False)
            self._lock.acquire(timeout=0)
        except Timeout:
            problem = f"another export works in {self.path}: wait for it, or give another folder"
        except OSError as error:
            problem = f"{self.path} can't be written: {error.strerror or error}"
        else:
            try:
                return manifests.load(self.path)
            except BaseException:
                self.close()
                raise
        raise ConfigurationError(problem)

    def begin(self, found: Manifest | None, wish: Wish, latest: str) -> Run:
        """Begin a run, or go on with one.

        Raises:
            ConfigurationError: what the folder holds is something else, or it can't be written.
        """
        self.format = format_of(wish.format)
        self.manifest = manifests.plan(found, wish, latest)
        goes_on = found is not None and len(found.runs) == len(self.manifest.runs)
        begun = found.runs[-1].accounts if found is not None and goes_on else {}
        for name in wish.accounts:
            target = self._target(name)
            if self.run.accounts[name].state != "done" and not (name in begun and target.part.exists()):
                target.check_free()
        if found is not None:
            self._tidy()
        self._save(self.manifest)
        return self.run

    def _tidy(self) -> None:
        """Remove what killed exports have left half-done, and nobody goes on from."""
        wanted = {self._target(name).part for name, log in self.run.accounts.items() if log.state != "done"}
        for path in self.path.glob(".*"):
            if path.suffix in {".part", ".whole"} and path not in wanted:
                path.unlink(missing_ok=True)

    @property
    def run(self) -> Run:
        """The run that is being done."""
        return self.manifest.runs[-1]

    def part(self, account: str, batch: int) -> Part:
        """Return an account's part, which gathers so many bytes before it writes them."""
        return Part(self._target(account).part, batch)

    def since_ns(self, account: str) -> int | None:
        """Return from when on an account's log is read: before the end of the last run, for what came late."""
        since = self.run.accounts[account].since
        if since is None:
            return None
        return timestamp_ns(since) - (OVERLAP_NS if account in self.manifest.seams else 0)

    def delivered(self, account: str) -> list[str]:
        """Return the identities of events that an earlier run has written, of the time that this one reads again."""
        return [identity for _, identity in self.manifest.seams.get(account, ())]

    def write(self, account: str, part: Part) -> tuple[Log, Seam]:
        """Put an account's log in place; return how it is to stand in the manifest, and what the next run leaves out.

        Raises:
            OSError: the disk is full, or can't be written. The part is still there.
        """
        part.flush()
        begin_ns = timestamp_ns(self.run.until) - OVERLAP_NS
        finisher = Finisher(self._target(account), begin_ns)
        log = finisher.finish(part, self.run.accounts[account].since)
        before = [entry for entry in self.manifest.seams.get(account, ()) if entry[0] >= begin_ns]
        return log, [*before, *finisher.remembered]

    def finish(self, account: str, part: Part, log: Log, seam: Seam) -> None:
        """Say in the manifest that an account's log is in place; its part is of no more use then.

        Raises:
            ConfigurationError: the manifest can't be written. The part is still there.
        """
        self._record(_News(account, log, seam))
        part.remove()

    def fail(self, account: str, error: str) -> None:
        """Say in the manifest why an account failed, as far as the disk lets us; its part stays to go on from."""
        self._record(_News(account, Log(state="failed", since=self.run.accounts[account].since, error=error)))

    def files_of(self, log: Log) -> tuple[Path, ...]:
        """Return where a finished log is."""
        return tuple(self.path / entry.name for entry in log.files)

    def close(self) -> None:
        """Let others work in it."""
        self._lock.release()

    def _target(self, account: str) -> Target:
        return Target(
            folder=self.path,
            account=account,
            run=self.run.number,
            format=self.format,
            by_day=self.manifest.partition == "day",
        )

    def _record(self, news: _News) -> None:
        """Write the manifest with the news in it; what comes meanwhile is written all at once, with the next."""
        self._waiting.put(news)
        with self._recording:
            if not news.written.done():
                self._record_all()
        news.written.result()

    def _record_all(self) -> None:
        every = [self._waiting.get() for _ in range(self._waiting.qsize())]
        run = evolve(self.run, accounts=self.run.accounts | {news.account: news.log for news in every})
        seams = {news.account: sorted(news.seam) for news in every if news.seam is not None}
        manifest = evolve(self.manifest, runs=[*self.manifest.runs[:-1], run], seams=self.manifest.seams | seams)
        try:
            self._save(manifest)
        except BaseException as error:  # noqa: BLE001 - each of them raises it
            for news in every:
                news.written.set_exception(error)
        else:
            self.manifest = manifest  # not before: what is not on the disk has not happened
            for news in every:
                news.written.set_result(None)

    def _save(self, manifest: Manifest) -> None:
        try:
            manifests.save(self.path, manifest)
        except OSError as error:
            problem = f"{self.path / manifests.NAME} can't be written: {error.strerror or error}"
        else:
            return
        raise ConfigurationError(problem)
