"""The body of a response: read as it comes, and decoded, both within a limit.

httpx would decode while it reads, without a limit: 1 MB of gzip becomes 1 GB. So the raw bytes are read, and decoded
here in pieces, between which other tasks have their turn and a cancellation is noticed.
"""

import zlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterator
from typing import Protocol, cast

from anyio.lowlevel import checkpoint
from msgspec import Struct

from hubapi._transport.transport import Limits
from hubapi.errors import DecodeError, HubError, NoResponseError, shorten

_PIECE = 1 << 20  # bytes that are decoded at a time
_FED = 1 << 14  # bytes that the decoder is given at a time: it copies what it does not use
_LEFT = 64  # chunks that may still come from a stream after it was closed
_GZIP = b"\x1f\x8b"


class Stream(Protocol):
    """The response of a client like httpx, whose body has not been read."""

    @property
    def stream(self) -> object:
        """The body as it comes: an async iterable of bytes."""
        ...

    def aclose(self) -> Awaitable[None]:
        """Give the connection back, or close it if the body was not read to its end."""
        ...


class RawResponse(Struct, frozen=True):
    """A response as it came.

    Attributes:
        status: The HTTP status.
        headers: Names and values.
        body: In its content coding; None for one that is larger than allowed.
        is_decoded: Whether the body's content coding has been undone already.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes | None
    is_decoded: bool = False


async def read_body(response: Stream, limit: int) -> bytes | None:
    """Return a body as it comes; None, and the connection closed, for one of more than *limit* bytes."""
    chunks: list[bytes] = []
    size = 0
    iterator = aiter(cast("AsyncIterable[bytes]", response.stream))  # if it is not, that is a TypeError
    try:
        async for chunk in iterator:
            size += len(chunk)
            if size > limit:
                break
            chunks.append(chunk)
    finally:
        await response.aclose()
    if size > limit:
        await _exhaust(iterator)
        return None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _exhaust(closed: AsyncIterator[bytes]) -> None:
    """Run the generators of a closed body to their end: trio warns of those that are left suspended."""
    try:
        for _ in range(_LEFT):
            await anext(closed)
    except Exception:  # noqa: BLE001 - reading what is closed fails in many ways
        return


async def content_of(response: RawResponse, encoding: str, limits: Limits) -> bytes:
    """Return the content of a response: its body, decoded.

    An error counts for its status and headers, so it has no content if its body can't be decoded.

    Args:
        response: As it came.
        encoding: Its `content-encoding`; empty if there is none.
        limits: How large a body may be.

    Raises:
        DecodeError: a success is larger than allowed, or in an unknown content coding.
        NoResponseError: the body of a success is cut off, or broken.
    """
    try:
        return await _decoded(response, encoding, limits.max_response_bytes)
    except HubError:
        if 200 <= response.status < 300:
            raise
        return b""


async def _decoded(response: RawResponse, encoding: str, limit: int) -> bytes:
    body = response.body
    if body is None or len(body) > limit:
        raise _too_large(f"the response has more than {limit:,} bytes", limit)
    if not (encoding and body) or response.is_decoded:
        return body
    for coding in reversed(encoding.lower().split(",")):
        match coding.strip():
            case "gzip" | "x-gzip" if body.startswith(_GZIP):
                body = await _inflated(body, zlib.MAX_WBITS | 16, limit)
            case "deflate" if _is_zlib(body):
                body = await _inflated(body, zlib.MAX_WBITS, limit)
            case "deflate":
                body = await _inflated_if_deflate(body, limit)
            case "gzip" | "x-gzip" | "identity" | "":  # gzip was announced, but not applied: seen behind some proxies
                pass
            case _:
                raise DecodeError(
                    f"the response has the content coding {shorten(coding.strip())!r}; gzip was asked for",
                    expected="gzip",
                )
    return body


async def _inflated(body: bytes, wbits: int, limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        for piece in _pieces(body, wbits):
            size += len(piece)
            if size > limit:
                raise _too_large(f"the response's {len(body):,} bytes decode to more than {limit:,}", limit)
            if pieces:
                await checkpoint()
            pieces.append(piece)
    except (EOFError, zlib.error) as error:
        problem = "cut off" if isinstance(error, EOFError) else "broken"
        raise NoResponseError(f"no response: its compressed body is {problem}") from None
    return b"".join(pieces)


async def _inflated_if_deflate(body: bytes, limit: int) -> bytes:
    """Decode deflate without the wrapper of zlib, as some servers send it; return anything else as it is."""
    try:
        return await _inflated(body, -zlib.MAX_WBITS, limit)
    except NoResponseError:
        return body


def _is_zlib(body: bytes) -> bool:
    """Return whether a body begins with the header of RFC 1950."""
    return len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0


def _pieces(body: bytes, wbits: int) -> Iterator[bytes]:
    """Yield what a body decodes to, 1 MiB at most at a time. gzip may have several members (RFC 1952, 2.2).

    Raises:
        EOFError: it is cut off.
        zlib.error: it is broken.
    """
    position = 0
    while True:
        inflater = zlib.decompressobj(wbits)
        while not inflater.eof:
            fed = body[position : position + _FED]
            piece = inflater.decompress(fed, _PIECE)
            if not (fed or piece):
                raise EOFError
            position += len(fed) - len(inflater.unused_data or inflater.unconsumed_tail)
            yield piece
        if not body.startswith(_GZIP, position):  # nothing, or padding
            return


def _too_large(what: str, limit: int) -> DecodeError:
    return DecodeError(f"{what}, the limit of Settings(max_response_bytes=)", expected=f"at most {limit:,} bytes")
