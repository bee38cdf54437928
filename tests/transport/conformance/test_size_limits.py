"""Bodies without end, and compressed ones that grow without end: bounded, and memory with them."""

import gzip
import tracemalloc
import zlib
from collections.abc import Awaitable

import pytest

from hubapi import HubError, NoResponseError
from hubapi._transport.transport import Limits, Request, Response
from tests.transport.conformance.conftest import Open
from tests.transport.conformance.servers import Connection, Handler, sending, serving

pytestmark = pytest.mark.anyio

LIMIT = 1 << 20
LIMITS = Limits(max_response_bytes=LIMIT)
BUFFERED = 16 << 20  # what sockets and clients may hold at most, for all we know


ZEROS = gzip.compress(bytes(100 << 20), mtime=0)
TWICE = gzip.compress(ZEROS, mtime=0)
DEFLATED = zlib.compress(bytes(100 << 20))
RAW_DEFLATED = DEFLATED[2:-4]
MEMBERS = gzip.compress(bytes(1 << 20), mtime=0) * 100


def endless(head: bytes, chunk: bytes, sent: list[int]) -> Handler:
    async def handle(connection: Connection) -> None:
        await connection.request()
        await connection.send(head)
        while True:
            await connection.send(chunk)
            sent.append(len(chunk))

    return handle


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(
    ("head", "chunk"),
    [
        (b"transfer-encoding: chunked\r\n\r\n", b"10000\r\n" + bytes(0x10000) + b"\r\n"),
        (b"content-length: 2000000000\r\n\r\n", bytes(0x10000)),
        (b"\r\n", bytes(0x10000)),
    ],
    ids=["chunks", "a length", "to the end"],
)
async def test_a_body_without_end(opened: Open, head: bytes, chunk: bytes, status: int) -> None:
    """Not read on: a success fails, an error has its status. Another request works."""
    sent: list[int] = []
    head = b"HTTP/1.1 %d X\r\n%b" % (status, head)
    async with serving(endless(head, chunk, sent)) as server, opened() as transport:
        outcome = await outcome_of(transport.send(Request(method="GET", url=f"{server.url}/", limits=LIMITS)))
        await server.until(lambda: len(server.ended) == 1)

    assert expected_for(status) == outcome
    assert sum(sent) <= LIMIT + BUFFERED


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", ZEROS),
        ("x-gzip", ZEROS),
        ("gzip", MEMBERS),
        ("gzip, gzip", TWICE),
        ("deflate", DEFLATED),
        ("deflate", RAW_DEFLATED),
    ],
    ids=["gzip", "x-gzip", "members", "twice", "deflate", "raw deflate"],
)
async def test_a_body_that_grows(opened: Open, encoding: str, body: bytes, status: int) -> None:
    """A hundred megabytes in a hundred kilobytes: no more is decoded than is allowed."""
    head = f"HTTP/1.1 {status} X\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(body)}\r\n\r\n"
    async with serving(sending(head.encode() + body)) as server, opened() as transport:
        tracemalloc.start()
        try:
            outcome = await outcome_of(transport.send(Request(method="GET", url=f"{server.url}/", limits=LIMITS)))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert expected_for(status) == outcome
    assert peak < 12 << 20


async def outcome_of(sent: Awaitable[Response]) -> str:
    """The name of the error, or the status of a response without content."""
    try:
        response = await sent
    except HubError:
        return "HubError"
    assert b"" == response.content
    return str(response.status)


def expected_for(status: int) -> str:
    return "HubError" if status == 200 else str(status)


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_as_large_as_allowed(opened: Open, size: int, encoding: str) -> None:
    """Read whole."""
    content = b"x" * size
    body = gzip.compress(content) if encoding == "gzip" else content
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(body)}\r\n\r\n"
    async with serving(sending(head.encode() + body)) as server, opened() as transport:
        response = await transport.send(Request(method="GET", url=f"{server.url}/", limits=LIMITS))

    assert content == response.content


CONTENT = b'{"results": []}' * 50
GZIPPED = gzip.compress(CONTENT)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", GZIPPED),
        ("GZip", GZIPPED),
        ("x-gzip", GZIPPED),
        ("gzip", b"".join(gzip.compress(CONTENT[n : n + 100]) for n in range(0, len(CONTENT), 100))),
        ("gzip", GZIPPED + b"\0" * 20),
        ("gzip, gzip", gzip.compress(GZIPPED)),
        ("gzip, identity", GZIPPED),
        ("deflate", zlib.compress(CONTENT)),
        ("deflate", zlib.compress(CONTENT)[2:-4]),
        ("identity", CONTENT),
        ("", CONTENT),
        ("gzip", CONTENT),
        ("deflate", CONTENT),
    ],
    ids=[
        "gzip",
        "in capitals",
        "x-gzip",
        "several members",
        "padded with zeros",
        "twice",
        "and identity",
        "deflate",
        "raw deflate",
        "identity",
        "empty",
        "announced only",
        "deflate announced only",
    ],
)
async def test_content_codings(opened: Open, encoding: str, body: bytes) -> None:
    """Undone, in every form that servers send."""
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(body)}\r\n\r\n"
    async with serving(sending(head.encode() + body)) as server, opened() as transport:
        response = await transport.send(Request(method="GET", url=f"{server.url}/"))

    assert CONTENT == response.content


@pytest.mark.parametrize("status", [200, 401, 404, 429, 503])
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", GZIPPED[:-20]),
        ("gzip", GZIPPED[:30] + b"\xff" * 30),
        ("br", b"\x8b\x07\x80"),
        ("deflate", zlib.compress(CONTENT)[:20]),
    ],
    ids=["cut off", "broken", "unknown", "cut deflate"],
)
async def test_a_coding_that_can_not_be_undone(opened: Open, encoding: str, body: bytes, status: int) -> None:
    """A success fails; an error keeps its status and headers, which count without a body."""
    head = (
        f"HTTP/1.1 {status} X\r\ncontent-encoding: {encoding}\r\nretry-after: 5\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    async with serving(sending(head.encode() + body)) as server, opened() as transport:
        if status == 200:
            with pytest.raises(HubError):
                await transport.send(Request(method="GET", url=f"{server.url}/"))
        else:
            response = await transport.send(Request(method="GET", url=f"{server.url}/"))
            assert (status, b"", "5") == (response.status, response.content, response.headers["retry-after"])


async def test_a_cut_body_in_a_coding_is_no_response(opened: Open) -> None:
    """The connection ended in the middle of it."""
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(GZIPPED)
    async with serving(sending(head + GZIPPED[:40], closes=True)) as server, opened() as transport:
        with pytest.raises(NoResponseError):
            await transport.send(Request(method="GET", url=f"{server.url}/"))
