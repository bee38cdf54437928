"""From a part file to the finished log: oldest first, in its format, on the disk, and put in place in one step.

Everything here blocks. Callers run it in a worker thread.
"""

import errno
import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

import msgspec
from attrs import define, field, frozen

from hubapi import _files
from hubapi._datetimes import from_ns, parse_ns, utc_day
from hubapi.errors import ConfigurationError
from hubapi.export.formats import Format, Writer
from hubapi.export.manifest import Log, LogFile
from hubapi.export.pages import UNREADABLE, identity_of
from hubapi.export.part_file import PartFile

UNDATED = "undated"
"""The day of events whose time can't be read."""

_OPEN_DAYS = 3


class _Facts(msgspec.Struct):
    """The fields of an event that are counted."""

    timestamp: str | None = None
    action: str | None = None


_facts = msgspec.json.Decoder(_Facts).decode
_all_facts = msgspec.json.Decoder(list[_Facts]).decode


@frozen(kw_only=True)
class LogPaths:
    """The paths of a log: `<account>.jsonl` or `<account>/<day>.jsonl`, and `@<run>` from the second run on."""

    folder: Path
    account: str
    run: int
    format: Format
    by_day: bool

    @property
    def part(self) -> Path:
        """The part file: `.<account>.part`. Each run has its own, as its window is different."""
        return self.folder / f".{self.account}{self._run}.part"

    def name(self, day: str) -> str:
        """Return a file's name in the folder."""
        file = f"/{day}" if self.by_day else ""
        return f"{self.account}{file}{self._run}{self.format.suffix}"

    def check_free(self) -> None:
        """Refuse to begin if a file is in the way that no export of this folder has written.

        Raises:
            ConfigurationError: there is one; the message names it.
        """
        for path in (self.part, *self._files()):
            if os.path.lexists(path):
                raise ConfigurationError(
                    f"{path} exists, and does not belong to this export: move it, or use another folder"
                )

    @property
    def _run(self) -> str:
        return f"@{self.run}" if self.run > 1 else ""

    def _files(self) -> Iterable[Path]:
        if not self.by_day:
            return [self.folder / self.name("")]
        days = self.folder / self.account
        return days.glob(f"*{self._run}{self.format.suffix}") if days.is_dir() else [days]


@define
class _OpenFile:
    """A file that is being written, hidden until it is complete."""

    name: str
    hidden: Path
    file: BinaryIO
    writer: Writer
    events: int = 0


