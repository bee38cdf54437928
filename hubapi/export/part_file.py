"""The part of a log that was read so far: a file of lines, the newest event first.

The part itself says how far a walk has come, so nothing else has to be kept in step with it. What a crash may have left
at its end, half a line or a block of zeros, is no JSON, and is cut off before the walk goes on.

All of it blocks; callers run it in a worker thread, some hundred kilobytes at a time.
"""

import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from attrs import define, field

from hubapi.export.log_walk import SEAM_NS
from hubapi.export.pages import UNREADABLE, Line, Page, time_of

_BLOCK = 128 << 10
_TAIL = 200  # lines at least that a walk is told of, to go on from

_check = msgspec.json.Decoder(msgspec.Raw).decode


@define
class Part:
    """One log's part on disk.

    Args:
        path: Where it is.
        batch: Bytes to gather before they are written.
    """

    path: Path
    batch: int = _BLOCK
    events: int = field(default=0, init=False)
    _pending: list[bytes] = field(factory=list[bytes], init=False)
    _size: int = field(default=0, init=False)

    def open(self) -> Page | None:
        """Begin, or go on: return the last events of what an earlier run has read, the newest first; None if nothing.

        Only its owner may read it: audit events name people and addresses.
        """
        os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600))
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
        """Forget what was read."""
        self.events, self._size = 0, 0
        self._pending.clear()
        os.truncate(self.path, 0)

    def add(self, lines: Sequence[Line]) -> bool:
        """Take lines; return whether it is time to `flush`."""
        if lines:
            piece = b"\n".join([*lines, b""])
            self._pending.append(piece)
            self._size += len(piece)
            self.events += len(lines)
        return self._size >= self.batch

    def flush(self) -> None:
        """Write what was taken."""
        pieces, self._pending, self._size = self._pending, [], 0
        if pieces:
            with naming(self.path), self.path.open("ab") as file:
                file.writelines(pieces)

    def rest(self) -> None:
        """Write what was taken, and leave no empty part behind."""
        self.flush()
        if not self.events:
            self.remove()

    def oldest_first(self) -> Iterator[list[bytes]]:
        """Yield the lines in the order of time, without their ends, about a block of them at a time."""
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
        """Remove it."""
        self.path.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Generator[None]:
    """Let an error that comes from writing an open file say which it is: the system doesn't."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _is_json(line: bytes) -> bool:
    try:
        _check(line)
    except (*UNREADABLE, RecursionError):
        return False
    return True


def _is_past(line: bytes, last: bytes) -> bool:
    """Say whether a line is so much newer than the last one that no anchor reaches it."""
    time_ns, last_ns = time_of(line), time_of(last)
    return time_ns is None or last_ns is None or time_ns > last_ns + SEAM_NS
