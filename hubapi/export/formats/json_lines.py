"""A log as JSON Lines: one event a line, the bytes that came; plain or compressed."""

import sys
import zlib
from collections.abc import Sequence
from typing import BinaryIO, Protocol

from attrs import define, field, frozen

_BLOCK = 1 << 20  # bytes that are compressed at a time
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3


@frozen
class JsonLines:
    """Writes the bytes that came."""

    file: BinaryIO

    def write(self, lines: Sequence[bytes], /) -> None:
        """Write some events."""
        self.file.write(_joined(lines))

    def close(self) -> None:
        """Do nothing: nothing is left."""


class Compressor(Protocol):
    """What zlib and zstd have in common."""

    def compress(self, data: bytes, /) -> bytes:
        """Take bytes, and return some compressed ones, or none yet."""
        ...

    def flush(self) -> bytes:
        """Return the rest."""
        ...


@define
class CompressedLines:
    """Writes the bytes that came, compressed in blocks of one size.

    Some builds of zlib (zlib-ng) compress the same bytes otherwise when they come in other pieces:
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


def gzip(file: BinaryIO) -> CompressedLines:
    """Return a writer of `.jsonl.gz`. The header holds neither a time nor a name.

    Source: RFC 1952; zlib writes it so where nobody says otherwise, and `gzip.GzipFile` would write an end to a file
    that was given up.
    """
    return CompressedLines(file, zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16))


def zstandard(file: BinaryIO) -> CompressedLines:
    """Return a writer of `.jsonl.zst`: one frame with its checksum, as the command `zstd` makes it.

    Source: RFC 8878; the library is that of Python 3.14, for those before it as `backports.zstd` (PEP 784).
    """
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415
    else:
        from backports import zstd  # noqa: PLC0415 - behind the extra `zstd`

    wanted = zstd.CompressionParameter
    options: dict[int, int] = {wanted.compression_level: _ZSTD_LEVEL, wanted.checksum_flag: 1, wanted.nb_workers: 0}
    return CompressedLines(file, zstd.ZstdCompressor(options=options))


def _joined(lines: Sequence[bytes]) -> bytes:
    return b"\n".join([*lines, b""])
