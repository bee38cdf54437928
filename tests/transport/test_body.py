"""Response bodies: decoding and the size limit."""

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import anyio
import anyio.lowlevel
import httpx
import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from hubapi import DecodeError, NoResponseError
from hubapi._transport.body import RawResponse, content_of, read_body
from hubapi._transport.transport import Limits

pytestmark = pytest.mark.anyio

PAGE = b'{"logs": [' + b", ".join(b'{"n": %d}' % n for n in range(2000)) + b"]}"


def deflated(content: bytes) -> bytes:
    """Compress with raw deflate, without the header of zlib, as some servers do."""
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return raw.compress(content) + raw.flush()


async def content(body: bytes, encoding: str, *, status: int = 200, limit: int = 1 << 20) -> bytes:
    raw = RawResponse(status, [], body)
    return await content_of(raw, encoding, Limits(max_response_bytes=limit))


DECODABLE = {
    "gzip": ("gzip", gzip.compress(PAGE)),
    "upper case": ("GZIP", gzip.compress(PAGE)),
    "x-gzip": ("x-gzip", gzip.compress(PAGE)),
    "two members": ("gzip", gzip.compress(PAGE[:100]) + gzip.compress(PAGE[100:])),
    "many members": ("gzip", b"".join(gzip.compress(PAGE[n : n + 9]) for n in range(0, len(PAGE), 9))),
    "a member of nothing": ("gzip", gzip.compress(PAGE) + gzip.compress(b"")),
    "padding": ("gzip", gzip.compress(PAGE) + b"\0" * 512),
    "deflate": ("deflate", zlib.compress(PAGE)),
    "deflate without zlib": ("deflate", deflated(PAGE)),
    "twice": ("gzip, gzip", gzip.compress(gzip.compress(PAGE))),
    "one in the other": ("deflate,gzip", gzip.compress(zlib.compress(PAGE))),
    "identity": ("identity", PAGE),
    "nothing named": (",", PAGE),
    "gzip announced, plain sent": ("gzip", PAGE),
    "deflate announced, plain sent": ("deflate", PAGE),
    "gzip of gzip announced once more": ("gzip, gzip", gzip.compress(PAGE)),
    "none": ("", PAGE),
}


@pytest.mark.parametrize("name", DECODABLE)
async def test_a_body_is_decoded(name: str) -> None:
    """As sent by servers, and by proxies in front of them."""
    encoding, body = DECODABLE[name]

    assert PAGE == await content(body, encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
async def test_an_empty_body_is_valid_in_any_coding(encoding: str) -> None:
    """Such as the response to a HEAD, which has the headers of a GET."""
    assert b"" == await content(b"", encoding)


@given(data=st.binary(max_size=100_000), members=st.integers(1, 4))
async def test_gzip_round_trip(data: bytes, members: int) -> None:
    """With any number of members."""
    size = len(data) // members + 1
    body = b"".join(gzip.compress(data[n : n + size]) for n in range(0, len(data), size))

    assert data == await content(body, "gzip")


TRUNCATED = {
    "gzip": ("gzip", gzip.compress(PAGE)[:-1]),
    "gzip without checksum": ("gzip", gzip.compress(PAGE)[:-8]),
    "half of gzip": ("gzip", gzip.compress(PAGE)[:2000]),
    "gzip, inside the header": ("gzip", gzip.compress(PAGE)[:5]),
    "second member": ("gzip", gzip.compress(PAGE) + gzip.compress(PAGE)[:-4]),
    "deflate": ("deflate", zlib.compress(PAGE)[:-5]),
    "inner": ("gzip, gzip", gzip.compress(gzip.compress(PAGE)[:-6])),
}
BROKEN = {
    "wrong checksum": ("gzip", gzip.compress(PAGE)[:-8] + b"\0" * 8),
    "garbage inside": ("gzip", gzip.compress(PAGE)[:10] + b"\xff" * 2000),
    "garbage after the header": ("deflate", zlib.compress(PAGE)[:2] + b"\xff" * 50),
}


@pytest.mark.parametrize(
    ("encoding", "body", "words"),
    [(*case, "truncated") for case in TRUNCATED.values()] + [(*case, "corrupt") for case in BROKEN.values()],
    ids=[*TRUNCATED, *BROKEN],
)
async def test_an_invalid_compressed_body_is_no_response(encoding: str, body: bytes, words: str) -> None:
    """The request may be retried as after a lost connection; the status of an error response still counts."""
    with pytest.raises(NoResponseError, match=words):
        await content(body, encoding)

    assert b"" == await content(body, encoding, status=429)


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, br", "br, gzip"])
async def test_the_error_names_an_unknown_coding(encoding: str) -> None:
    """The request accepts gzip only."""
    unknown = next(name for name in encoding.split(", ") if name != "gzip")
    body = gzip.compress(PAGE) if encoding.endswith("gzip") else b"\x0b\x02\x80{}\x03"

    with pytest.raises(DecodeError, match=f"content coding '{unknown}'"):
        await content(body, encoding)

    assert b"" == await content(body, encoding, status=404)


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
async def test_a_body_may_be_as_large_as_the_limit(encoding: str) -> None:
    """Before and after decoding."""
    body = {"": PAGE, "gzip": gzip.compress(PAGE), "deflate": zlib.compress(PAGE)}[encoding]

    assert PAGE == await content(body, encoding, limit=len(PAGE))
    with pytest.raises(DecodeError, match=r"max_response_bytes=") as caught:
        await content(body, encoding, limit=len(PAGE) - 1)
    assert f"{len(PAGE) - 1:,}" in str(caught.value)
    assert f"at most {len(PAGE) - 1:,} bytes" == caught.value.expected
    assert b"" == await content(body, encoding, limit=len(PAGE) - 1, status=500)


def bomb(size: int) -> bytes:
    return gzip.compress(b"\0" * size)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip"])
async def test_a_decompression_bomb_needs_little_more_memory_than_the_limit(encoding: str) -> None:
    """Of a body that grows a thousandfold, only the limit and one more piece are decoded."""
    size, limit = 256 << 20, 4 << 20
    packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS | (16 if "gzip" in encoding else 0))
    body = b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()
    body = gzip.compress(body) if "," in encoding else body

    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            await content(body, encoding, limit=limit)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 3 * limit


