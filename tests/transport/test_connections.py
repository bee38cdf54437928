"""Connections kept, taken again and closed, over real sockets on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import anyio
import anyio.abc
import pytest
import trustme
from anyio.streams.tls import TLSListener
from attrs import define, field

from hubapi import NoResponseError, NotSentError
from hubapi._transport import http1
from hubapi._transport.connections import Connections
from tests.transport.test_httpx import OK, open_sockets

pytestmark = pytest.mark.anyio


@define(eq=False)
class Server:
    """Numbers its connections from 0, and remembers which one each request came over and which ones were closed."""

    url: str
    answer: bytes = OK
    requests: list[int] = field(factory=list[int])
    ended: set[int] = field(factory=set[int])
    streams: list[anyio.abc.ByteStream] = field(factory=list[anyio.abc.ByteStream])
    holding: bool = False  # answers wait for `release`
    let: int = 0  # but those over the first so many connections
    gone: bool = False  # closes each connection after one answer, without saying so in it
    half_gone: bool = False  # the same, but goes on reading
    _change: anyio.Event = field(factory=anyio.Event)

    @property
    def connections(self) -> int:
        return len(self.streams)

    async def handle(self, stream: anyio.abc.ByteStream) -> None:
        number = len(self.streams)
        self.streams.append(stream)
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                while True:
                    await stream.receive()
                    self.requests.append(number)
                    self._changed()
                    while self.holding and number >= self.let:
                        await self._change.wait()
                    await stream.send(self.answer)
                    if self.half_gone:
                        await stream.send_eof()
                    if self.gone:
                        break
        self.ended.add(number)
        self._changed()

    def release(self, first: int | None = None) -> None:
        """Let answers go, all of them or those over the first connections."""
        self.holding, self.let = first is not None, first or 0
        self._changed()

    async def until(self, *, requests: int = 0, ended: int = 0) -> None:
        """Wait until so many requests came, and so many connections ended."""
        while len(self.requests) < requests or len(self.ended) < ended:
            await self._change.wait()

    def _changed(self) -> None:
        self._change.set()
        self._change = anyio.Event()


@asynccontextmanager
async def running(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Server]:
    listener = await anyio.create_tcp_listener(local_host=host, local_port=0)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
    name = f"[{host}]" if ":" in host else host
    server = Server(f"{'https' if tls else 'http'}://{name}:{port}")
    wrapped = TLSListener(listener, tls, standard_compatible=False) if tls else listener
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(wrapped.serve, server.handle)
        yield server
        tasks.cancel_scope.cancel()


@define
class Time:
    """A clock that stands still."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@asynccontextmanager
async def connected(
    server: Server, tls: ssl.SSLContext | None = None, now: Time | None = None
) -> AsyncIterator[Connections]:
    there = http1.Server(url=server.url, tls=tls, connect_s=5.0, read_s=5.0)
    connections = Connections(partial(http1.Http1, there), now or Time())
    try:
        yield connections
    finally:
        await connections.aclose()


async def get(connections: Connections) -> bytes:
    status, _, body = await connections.exchange("GET", "/v2/x", {"host": "hub.test"}, b"")
    assert 200 == status
    return body


async def get_at_once(connections: Connections, server: Server, number: int) -> None:
    """Make as many requests, none of which is answered before all have come."""
    server.holding = True
    came = len(server.requests)
    async with anyio.create_task_group() as tasks:
        for _ in range(number):
            tasks.start_soon(get, connections)
        await server.until(requests=came + number)
        server.release()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


# --- what is taken


async def test_one_connection_serves_requests_in_turn() -> None:
    """Connecting again for each would cost a round trip, and three with TLS."""
    async with running() as server, connected(server) as connections:
        assert [b"{}"] * 5 == [await get(connections) for _ in range(5)]

    assert [0] * 5 == server.requests


async def test_the_connection_used_last_is_taken_first() -> None:
    """So that those a burst has left grow old, and are closed."""
    async with running() as server, connected(server) as connections:
        await get_at_once(connections, server, 3)
        last = server.requests[-1]
        del server.requests[:]
        for _ in range(4):
            await get(connections)

        assert 3 == server.connections
        assert 1 == len(set(server.requests))
        assert last in {0, 1, 2}


