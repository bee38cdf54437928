"""A format: the interface between a finished log and the file that holds it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from attrs import frozen


class Writer(Protocol):
    """Writes events to an open file, oldest first.

    A writer whose log is abandoned is not closed, but its file is: it must not write anything later.
    """

    def write(self, lines: Sequence[bytes], /) -> None:
        """Write some events, each a line of JSON without its line end."""
        ...

    def close(self) -> None:
        """Write what is left. The file itself stays open."""
        ...


@frozen(kw_only=True)
class Format:
    """A format of a finished log.

    The bytes of a file depend on its events alone: not on how they were grouped, nor on when or where they were
    written. The same holds for compressed files, as long as the library and its version are the same.

    Attributes:
        suffix: The end of the files' names.
        writer: Begins to write to a file.
        count_events: Counts the events of a file.
        library: A module that must be installed.
        extra: The extra of hubapi-client that installs it.
    """

    suffix: str
    writer: Callable[[BinaryIO], Writer]
    count_events: Callable[[Path], int]
    library: str | None = None
    extra: str = ""
