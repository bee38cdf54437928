"""A connection straight to a server: how long it waits, and for what."""

import ssl
from collections.abc import Iterator

import anyio
import anyio.abc
import pytest
from attrs import define, field

from hubapi import NoResponseError, NotSentError
from hubapi._transport.http1 import Http1, Server
from tests.transport.test_httpx import serving

pytestmark = pytest.mark.anyio

HEADERS = {"host": "hub.test"}


@define
class Drip(anyio.abc.ByteStream):
    """An answer that comes in pieces; remembers until when each was waited for."""

    connection: Http1
    pieces: Iterator[bytes]
    breaks: bool = False  # before it was given all of the request
    limits: list[float] = field(factory=list[float])

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        assert self.connection._scope is not None
        self.limits.append(self.connection._scope.deadline)
        return next(self.pieces)

    async def send(self, item: bytes) -> None:
        assert item.startswith(b"GET /v2/x HTTP/1.1\r\nhost: hub.test\r\n\r\n")
        if self.breaks:
            raise anyio.BrokenResourceError

    async def send_eof(self) -> None: ...

    async def aclose(self) -> None: ...


async def test_any_byte_gives_the_next_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long answer may take longer than `read_s`, as long as it goes on coming."""
    connection = Http1(Server(url="http://hub.test", connect_s=5, read_s=10))
    drip = Drip(connection, iter([b"HTTP/1.1 200 OK\r\n", b"content-length: 2\r\n\r\n", b"{", b"}"]))
    connection._stream = drip
    time = iter(range(1_000_000_000, 1_000_000_100, 7))
    monkeypatch.setattr(anyio, "current_time", lambda: next(time))

    assert (200, [(b"content-length", b"2")], b"{}") == await connection.exchange("GET", "/v2/x", HEADERS, b"")
    assert [10, 17, 24, 31] == [limit - 1_000_000_000 for limit in drip.limits]


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_server_that_is_slow_to_shake_hands_was_sent_nothing(scheme: str) -> None:
    """`connect_s` is for the connection and TLS together; after that, silence is no answer."""

    async def silent(stream: anyio.abc.SocketStream) -> None:
        async for _ in stream:
            pass

    tls = ssl.create_default_context() if scheme == "https" else None
    async with serving(silent) as url:
        connection = Http1(Server(url=url.replace("http:", f"{scheme}:"), tls=tls, connect_s=0.05, read_s=0.06))
        with pytest.raises(NotSentError if tls else NoResponseError) as caught:
            await connection.exchange("GET", "/v2/x", HEADERS, b"")
        await connection.aclose()

    assert ("no connection within 0.05 s" if tls else "nothing came for 0.06 s") == str(caught.value)


async def test_an_answer_before_the_whole_request_was_read_is_an_answer() -> None:
    """A 413, say: the server closes, and what was being sent breaks off."""
    connection = Http1(Server(url="http://hub.test", connect_s=5, read_s=10))
    refusal = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
    connection._stream = Drip(connection, iter([refusal]), breaks=True)

    status, _, content = await connection.exchange("GET", "/v2/x", HEADERS, b"")

    assert (413, b"{}", False) == (status, content, connection.is_reusable)
