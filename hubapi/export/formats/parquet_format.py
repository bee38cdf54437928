"""A log as Parquet, with pyarrow: the extra `parquet`.

`timestamp` is in UTC, to the nanosecond. If the event's text says something else or more (it is no time, has more than
nine digits or another zone, or lies before 1678 or after 2261), the text is in `other` as well. All other columns are
text; `data` and `other` are JSON.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from attrs import define, field

from hubapi._datetimes import parse_ns
from hubapi.export.formats.columns import COLUMNS, Row, row_of
from hubapi.export.formats.format import Format

if TYPE_CHECKING:
    from pyarrow import Schema
    from pyarrow.parquet import ParquetWriter as _File

_REPEATED = ["account", "action", "name", "actor", "action_description"]  # worth a dictionary; others rarely repeat

# A row group ends after so many bytes of JSON: memory stays flat however large an event is, and the file is the same
# however events were grouped.
_GROUP = 4 << 20

_WHOLE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII).fullmatch
_NANOSECONDS = range(-(2**63) + 1, 2**63)  # pandas uses the lowest of 64 bits for "no time"


@define
class ParquetWriter:
    """Writes a row for each event."""

    file: BinaryIO
    _parquet: "_File" = field(init=False)
    _pending: list[bytes] = field(factory=list[bytes], init=False)
    _size: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._parquet = _open(self.file)

    def write(self, lines: Sequence[bytes], /) -> None:
        """Write some events."""
        for line in lines:
            self._pending.append(line)
            self._size += len(line)
            if self._size >= _GROUP:
                self._write_group()

    def close(self) -> None:
        """Write what is left, and the footer of a Parquet file."""
        if self._pending:
            self._write_group()
        self._parquet.close()

    def _write_group(self) -> None:
        import pyarrow as pa  # noqa: PLC0415 - behind an extra

        columns = zip(*map(_row, self._pending), strict=True)
        cells = dict(zip(COLUMNS, columns, strict=True))
        group = pa.table(cells, schema=_schema())  # pyright: ignore[reportUnknownMemberType] - it takes numpy's too
        self._parquet.write_table(group, row_group_size=len(self._pending))
        self._pending, self._size = [], 0


def _open(file: BinaryIO) -> "_File":
    """Begin a Parquet file."""
    return _file_class()(
        file,
        _schema(),
        compression="zstd",
        use_dictionary=_REPEATED,  # type: ignore[arg-type]  # the stubs know only True and False
    )


@cache
def _file_class() -> "type[_File]":
    from pyarrow.parquet import ParquetWriter  # noqa: PLC0415 - behind an extra

    class Unfinished(ParquetWriter):
        """A file that only `close` finishes: pyarrow's destructor would also finish an abandoned, closed one."""

        def __del__(self) -> None:
            pass

    return Unfinished


@cache
def _schema() -> "Schema":
    import pyarrow as pa  # noqa: PLC0415 - behind an extra

    time, text = pa.timestamp("ns", tz="UTC"), pa.string()
    return pa.schema({column: time if column == "timestamp" else text for column in COLUMNS})


def _row(line: bytes) -> tuple[int | None, *Row]:
    text, *cells = row_of(line)
    if text is None:
        return None, *cells
    time_ns = parse_ns(text)
    fits = time_ns is not None and time_ns in _NANOSECONDS
    if not fits or not _WHOLE(text):
        _, *cells = row_of(line, unfit=["timestamp"])
    return time_ns if fits else None, *cells


def _count(path: Path) -> int:
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - behind an extra

    with ParquetFile(path) as file:
        return file.metadata.num_rows


PARQUET = Format(suffix=".parquet", writer=ParquetWriter, count_events=_count, library="pyarrow", extra="parquet")
