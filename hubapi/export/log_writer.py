"""From a part to the finished log: oldest first, in its format, durable, and put in place in one step.

All of it blocks; callers run it in a worker thread.
"""

import errno
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

import msgspec
from attrs import define, field, frozen

from hubapi._datetimes import from_ns, parse_ns
from hubapi.errors import ConfigurationError
from hubapi.export.formats import Format, Writer
from hubapi.export.manifest import Log, LogFile, sync_folder
from hubapi.export.pages import UNREADABLE, identity_of
from hubapi.export.part_file import Part, naming

UNDATED = "undated"


class _Fact(msgspec.Struct):
    timestamp: str | None = None
    action: str | None = None


_fact = msgspec.json.Decoder(_Fact).decode
_all_facts = msgspec.json.Decoder(list[_Fact]).decode
_UTC_DAY = re.compile(r"\d{4}-\d\d-\d\d[Tt]", re.ASCII)
_OPEN_DAYS = 3


@frozen(kw_only=True)
class Target:
    """Where a log's files go: `<account>.jsonl`, `<account>/<day>.jsonl`; from the second run on with `@<run>`."""

    folder: Path
    account: str
    run: int
    format: Format
    by_day: bool

    @property
    def part(self) -> Path:
        """Where the log is while it is read: `.<account>.part`. Each run has its own, as its window is another."""
        return self.folder / f".{self.account}{self._run}.part"

    def name(self, day: str) -> str:
        """Return a file's name in the folder."""
        file = f"/{day}" if self.by_day else ""
        return f"{self.account}{file}{self._run}{self.format.suffix}"

    def check_free(self) -> None:
        """Refuse to begin where something stands that no export of this folder has put there.

        Raises:
            ConfigurationError: it names it.
        """
        for path in (self.part, *self._places()):
            if os.path.lexists(path):
                raise ConfigurationError(f"{path} is there, but not of this export: move it, or give another folder")

    @property
    def _run(self) -> str:
        return f"@{self.run}" if self.run > 1 else ""

    def _places(self) -> Iterable[Path]:
        if not self.by_day:
            return [self.folder / self.name("")]
        days = self.folder / self.account
        return days.glob(f"*{self._run}{self.format.suffix}") if days.is_dir() else [days]


@define
class _Open:
    """A file that is being written, hidden until it is whole."""

    name: str
    hidden: Path
    file: BinaryIO
    writer: Writer
    events: int = 0


@define
class Finisher:
    """Writes one log.

    Args:
        target: Where to.
        seam_ns: From when on events are remembered, so that the next run can leave out what comes again.
    """

    target: Target
    seam_ns: int
    remembered: list[tuple[int, str]] = field(factory=list[tuple[int, str]], init=False)
    _actions: Counter[str] = field(factory=Counter[str], init=False)
    _days: Counter[str] = field(factory=Counter[str], init=False)
    _open: dict[str, _Open] = field(factory=dict[str, _Open], init=False)
    _written: list[tuple[Path, LogFile]] = field(factory=list[tuple[Path, LogFile]], init=False)
    _seam_day: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._seam_day = from_ns(self.seam_ns).date().isoformat()

    def finish(self, part: Part, since: str | None) -> Log:
        """Write all events of a part, and put the files in place.

        Raises:
            OSError: the disk is full, or can't be written; nothing half-done is left.
        """
        try:
            for lines in part.oldest_first():
                self._write(lines)
            if not (self._open or self._written or self.target.by_day):
                self._begin("")  # an empty log is a log
            while self._open:
                self._end(next(iter(self._open)))
            self._put_in_place()
        except BaseException:
            self._give_up()
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
        facts = _facts(lines)
        stamps = [fact.timestamp or "" for fact in facts]
        days = [stamp[:10] if stamp[-1:] == "Z" and _begins_day(stamp[:11]) else _day(stamp) for stamp in stamps]
        self._actions.update([fact.action or "" for fact in facts])
        self._days.update(days)
        if max(days) >= self._seam_day:
            times = map(parse_ns, stamps)
            self.remembered += [
                (time_ns, identity_of(line))
                for time_ns, line in zip(times, lines, strict=True)
                if time_ns is not None and time_ns >= self.seam_ns
            ]
        if not self.target.by_day:
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
        with naming(self.target.folder / file.name):
            file.writer.write(lines)
        file.events += len(lines)

    def _begin(self, day: str) -> None:
        name = self.target.name(day)
        hidden = self.target.folder / f".{name.replace('/', '.')}.whole"
        file = os.fdopen(os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        self._open[day] = _Open(name, hidden, file, self.target.format.writer(file))

    def _end(self, day: str) -> None:
        whole = self._open[day]
        with naming(self.target.folder / whole.name), whole.file as file:
            whole.writer.close()
            file.flush()
            os.fsync(file.fileno())
        del self._open[day]
        size, digest = measured(whole.hidden)
        self._written.append((whole.hidden, LogFile(name=whole.name, events=whole.events, bytes=size, sha256=digest)))

    def _put_in_place(self) -> None:
        folder = self.target.folder
        for _, entry in self._written:
            _check_not_theirs(folder / entry.name, entry)
        for hidden, entry in self._written:
            path = folder / entry.name
            path.parent.mkdir(mode=0o700, exist_ok=True)
            hidden.replace(path)
        if self._written and self.target.by_day:
            sync_folder(folder / self.target.account)
        sync_folder(folder)

    def _give_up(self) -> None:
        """Leave nothing half-done behind, as far as the disk lets us."""
        for whole in self._open.values():
            with suppress(OSError):
                whole.file.close()
        for hidden in [*(whole.hidden for whole in self._open.values()), *(path for path, _ in self._written)]:
            with suppress(OSError):
                hidden.unlink(missing_ok=True)


def _check_not_theirs(path: Path, entry: LogFile) -> None:
    """Refuse to replace what someone has put there meanwhile; we may have, and been killed before we could say so."""
    if os.path.lexists(path) and not (path.is_file() and measured(path) == (entry.bytes, entry.sha256)):
        raise FileExistsError(errno.EEXIST, "File exists, and is not of this export", str(path))


def measured(path: Path) -> tuple[int, str]:
    """Return a file's size and its SHA-256, as they are on the disk."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def _facts(lines: list[bytes]) -> list[_Fact]:
    try:
        return _all_facts(b"[%b]" % b",".join(lines))
    except UNREADABLE:
        return [_one_fact(line) for line in lines]


def _one_fact(line: bytes) -> _Fact:
    try:
        return _fact(line)
    except UNREADABLE:
        return _Fact()


@lru_cache(maxsize=512)
def _begins_day(text: str) -> bool:
    """Say whether a time begins so; it may become a file's name, so nothing else will do."""
    return _UTC_DAY.fullmatch(text) is not None


def _day(stamp: str) -> str:
    time_ns = parse_ns(stamp)
    return UNDATED if time_ns is None else from_ns(time_ns).date().isoformat()