@pytest.mark.parametrize("gone", ["gone", "half_gone"])
async def test_a_connection_that_the_server_has_closed_is_replaced(gone: str) -> None:
    """As servers do with idle ones: the next request goes over a new one, and its caller notices nothing."""
    async with running() as server, connected(server) as connections:
        setattr(server, gone, True)
        await get_at_once(connections, server, 3)
        if gone == "gone":
            await server.until(ended=3)
        else:
            await anyio.wait_all_tasks_blocked()
        setattr(server, gone, False)
        for _ in range(3):
            await get(connections)
        await server.until(ended=3)

        assert [3, 3, 3] == server.requests[3:]


async def test_a_connection_that_the_server_will_close_is_not_kept() -> None:
    """It says so in its answer."""
    async with running() as server, connected(server) as connections:
        server.answer = OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
        for _ in range(3):
            await get(connections)
        await server.until(ended=3)

        assert [0, 1, 2] == server.requests


async def test_a_connection_with_something_unasked_for_is_not_taken() -> None:
    """Such as a 408 that came after the answer: it belongs to no request."""
    async with running() as server, connected(server) as connections:
        await get(connections)
        await anyio.wait_all_tasks_blocked()
        await server.streams[0].send(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
        await get(connections)

        assert [0, 1] == server.requests


async def test_what_is_not_used_for_half_a_minute_is_closed() -> None:
    """Whether it is due to be taken, or lies below one that is used again and again."""
    now = Time()
    async with running() as server, connected(server, now=now) as connections:
        await get_at_once(connections, server, 3)
        now.seconds += 29.9
        await get(connections)
        assert 0 == len(server.ended)
        now.seconds += 0.2
        await get(connections)
        await server.until(ended=2)
        assert 3 == server.connections
        now.seconds += 30
        await get(connections)
        await server.until(ended=3)
        assert 4 == server.connections


async def test_no_more_than_64_are_kept() -> None:
    """Those that were done with first are closed."""
    done = 0

    async def count(connections: Connections) -> None:
        nonlocal done
        await get(connections)
        done += 1

    async with running() as server, connected(server) as connections:
        server.holding = True
        async with anyio.create_task_group() as tasks:
            for _ in range(70):
                tasks.start_soon(count, connections)
            await server.until(requests=70)
            server.release(first=6)
            while done < 6:
                await anyio.lowlevel.checkpoint()
            server.release()
        await server.until(ended=6)

        assert set(range(6)) == server.ended


# --- what fails


async def test_a_connection_whose_request_was_cancelled_is_closed() -> None:
    """What comes over it later would be taken for the answer to another request."""
    async with running() as server, connected(server) as connections:
        await get(connections)
        server.holding = True
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(get, connections)
            await server.until(requests=2)
            tasks.cancel_scope.cancel()
        server.release()
        await server.until(ended=1)
        await get(connections)

        assert [0, 0, 1] == server.requests


async def test_a_cancelled_tls_handshake_leaves_no_socket_open(authority: trustme.CA) -> None:
    """There is no stream yet that anybody could close."""
    async with running() as silent:  # speaks no TLS: it waits, as we do
        silent.holding = True
        silent.url = silent.url.replace("http:", "https:")
        async with connected(silent, client_context(authority)) as connections:
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(get, connections)
                await silent.until(requests=5)
                tasks.cancel_scope.cancel()
            silent.release()
            await silent.until(ended=5)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts the sockets in /proc")
async def test_cancelled_while_it_sends_leaves_no_socket_open() -> None:
    """Although what is left to send can't be sent: nobody reads it."""
    body = b"x" * 50_000_000
    async with running() as server, connected(server) as connections:
        server.holding = True
        before = open_sockets()
        async with anyio.create_task_group() as tasks:
            headers = {"host": "hub.test", "content-length": str(len(body))}
            tasks.start_soon(connections.exchange, "POST", "/v2/x", headers, body)
            await server.until(requests=1)
            tasks.cancel_scope.cancel()

        assert 1 == open_sockets() - before  # the server's end


async def cancel_by_scope(connections: Connections, moment: int) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(get, connections)
        for _ in range(moment):
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()


async def cancel_natively(connections: Connections, moment: int) -> None:
    """And again while it cleans up, which no shield holds off."""
    tasks = [asyncio.ensure_future(get(connections)) for _ in range(3)]
    for _ in range(moment):
        await asyncio.sleep(0)
    for _ in range(2):
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts the sockets in /proc")
@pytest.mark.parametrize("cancel", [cancel_by_scope, cancel_natively])
@pytest.mark.parametrize("encrypted", [False, True])
async def test_cancelled_anywhere_leaves_nothing_open(
    anyio_backend: str,
    authority: trustme.CA,
    cancel: Callable[[Connections, int], Awaitable[None]],
    *,
    encrypted: bool,
) -> None:
    """While it connects, shakes hands, sends, waits or reads; and the next request gets through."""
    if cancel is cancel_natively and anyio_backend != "asyncio":
        pytest.skip("trio knows no other cancellation")
    served = server_context(authority, "127.0.0.1") if encrypted else None
    trusted = client_context(authority) if encrypted else None
    async with running(served) as server:
        before = open_sockets()
        for moment in range(60):
            async with connected(server, trusted) as connections:
                await cancel(connections, moment)
                assert b"{}" == await get(connections)
        await server.until(ended=server.connections)
        await anyio.wait_all_tasks_blocked()

        assert 0 == open_sockets() - before


async def test_a_refused_connection_is_told_from_a_broken_one() -> None:
    """By the class of what is raised."""
    async with running() as server, connected(server) as connections:
        server.answer = b"no HTTP\r\n\r\n"
        with pytest.raises(NoResponseError):
            await get(connections)
        await server.until(ended=1)
    async with connected(server) as connections:
        with pytest.raises(NotSentError):
            await get(connections)


# --- closing


async def test_closing_closes_what_is_kept_and_what_is_used(authority: trustme.CA) -> None:
    """Requests under way end with an error, in a TLS handshake too."""
    ended: list[str] = []

    async def failing(connections: Connections) -> None:
        try:
            await get(connections)
        except (NoResponseError, NotSentError) as error:
            ended.append(type(error).__name__)

    async with running() as server, running() as silent:
        silent.holding, silent.url = True, silent.url.replace("http:", "https:")
        async with connected(server) as connections, connected(silent, client_context(authority)) as handshaking:
            await get_at_once(connections, server, 3)
            server.holding = True
            async with anyio.create_task_group() as tasks:
                for _ in range(2):
                    tasks.start_soon(failing, connections)
                tasks.start_soon(failing, handshaking)
                await server.until(requests=5)
                await silent.until(requests=1)
                await connections.aclose()
                await handshaking.aclose()
            server.release()
            silent.release()
            await server.until(ended=3)
            await silent.until(ended=1)

    assert ["NoResponseError", "NoResponseError", "NotSentError"] == sorted(ended)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts the sockets in /proc")
async def test_closing_ends_a_request_that_connects() -> None:
    """Nothing of it was sent, and no socket is left."""
    ended: list[Exception] = []

    async def failing(connections: Connections) -> None:
        with pytest.raises(NotSentError, match="closed meanwhile") as caught:
            await get(connections)
        ended.append(caught.value)

    async with running() as server, connected(server) as connections:
        before = open_sockets()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(failing, connections)
            await anyio.lowlevel.checkpoint()
            await connections.aclose()
        await anyio.wait_all_tasks_blocked()

        assert 1 == len(ended)
        assert 0 == open_sockets() - before


# --- ways there


async def test_ipv6() -> None:
    """An address in brackets."""
    try:
        async with running(host="::1") as server, connected(server) as connections:
            assert b"{}" == await get(connections)
    except OSError:
        pytest.skip("no IPv6 here")


async def test_tls_speaks_http_1_1_alone(authority: trustme.CA) -> None:
    """HTTP/2 is of no use at these widths; a server that would rather have it is told so by ALPN."""
    context = server_context(authority, "127.0.0.1")
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with running(context) as server, connected(server, client_context(authority)) as connections:
        assert [b"{}"] * 3 == [await get(connections) for _ in range(3)]

    assert [0, 0, 0] == server.requests


async def test_a_certificate_is_verified(authority: trustme.CA) -> None:
    """By who signed it and by the host's name; nothing is sent before."""
    elsewhere = server_context(authority, "elsewhere.test")
    stranger = client_context(trustme.CA())
    for served, trusted in [(elsewhere, client_context(authority)), (server_context(authority, "127.0.0.1"), stranger)]:
        async with running(served) as server, connected(server, trusted) as connections:
            with pytest.raises(NotSentError, match="certificate verify failed"):
                await get(connections)

        assert [] == server.requests
