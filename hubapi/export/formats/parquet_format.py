"""A log as Parquet, through pyarrow: the extra `parquet`.

`timestamp` is in UTC, to the nanosecond. Where that is not all that the event's text says, because it has no meaning,
more than nine digits, another zone, or lies before 1678 or after 2261, the text stands in `other` as well. All else is
text; `data` and `other` are JSON.
"""

import re
from collections.abc import Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import define, field

from hubapi._datetimes import parse_ns
from hubapi.export.formats.columns import COLUMNS, Row, row_of

SCHEMA = pa.schema(
    {column: pa.timestamp("ns", tz="UTC") if column == "timestamp" else pa.string() for column in COLUMNS}
)
_REPEATED = ["account", "action", "name", "actor", "action_description"]  # worth a dictionary; the rest differs

# A row group is as many events as are so many bytes of JSON: memory stays flat however large an event is, and the file
# is the same however events were gathered.
_GROUP = 4 << 20

_WHOLE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII).fullmatch
_NANOSECONDS = range(-(2**63) + 1, 2**63)  # the lowest of 64 bits is pandas' word for no time


class _File(pq.ParquetWriter):
    """A file that is not finished by itself: pyarrow's own would, where a log is given up and its file closed."""

    def __del__(self) -> None:
        pass


@define
class ParquetWriter:
    """Writes a row for each event."""

    file: BinaryIO
    _parquet: _File = field(init=False)
    _pending: list[bytes] = field(factory=list[bytes], init=False)
    _size: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._parquet = _File(
            self.file,
            SCHEMA,
            compression="zstd",
            use_dictionary=_REPEATED,  # type: ignore[arg-type]  # the stubs know only True and False
        )

    def write(self, lines: Sequence[bytes], /) -> None:
        """Write some events."""
        for line in lines:
            self._pending.append(line)
            self._size += len(line)
            if self._size >= _GROUP:
                self._write_group()

    def close(self) -> None:
        """Write what is left, and the end that makes it a Parquet file."""
        if self._pending:
            self._write_group()
        self._parquet.close()

    def _write_group(self) -> None:
        columns = zip(*map(_row, self._pending), strict=True)
        cells = dict(zip(COLUMNS, columns, strict=True))
        group = pa.table(cells, schema=SCHEMA)  # pyright: ignore[reportUnknownMemberType] - it takes numpy's too
        self._parquet.write_table(group, row_group_size=len(self._pending))
        self._pending, self._size = [], 0


def _row(line: bytes) -> tuple[int | None, *Row]:
    text, *cells = row_of(line)
    if text is None:
        return None, *cells
    time_ns = parse_ns(text)
    fits = time_ns is not None and time_ns in _NANOSECONDS
    if not fits or not _WHOLE(text):
        _, *cells = row_of(line, unfit=["timestamp"])
    return time_ns if fits else None, *cells
