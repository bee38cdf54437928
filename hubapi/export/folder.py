"""The folder of an export: one export at a time uses it, and its manifest says what is finished."""

from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

from attrs import define, evolve, field, frozen
from filelock import FileLock, Timeout

from hubapi import _files
from hubapi._datetimes import timestamp_ns
from hubapi.errors import ConfigurationError
from hubapi.export import manifest as manifests
from hubapi.export.formats import Format, format_of
from hubapi.export.log_writer import LogPaths, LogWriter
from hubapi.export.manifest import Log, Manifest, Overlap, Run
from hubapi.export.options import ExportOptions
from hubapi.export.pages import LATE_NS
from hubapi.export.part_file import PartFile
from hubapi.export.run_plan import plan_run


@frozen
class _PendingUpdate:
    """The new state of an account's log, until it is in the manifest."""

    account: str
    log: Log
    overlap: Overlap | None = None
    written: Future[None] = field(factory=Future[None])


@define
class Folder:
    """One export's folder, while the export runs. Everything blocks; callers run it in a worker thread.

    Args:
        path: The folder.
    """

    path: Path
    format: Format = field(init=False)
    manifest: Manifest = field(init=False)
    _lock: FileLock = field(init=False)
    _pending: SimpleQueue[_PendingUpdate] = field(factory=SimpleQueue[_PendingUpdate], init=False)
    _writing: Lock = field(factory=Lock, init=False)

    def open(self) -> Manifest | None:
        """Create the folder if it is missing, lock it, and return its manifest.

        Raises:
            ConfigurationError: it can't be written, or another export uses it.
        """
        try:
            _files.make_directory(self.path)
            # Not bound to a thread: any worker thread may take the lock, and another one release it.
            self._lock = FileLock(self.path / ".lock", mode=0o600, thread_local=False)
            self._lock.acquire(timeout=0)
        except Timeout:
            problem = f"another export is using {self.path}: wait for it, or use another folder"
        except OSError as error:
            problem = f"{self.path} can't be written: {error.strerror or error}"
        else:
            try:
                return manifests.load(self.path)
            except BaseException:
                self.close()
                raise
        raise ConfigurationError(problem)

    def begin(self, found: Manifest | None, options: ExportOptions, latest: str) -> Run:
        """Begin a run, or continue one.

        Args:
            found: The folder's manifest.
            options: The options.
            latest: The latest end of the run's window.

        Raises:
            ConfigurationError: the folder holds something else, or can't be written.
        """
        self.format = format_of(options.format)
        self.manifest = plan_run(found, options, latest)
        continues = found is not None and len(found.runs) == len(self.manifest.runs)
        begun = found.runs[-1].accounts if found is not None and continues else {}
        for name in options.accounts:
            paths = self._paths(name)
            if self.run.accounts[name].state != "done" and not (name in begun and paths.part.exists()):
                paths.check_free()
        if found is not None:
            self._remove_leftovers()
        manifests.save(self.path, self.manifest)
        return self.run

    def _remove_leftovers(self) -> None:
        """Remove the unfinished files of killed exports that this run does not continue."""
        wanted = {self._paths(name).part for name, log in self.run.accounts.items() if log.state != "done"}
        for path in self.path.glob(".*"):
            if path.suffix in {".part", ".whole"} and path not in wanted:
                path.unlink(missing_ok=True)

    @property
    def run(self) -> Run:
        """The current run."""
        return self.manifest.runs[-1]

    def part(self, account: str, batch: int) -> PartFile:
        """Return an account's part file, which collects so many bytes before it writes them."""
        return PartFile(self._paths(account).part, batch)

    def since_ns(self, account: str) -> int | None:
        """Return the time to read an account's log from: earlier than the end of the last run, for late events."""
        since = self.run.accounts[account].since
        if since is None:
            return None
        return timestamp_ns(since) - (LATE_NS if account in self.manifest.seams else 0)

    def delivered(self, account: str) -> list[str]:
        """Return the identities of the events of an earlier run that this run reads again."""
        return [identity for _, identity in self.manifest.seams.get(account, ())]

    def write(self, account: str, part: PartFile) -> tuple[Log, Overlap]:
        """Put an account's log in place, and return its entries for the manifest.

        Raises:
            OSError: the disk is full, or can't be written. The part file is still there.
        """
        part.flush()
        overlap_ns = timestamp_ns(self.run.until) - LATE_NS
        writer = LogWriter(self._paths(account), overlap_ns)
        log = writer.write(part, self.run.accounts[account].since)
        before = [entry for entry in self.manifest.seams.get(account, ()) if entry[0] >= overlap_ns]
        return log, [*before, *writer.remembered]

    def finish(self, account: str, part: PartFile, log: Log, overlap: Overlap) -> None:
        """Record in the manifest that an account's log is in place, and remove its part file.

        Raises:
            ConfigurationError: the manifest can't be written. The part file is still there.
        """
        self._record(_PendingUpdate(account, log, overlap))
        part.remove()

    def fail(self, account: str, error: str) -> None:
        """Record in the manifest why an account failed; its part file stays, to be continued.

        Raises:
            ConfigurationError: the manifest can't be written.
        """
        since = self.run.accounts[account].since
        self._record(_PendingUpdate(account, Log(state="failed", since=since, error=error)))

    def files_of(self, log: Log) -> tuple[Path, ...]:
        """Return the files of a finished log."""
        return tuple(self.path / entry.name for entry in log.files)

    def close(self) -> None:
        """Release the folder."""
        self._lock.release()

    def _paths(self, account: str) -> LogPaths:
        return LogPaths(
            folder=self.path,
            account=account,
            run=self.run.number,
            format=self.format,
            by_day=self.manifest.partition == "day",
        )

    def _record(self, update: _PendingUpdate) -> None:
        """Write the manifest with an update. Those that arrive in the meantime are written together, with the next."""
        self._pending.put(update)
        with self._writing:
            if not update.written.done():
                self._record_pending()
        update.written.result()

    def _record_pending(self) -> None:
        updates = [self._pending.get() for _ in range(self._pending.qsize())]
        run = evolve(self.run, accounts=self.run.accounts | {update.account: update.log for update in updates})
        overlaps = {update.account: sorted(update.overlap) for update in updates if update.overlap is not None}
        manifest = evolve(self.manifest, runs=[*self.manifest.runs[:-1], run], seams=self.manifest.seams | overlaps)
        try:
            manifests.save(self.path, manifest)
        except BaseException as error:  # noqa: BLE001 - each caller raises it
            for update in updates:
                update.written.set_exception(error)
        else:
            self.manifest = manifest  # only now: what is not on the disk has not happened
            for update in updates:
                update.written.set_result(None)