async def test_other_tasks_run_while_a_large_body_is_decoded() -> None:
    """It is decoded in pieces; between them it can also be cancelled."""
    body, steps, done = bomb(32 << 20), 0, False

    async def count() -> None:
        nonlocal steps
        while not done:
            steps += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(count)
        assert 32 << 20 == len(await content(body, "gzip", limit=32 << 20))
        done = True

    assert steps >= 30
    with anyio.CancelScope() as scope:
        scope.cancel()
        await content(body, "gzip", limit=32 << 20)
    assert scope.cancelled_caught


# --- reading


@define(eq=False)
class Chunks(httpx.AsyncByteStream):
    """A body in chunks that fails if it is read after it was closed, like that of a connection."""

    chunks: int
    size: int = 1000
    given: int = 0
    closed: bool = False
    ended: bool = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while self.given < self.chunks:
                await anyio.lowlevel.checkpoint()
                if self.closed:
                    raise httpx.ReadError("closed")
                self.given += 1
                yield bytes(self.size)
        finally:
            self.ended = True

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize("chunks", [0, 1, 2, 10])
async def test_a_body_is_read_to_its_end(chunks: int) -> None:
    """Then the response is closed, which releases its connection."""
    stream = Chunks(chunks)

    assert bytes(1000 * chunks) == await read_body(httpx.Response(200, stream=stream), 10_000)
    assert (True, True) == (stream.closed, stream.ended)


async def test_an_endless_body_is_read_up_to_the_limit() -> None:
    """Then the connection is closed, and no generator is left suspended: trio would warn."""
    stream = Chunks(1_000_000)

    assert await read_body(httpx.Response(200, stream=stream), 10_000) is None
    assert (11, True, True) == (stream.given, stream.closed, stream.ended)


async def test_a_stream_that_yields_after_it_was_closed_is_tolerated() -> None:
    """A caller's transport may do that."""

    class IgnoresClose(httpx.AsyncByteStream):
        given = 0

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for _ in range(70):  # finite, because trio would warn of an endless one
                self.given += 1
                yield bytes(1000)

    stream = IgnoresClose()
    assert await read_body(httpx.Response(200, stream=stream), 6_000) is None
    assert 70 == stream.given


async def test_a_cancelled_body_is_closed() -> None:
    """At once."""
    stream = Chunks(1_000_000)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await read_body(httpx.Response(200, stream=stream), 10_000)

    assert (0, True, True) == (stream.given, stream.closed, stream.ended)
