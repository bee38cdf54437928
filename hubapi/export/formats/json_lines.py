"""A log as JSON Lines: one event per line, the bytes that came; plain or compressed."""

import gzip
import sys
import zlib
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from attrs import define, field, frozen

from hubapi.export.formats.format import Format

_BLOCK = 1 << 20  # bytes that are compressed or counted at a time
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3
_ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"  # PEP 784


@frozen
class LineWriter:
    """Writes the bytes that came."""

    file: BinaryIO

    def write(self, lines: Sequence[bytes], /) -> None:
        """Write some events."""
        self.file.write(_joined(lines))

    def close(self) -> None:
        """Do nothing: nothing is left."""


class Compressor(Protocol):
    """The interface that the compressors of zlib and zstd share."""

    def compress(self, data: bytes, /) -> bytes:
        """Take bytes, and return some compressed ones, or none yet."""
        ...

    def flush(self) -> bytes:
        """Return the rest."""
        ...


@define
class CompressedLineWriter:
    """Writes the bytes that came, compressed in blocks of the same size.

    Some builds of zlib (zlib-ng) compress the same bytes differently if they come in other pieces:
    https://github.com/oven-sh/bun/pull/33746.
    """

    file: BinaryIO
    compressor: Compressor
    _pending: bytearray = field(factory=bytearray, init=False)

    def write(self, lines: Sequence[bytes], /) -> None:
        """Write some events."""
        self._pending += _joined(lines)
        while len(self._pending) >= _BLOCK:
            self.file.write(self.compressor.compress(bytes(self._pending[:_BLOCK])))
            del self._pending[:_BLOCK]

    def close(self) -> None:
        """Write what is left."""
        self.file.write(self.compressor.compress(bytes(self._pending)))
        self.file.write(self.compressor.flush())


def _gzip_writer(file: BinaryIO) -> CompressedLineWriter:
    """Return a writer whose header holds neither a time nor a name.

    Source: RFC 1952. zlib writes such a header by default; `gzip.GzipFile` would also finish a file that was abandoned.
    """
    return CompressedLineWriter(file, zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16))


def _zstd() -> Any:
    """Load zstd: part of Python 3.14, for earlier versions in the extra `zstd`."""
    return import_module(_ZSTD)


def _zstandard_writer(file: BinaryIO) -> CompressedLineWriter:
    """Return a writer of one frame with a checksum, like that of the command `zstd` (RFC 8878)."""
    zstd = _zstd()
    wanted = zstd.CompressionParameter
    options = {wanted.compression_level: _ZSTD_LEVEL, wanted.checksum_flag: 1, wanted.nb_workers: 0}
    return CompressedLineWriter(file, zstd.ZstdCompressor(options=options))


def _joined(lines: Sequence[bytes]) -> bytes:
    return b"\n".join([*lines, b""])


def _count_plain(path: Path) -> int:
    with path.open("rb") as file:
        return _count_lines(file)


def _count_gzip(path: Path) -> int:
    with gzip.open(path) as file:
        return _count_lines(file)


def _count_zstandard(path: Path) -> int:
    with _zstd().open(path) as file:
        return _count_lines(file)


def _count_lines(file: Any) -> int:
    return sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK), b""))


PLAIN = Format(suffix=".jsonl", writer=LineWriter, count_events=_count_plain)
GZIP = Format(suffix=".jsonl.gz", writer=_gzip_writer, count_events=_count_gzip)
ZSTANDARD = Format(
    suffix=".jsonl.zst", writer=_zstandard_writer, count_events=_count_zstandard, library=_ZSTD, extra="zstd"
)
