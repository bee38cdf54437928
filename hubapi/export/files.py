"""The files of an export: a part that grows newest first, and the finished log, oldest first, put in place at once.

All of it blocks; callers run it in a worker thread, a mebibyte at a time.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from attrs import define, field

from hubapi.errors import ConfigurationError

_BATCH = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@define
class LogFile:
    """One account's log on disk. Only its owner may read it: audit events name people and addresses."""

    folder: Path
    account: str
    _pending: list[bytes] = field(factory=list[bytes])
    _size: int = 0

    def __attrs_post_init__(self) -> None:
        if not _NAME.fullmatch(self.account):
            raise ConfigurationError(f"{self.account!r} is no account name")

    @property
    def path(self) -> Path:
        """Where the finished log is."""
        return self.folder / f"{self.account}.jsonl"

    @property
    def _part(self) -> Path:
        return self.folder / f".{self.account}.part"

    @property
    def _whole(self) -> Path:
        return self.folder / f".{self.account}.whole"

    def begin(self) -> None:
        """Start an empty part."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))

    def add(self, lines: list[bytes]) -> bool:
        """Take lines, the newest first; return whether it is time to `flush`."""
        self._pending += lines
        self._size += sum(map(len, lines))
        return self._size >= _BATCH

    def flush(self) -> None:
        """Write what was taken."""
        with self._part.open("ab") as part:
            part.writelines(line + b"\n" for line in self._pending)
        self._pending, self._size = [], 0

    def finish(self) -> Path:
        """Write the log oldest first beside its place, make it durable, and put it there in one step."""
        self.flush()
        with os.fdopen(os.open(self._whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
            batch: list[bytes] = []
            for line in _backwards(self._part):
                batch.append(line)
                if len(batch) == 4096:
                    target.writelines(batch)
                    batch.clear()
            target.writelines(batch)
            target.flush()
            os.fsync(target.fileno())
        self._whole.replace(self.path)
        self._part.unlink()
        return self.path

    def give_up(self) -> None:
        """Leave nothing half-done behind, as far as the disk lets us."""
        for path in (self._part, self._whole):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _backwards(path: Path) -> Iterator[bytes]:
    """Yield a file's lines, the last one first, holding no more than a block of it."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        tail = b""
        while position > 0:
            step = min(_BATCH, position)
            position -= step
            file.seek(position)
            lines = (file.read(step) + tail).split(b"\n")
            tail = lines[0]
            yield from (line + b"\n" for line in reversed(lines[1:]) if line)
        if tail:
            yield tail + b"\n"
