"""The formats of a finished log: JSON Lines, plain or compressed, CSV and Parquet."""

from hubapi.export.formats.format import Format, Writer
from hubapi.export.formats.registry import FORMATS, FormatName, format_of

__all__ = ["FORMATS", "Format", "FormatName", "Writer", "format_of"]
