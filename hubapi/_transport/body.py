"""The body of a response: read raw, then decoded, both within a size limit.

httpx would decode while reading, without a limit: 1 MB of gzip can become 1 GB. So the raw bytes are read, and decoded
here in chunks, with a checkpoint between them so that other tasks run and cancellation is noticed.
"""

import zlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterator
from typing import Protocol, cast

from anyio.lowlevel import checkpoint
from msgspec import Struct

from hubapi._transport.transport import Limits
from hubapi.errors import DecodeError, HubError, NoResponseError, shorten

_OUTPUT_BYTES = 1 << 20  # at most, of one decoded chunk
_INPUT_BYTES = 1 << 14  # passed to the decoder at a time: it copies the unused rest
_MAX_DRAIN = 64  # chunks that a stream may still yield after it was closed
_GZIP_MAGIC = b"\x1f\x8b"


class Stream(Protocol):
    """A streamed response of httpx or httpx2, whose body has not been read."""

    @property
    def stream(self) -> object:
        """The raw body: an async iterable of bytes."""
        ...

    def aclose(self) -> Awaitable[None]:
        """Release the connection, or close it if the body was not read to its end."""
        ...


class RawResponse(Struct, frozen=True):
    """A response as received.

    Attributes:
        status: The HTTP status.
        headers: Names and values.
        body: Encoded as received; None if it is larger than allowed.
        is_decoded: True if the body has already been decoded.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes | None
    is_decoded: bool = False


async def read_body(response: Stream, limit: int) -> bytes | None:
    """Return a raw body; if it has more than *limit* bytes, close the connection and return None."""
    chunks: list[bytes] = []
    size = 0
    iterator = aiter(cast("AsyncIterable[bytes]", response.stream))  # TypeError if it is anything else
    try:
        async for chunk in iterator:
            size += len(chunk)
            if size > limit:
                break
            chunks.append(chunk)
    finally:
        await response.aclose()
    if size > limit:
        await _drain(iterator)
        return None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _drain(closed: AsyncIterator[bytes]) -> None:
    """Run the generators of a closed body to their end: trio warns if they are left suspended."""
    try:
        for _ in range(_MAX_DRAIN):
            await anext(closed)
    except Exception:  # noqa: BLE001 - reading a closed stream fails in many ways
        return


async def content_of(response: RawResponse, encoding: str, limits: Limits) -> bytes:
    """Return the decoded body of a response.

    An error response matters for its status and headers, so its content is empty if its body can't be decoded.

    Args:
        response: The response as received.
        encoding: Its `content-encoding`; empty if there is none.
        limits: The size limit.

    Raises:
        DecodeError: a successful response is larger than allowed, or has an unknown content coding.
        NoResponseError: the body of a successful response is truncated or corrupt.
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
            case "gzip" | "x-gzip" if body.startswith(_GZIP_MAGIC):
                body = await _decode_zlib(body, zlib.MAX_WBITS | 16, limit)
            case "deflate" if _is_zlib(body):
                body = await _decode_zlib(body, zlib.MAX_WBITS, limit)
            case "deflate":
                body = await _decode_raw_deflate(body, limit)
            case "gzip" | "x-gzip" | "identity" | "":  # some proxies declare gzip without applying it
                pass
            case _:
                raise DecodeError(
                    f"the response has the content coding {shorten(coding.strip())!r}; gzip was asked for",
                    expected="gzip",
                )
    return body


async def _decode_zlib(body: bytes, wbits: int, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        for chunk in _inflate(body, wbits):
            size += len(chunk)
            if size > limit:
                raise _too_large(f"the response's {len(body):,} bytes decode to more than {limit:,}", limit)
            if chunks:
                await checkpoint()
            chunks.append(chunk)
    except (EOFError, zlib.error) as error:
        problem = "truncated" if isinstance(error, EOFError) else "corrupt"
        raise NoResponseError(f"no response: its compressed body is {problem}") from None
    return b"".join(chunks)


async def _decode_raw_deflate(body: bytes, limit: int) -> bytes:
    """Decode deflate without a zlib header, which some servers send; return anything else unchanged."""
    try:
        return await _decode_zlib(body, -zlib.MAX_WBITS, limit)
    except NoResponseError:
        return body


def _is_zlib(body: bytes) -> bool:
    """Return whether a body begins with a zlib header (RFC 1950)."""
    return len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0


def _inflate(body: bytes, wbits: int) -> Iterator[bytes]:
    """Yield the decoded body in chunks of at most 1 MiB. gzip may have several members (RFC 1952, 2.2).

    Raises:
        EOFError: it is truncated.
        zlib.error: it is corrupt.
    """
    position = 0
    while True:
        inflater = zlib.decompressobj(wbits)
        while not inflater.eof:
            data = body[position : position + _INPUT_BYTES]
            chunk = inflater.decompress(data, _OUTPUT_BYTES)
            if not (data or chunk):
                raise EOFError
            position += len(data) - len(inflater.unused_data or inflater.unconsumed_tail)
            yield chunk
        if not body.startswith(_GZIP_MAGIC, position):  # the end, or padding
            return


def _too_large(reason: str, limit: int) -> DecodeError:
    return DecodeError(f"{reason}, the limit of Settings(max_response_bytes=)", expected=f"at most {limit:,} bytes")
