"""The part of a log that has been read so far: a file with one event per line, newest first.

The file itself says how far the walk has come, so nothing else has to be kept in step with it. A crash may leave half a
line or a block of zeros at its end: that is no JSON, and is cut off before the walk continues.

Everything here blocks. Callers run it in a worker thread, some hundred kilobytes at a time.
"""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from attrs import define, field

from hubapi import _files
from hubapi.export.log_walk import RESTART_OVERLAP_NS
from hubapi.export.pages import UNREADABLE, Line, Page, time_of

_BLOCK = 128 << 10
_TAIL = 200  # the fewest lines that a walk continues from

_check = msgspec.json.Decoder(msgspec.Raw).decode


@define
class PartFile:
    """One log's part file.

    Args:
        path: The file.
        batch: Bytes to collect before they are written.
    """

    path: Path
    batch: int = _BLOCK
    events: int = field(default=0, init=False)
    _pending: list[bytes] = field(factory=list[bytes], init=False)
    _size: int = field(default=0, init=False)

    def open(self) -> Page | None:
        """Create the file, or continue one: return the last events that an earlier run has read, newest first."""
        _files.create_if_missing(self.path)
        tail: deque[bytes] = deque()
        good = 0
        with self.path.open("r+b") as file:
            for line in file:
                if not line.endswith(b"\n") or not _is_json(line):
                    break
                good += len(line)
                self.events += 1
                tail.append(line[:-1])
                while len(tail) > _TAIL and _is_past(tail[0], line):
                    tail.popleft()
            file.truncate(good)
        return Page(list(tail)) if tail else None

    def start_over(self) -> None:
        """Remove all events."""
        self.events, self._size = 0, 0
        self._pending.clear()
        os.truncate(self.path, 0)

    def add(self, lines: Sequence[Line]) -> bool:
        """Take lines, and return whether enough are collected to `flush`."""
        if lines:
            piece = b"\n".join([*lines, b""])
            self._pending.append(piece)
            self._size += len(piece)
            self.events += len(lines)
        return self._size >= self.batch

    def flush(self) -> None:
        """Write the lines that were collected."""
        pieces, self._pending, self._size = self._pending, [], 0
        if pieces:
            with _files.naming_file(self.path), self.path.open("ab") as file:
                file.writelines(pieces)

    def close(self) -> None:
        """Write the lines that were collected; remove the file if there have been none."""
        self.flush()
        if not self.events:
            self.remove()

    def oldest_first(self) -> Iterator[list[bytes]]:
        """Yield the lines in the order of time, without their line ends, about a block of them at a time."""
        if not self.events:
            return
        with self.path.open("rb") as file:
            position = file.seek(0, os.SEEK_END)
            tail = b""
            while position > 0:
                step = min(_BLOCK, position)
                position -= step
                file.seek(position)
                lines = (file.read(step) + tail).split(b"\n")
                tail = lines[0] if position else b""
                found = [line for line in reversed(lines[1:] if position else lines) if line]
                if found:
                    yield found

    def remove(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


def _is_json(line: bytes) -> bool:
    try:
        _check(line)
    except (*UNREADABLE, RecursionError):
        return False
    return True


def _is_past(line: bytes, last: bytes) -> bool:
    """Return whether a line is so much newer than the last one that no restart reads it again."""
    time_ns, last_ns = time_of(line), time_of(last)
    return time_ns is None or last_ns is None or time_ns > last_ns + RESTART_OVERLAP_NS