@define
class LogWriter:
    """Writes one log.

    Args:
        paths: The files to write.
        overlap_ns: The time from which on events are remembered, so that the next run can leave them out.
    """

    paths: LogPaths
    overlap_ns: int
    remembered: list[tuple[int, str]] = field(factory=list[tuple[int, str]], init=False)
    _actions: Counter[str] = field(factory=Counter[str], init=False)
    _days: Counter[str] = field(factory=Counter[str], init=False)
    _open: dict[str, _OpenFile] = field(factory=dict[str, _OpenFile], init=False)
    _written: list[tuple[Path, LogFile]] = field(factory=list[tuple[Path, LogFile]], init=False)
    _overlap_day: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._overlap_day = from_ns(self.overlap_ns).date().isoformat()

    def write(self, part: PartFile, since: str | None) -> Log:
        """Write all events of a part file, and put the files in place.

        Args:
            part: The part file.
            since: The beginning of the log's window, for the manifest.

        Returns:
            The log as the manifest is to record it.

        Raises:
            OSError: the disk is full, or can't be written. The part file is still there, and nothing else is left.
        """
        try:
            for lines in part.oldest_first():
                self._write(lines)
            if not (self._open or self._written or self.paths.by_day):
                self._begin("")  # a log without events has a file too
            while self._open:
                self._end(next(iter(self._open)))
            self._put_in_place()
        except BaseException:
            self._clean_up()
            raise
        return Log(
            state="done",
            since=since,
            events=self._days.total(),
            files=sorted((entry for _, entry in self._written), key=lambda entry: entry.name),
            actions=dict(sorted(self._actions.items())),
            days=dict(sorted(self._days.items())),
        )

    def _write(self, lines: list[bytes]) -> None:
        facts = _facts_of(lines)
        stamps = [fact.timestamp or "" for fact in facts]
        days = [utc_day(stamp) or UNDATED for stamp in stamps]
        self._actions.update([fact.action or "" for fact in facts])
        self._days.update(days)
        if max(days) >= self._overlap_day:
            times = map(parse_ns, stamps)
            self.remembered += [
                (time_ns, identity_of(line))
                for time_ns, line in zip(times, lines, strict=True)
                if time_ns is not None and time_ns >= self.overlap_ns
            ]
        if not self.paths.by_day:
            self._add("", lines)
            return
        for day, group in groupby(zip(days, lines, strict=True), key=itemgetter(0)):
            self._add(day, [line for _, line in group])

    def _add(self, day: str, lines: list[bytes]) -> None:
        if day not in self._open:
            # Events come in order, but for a late one by seconds: a day that is closed is not opened again.
            day = max(day, min(self._open, default=day)) if self._written else day
            if day not in self._open:
                self._begin(day)
            if len(self._open) > _OPEN_DAYS:
                self._end(min(self._open))
        file = self._open[day]
        with _files.naming_file(self.paths.folder / file.name):
            file.writer.write(lines)
        file.events += len(lines)

    def _begin(self, day: str) -> None:
        name = self.paths.name(day)
        hidden = self.paths.folder / f".{name.replace('/', '.')}.whole"
        file = _files.create(hidden, overwrite=True)
        self._open[day] = _OpenFile(name, hidden, file, self.paths.format.writer(file))

    def _end(self, day: str) -> None:
        whole = self._open[day]
        with _files.naming_file(self.paths.folder / whole.name), whole.file as file:
            whole.writer.close()
            _files.sync(file)
        del self._open[day]
        size, digest = size_and_sha256(whole.hidden)
        self._written.append((whole.hidden, LogFile(name=whole.name, events=whole.events, bytes=size, sha256=digest)))

    def _put_in_place(self) -> None:
        folder = self.paths.folder
        for _, entry in self._written:
            _check_free_or_same(folder / entry.name, entry)
        for hidden, entry in self._written:
            path = folder / entry.name
            _files.make_directory(path.parent)
            hidden.replace(path)
        if self._written and self.paths.by_day:
            _files.sync_directory(folder / self.paths.account)
        _files.sync_directory(folder)

    def _clean_up(self) -> None:
        """Remove unfinished files, as far as the disk allows."""
        for whole in self._open.values():
            with suppress(OSError):
                whole.file.close()
        for hidden in [*(whole.hidden for whole in self._open.values()), *(path for path, _ in self._written)]:
            with suppress(OSError):
                hidden.unlink(missing_ok=True)


def _check_free_or_same(path: Path, entry: LogFile) -> None:
    """Refuse to replace a file that was put there since the run began.

    The same bytes are accepted: an export was killed after it had put them in place, and before the manifest said so.
    """
    if os.path.lexists(path) and not (path.is_file() and size_and_sha256(path) == (entry.bytes, entry.sha256)):
        raise FileExistsError(errno.EEXIST, "File exists, and does not belong to this export", str(path))


def size_and_sha256(path: Path) -> tuple[int, str]:
    """Return a file's size and its SHA-256, as read from the disk."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def _facts_of(lines: list[bytes]) -> list[_Facts]:
    try:
        return _all_facts(b"[%b]" % b",".join(lines))
    except UNREADABLE:
        return [_facts_or_none(line) for line in lines]


def _facts_or_none(line: bytes) -> _Facts:
    try:
        return _facts(line)
    except UNREADABLE:
        return _Facts()
