"""The formats by name. To add one, write its module, and list it here: its name in `FormatName`, and its `Format`."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Literal, TypeAlias

from hubapi.errors import ConfigurationError
from hubapi.export.formats import csv_format, json_lines, parquet_format
from hubapi.export.formats.format import Format

FormatName: TypeAlias = Literal["jsonl", "jsonl.gz", "jsonl.zst", "csv", "parquet"]

FORMATS: Mapping[str, Format] = {
    "jsonl": json_lines.PLAIN,
    "jsonl.gz": json_lines.GZIP,
    "jsonl.zst": json_lines.ZSTANDARD,
    "csv": csv_format.CSV,
    "parquet": parquet_format.PARQUET,
}


def format_of(name: str) -> Format:
    """Return a format by its name.

    Raises:
        ConfigurationError: there is no such format, or the library that it needs is not installed.

    Example:
        >>> format_of("jsonl.gz").suffix
        '.jsonl.gz'
    """
    if name not in FORMATS:
        raise ConfigurationError(f"format is {name!r}; the formats are {', '.join(FORMATS)}")
    form = FORMATS[name]
    if form.library and not _is_installed(form.library):
        raise ConfigurationError(f'format {name!r} needs {form.library}: pip install "hubapi-client[{form.extra}]"')
    return form


def _is_installed(library: str) -> bool:
    """Return whether a library is installed, without loading it."""
    try:
        return find_spec(library) is not None
    except ModuleNotFoundError:  # the package around it is missing too
        return False
