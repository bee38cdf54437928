r"""A log as CSV (RFC 4180): UTF-8, a header, `\r\n` at the end of a row. No cell is a formula.

A spreadsheet calculates a cell that begins with `=`, and with some other characters, depending on the program and its
language, and even after leading spaces. So **a cell gets an apostrophe in front unless it begins with a letter, a
digit, `_`, `"`, `[` or `{`**. To read the values as they came, remove one apostrophe from each cell that begins with
one.

A spreadsheet that is set to split at semicolons can still be misled, as by any CSV file: set it to split at commas.

Source: https://owasp.org/www-community/attacks/CSV_Injection and, for the full-width characters that a Japanese Excel
treats like their ASCII counterparts, https://github.com/OWASP/www-community/issues/1088.
"""

import csv
import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import BinaryIO

from attrs import define

from hubapi.export.formats.columns import COLUMNS, TEXTS, Row, row_of
from hubapi.export.formats.format import Format

_MAYBE_FORMULA = re.compile(r"[^\w\"\[{]|ー").match
_NULL = b"\\u0000"


@define
class CsvWriter:
    """Writes a row for each event. An empty cell is an empty text, null, or nothing: CSV can't tell them apart."""

    file: BinaryIO

    def __attrs_post_init__(self) -> None:
        self._write([COLUMNS])

    def write(self, lines: Sequence[bytes], /) -> None:
        """Write some events."""
        self._write([[_safe(cell) for cell in _row(line)] for line in lines])

    def close(self) -> None:
        """Do nothing: nothing is left."""

    def _write(self, rows: Sequence[Sequence[str | None]]) -> None:
        text = StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(rows)
        self.file.write(text.getvalue().encode())


def _row(line: bytes) -> Row:
    """Return a row without null characters, as programs end a cell there. In the JSON of `other` they are escaped."""
    row = row_of(line)
    if _NULL in line:
        return row_of(line, unfit=[column for column, cell in zip(TEXTS, row, strict=False) if cell and "\0" in cell])
    return row


def _safe(cell: str | None) -> str | None:
    return f"'{cell}" if cell and _MAYBE_FORMULA(cell) else cell


def _count(path: Path) -> int:
    """Count the rows after the header. A line break within quotes doesn't end a row."""
    rows, quotes = 0, 0
    with path.open("rb") as file:
        for line in file:
            quotes += line.count(b'"')
            rows += quotes % 2 == 0
    return max(0, rows - 1)


CSV = Format(suffix=".csv", writer=CsvWriter, count_events=_count)
