"""The forms a finished log can have: what each is called, and what writes it."""

from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO, Literal, Protocol, TypeAlias

from attrs import frozen

from hubapi.errors import ConfigurationError

FormatName: TypeAlias = Literal["jsonl"]


class Writer(Protocol):
    """Writes events, the oldest first, to an open file."""

    def write(self, lines: Sequence[bytes], /) -> None:
        """Write some events, each one a line of JSON without its end."""
        ...

    def close(self) -> None:
        """Write what is left; the file itself stays open."""
        ...


@frozen
class Format:
    """A form: the end of its files' names, and how one is begun."""

    suffix: str
    writer: Callable[[BinaryIO], Writer]


@frozen
class _JsonLines:
    """One event a line, the bytes that came."""

    file: BinaryIO

    def write(self, lines: Sequence[bytes], /) -> None:
        self.file.write(b"\n".join([*lines, b""]))

    def close(self) -> None:
        pass


FORMATS: Mapping[str, Format] = {"jsonl": Format(".jsonl", _JsonLines)}


def format_of(name: str) -> Format:
    """Return a format by its name.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if name not in FORMATS:
        raise ConfigurationError(f"format is {name!r}; there are {', '.join(FORMATS)}")
    return FORMATS[name]
