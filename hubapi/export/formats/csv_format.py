r"""A log as CSV (RFC 4180): UTF-8, a header, `\r\n` at the end of a row. No cell of it is a formula.

A spreadsheet calculates a cell that begins with `=`, and that is not the only such character: it depends on the
program and its language, and blanks may stand in front. So **a cell gets an apostrophe in front unless it begins with a
letter, a digit, `_`, `"`, `[` or `{`**. To read the values as they came, take away one apostrophe where a cell begins
with one.

A spreadsheet that is set to split at semicolons can still be led astray, as by any CSV: tell it to split at commas.

Source: https://owasp.org/www-community/attacks/CSV_Injection and, for the full-width characters that a Japanese Excel
takes for their ASCII ones, https://github.com/OWASP/www-community/issues/1088.
"""

import csv
import re
from collections.abc import Sequence
from io import StringIO
from typing import BinaryIO

from attrs import define

from hubapi.export.formats.columns import COLUMNS, TEXTS, Row, row_of

_MAYBE_FORMULA = re.compile(r"[^\w\"\[{]|ー").match
_NULL = b"\\u0000"


@define
class CsvWriter:
    """Writes a row for each event. An empty cell is an empty text, null, or nothing: CSV knows no difference."""

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
    """Return a row without null characters: programs end a cell there. In JSON, as in `other`, they are escaped."""
    row = row_of(line)
    if _NULL in line:
        return row_of(line, unfit=[column for column, cell in zip(TEXTS, row, strict=False) if cell and "\0" in cell])
    return row


def _safe(cell: str | None) -> str | None:
    return f"'{cell}" if cell and _MAYBE_FORMULA(cell) else cell
