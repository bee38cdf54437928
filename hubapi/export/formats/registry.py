"""The forms a finished log can have: what each is called, and what writes it.

A log's bytes depend on its events alone: not on how they were gathered into blocks, nor on when or where they were
written. What compresses is no different, as long as the library and its version stay the same.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import BinaryIO, Literal, Protocol, TypeAlias

from attrs import frozen

from hubapi.errors import ConfigurationError
from hubapi.export.formats.csv_format import CsvWriter
from hubapi.export.formats.json_lines import JsonLines, gzip, zstandard

FormatName: TypeAlias = Literal["jsonl", "jsonl.gz", "jsonl.zst", "csv", "parquet"]


class Writer(Protocol):
    """Writes events, the oldest first, to an open file. One that is given up is not closed, its file is."""

    def write(self, lines: Sequence[bytes], /) -> None:
        """Write some events, each one a line of JSON without its end."""
        ...

    def close(self) -> None:
        """Write what is left; the file itself stays open."""
        ...


@frozen(kw_only=True)
class Format:
    """A form: the end of its files' names, how one is begun, and the library that this takes, with its extra."""

    suffix: str
    writer: Callable[[BinaryIO], Writer]
    library: str | None = None
    extra: str = ""


def format_of(name: str) -> Format:
    """Return a format by its name.

    Raises:
        ConfigurationError: there is none of that name, or the library that it takes is not installed.

    Example:
        >>> format_of("jsonl.gz").suffix
        '.jsonl.gz'
    """
    if name not in FORMATS:
        raise ConfigurationError(f"format is {name!r}; there are {', '.join(FORMATS)}")
    form = FORMATS[name]
    if form.library and not _is_installed(form.library):
        raise ConfigurationError(f'format {name!r} needs {form.library}: pip install "hubapi-client[{form.extra}]"')
    return form


def _is_installed(library: str) -> bool:
    """Say whether a library is there, without the cost of loading it."""
    try:
        return find_spec(library) is not None
    except ModuleNotFoundError:  # not even the package around it is
        return False


def _parquet(file: BinaryIO) -> Writer:
    from hubapi.export.formats.parquet_format import ParquetWriter  # noqa: PLC0415 - loads pyarrow, behind the extra `parquet`

    return ParquetWriter(file)


_ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"

FORMATS: Mapping[str, Format] = {
    "jsonl": Format(suffix=".jsonl", writer=JsonLines),
    "jsonl.gz": Format(suffix=".jsonl.gz", writer=gzip),
    "jsonl.zst": Format(suffix=".jsonl.zst", writer=zstandard, library=_ZSTD, extra="zstd"),
    "csv": Format(suffix=".csv", writer=CsvWriter),
    "parquet": Format(suffix=".parquet", writer=_parquet, library="pyarrow", extra="parquet"),
}
