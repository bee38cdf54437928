"""The connection pool: connections kept, reused and closed, over real sockets on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import anyio
import httpx
import pytest
import trustme
from attrs import define

from hubapi import ConfigurationError, NoResponseError, NotSentError
from hubapi._transport.httpx import HttpxTransport
from hubapi._transport.pool import MAX_IDLE, MAX_IDLE_S, Pool
from hubapi._transport.transport import Limits, Request
from tests.transport.servers import (
    OK,
    Server,
    client_context,
    counts_sockets,
    get,
    open_sockets,
    opened,
    running,
    server_context,
)

pytestmark = pytest.mark.anyio

Send = Callable[..., Awaitable[bytes]]


@define
class ManualTime:
    """A clock that the test advances."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@define(eq=False)
class Client:
    """A client of one server, over a default transport."""

    transport: HttpxTransport
    server: Server

    async def get(self, identity: str = "moby") -> bytes:
        response = await self.transport.send(get(f"{self.server.url}/v2/x", identity=identity))
        assert 200 == response.status
        return response.content

    async def get_concurrently(self, number: int) -> None:
        """Make a number of requests, which get their responses when all have arrived."""
        self.server.holding = True
        before = len(self.server.requests)
        async with anyio.create_task_group() as tasks:
            for _ in range(number):
                tasks.start_soon(self.get)
            await self.server.until(requests=before + number)
            self.server.release()


@asynccontextmanager
async def connected(
    server: Server, tls: ssl.SSLContext | None = None, now: Callable[[], float] | None = None
) -> AsyncIterator[Client]:
    async with opened(ssl_context=tls) as transport:
        if now is not None:
            transport._pool = Pool(now)
        yield Client(transport, server)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


# --- reuse


async def test_sequential_requests_share_a_connection() -> None:
    """A new one for each would cost a round trip, and three with TLS."""
    async with running() as server, connected(server) as client:
        assert [b"{}"] * 5 == [await client.get() for _ in range(5)]

    assert [0] * 5 == server.requests


async def test_the_connection_used_last_is_reused_first() -> None:
    """So that the extra connections of a burst become idle, and are closed."""
    async with running() as server, connected(server) as client:
        await client.get_concurrently(3)
        del server.requests[:]
        for _ in range(4):
            await client.get()

        assert 3 == server.connections
        assert 1 == len(set(server.requests))


async def test_identities_share_no_connection() -> None:
    """A middlebox may bind a connection to one user: another user must not get that user's data."""
    async with running() as server, connected(server) as client:
        for identity in ("moby", "gordon", "moby", "gordon", "moby"):
            await client.get(identity)

    assert [0, 1, 0, 1, 0] == server.requests


async def test_servers_share_no_connection() -> None:
    """They share only the certificates and the number of connections kept."""
    async with running() as one, running() as other, opened() as transport:
        for server in (one, other, one, other):
            await transport.send(get(f"{server.url}/v2/x"))

    assert [0, 0] == one.requests == other.requests


@pytest.mark.parametrize("closes", ["closes", "half_closes"])
async def test_a_connection_that_the_server_has_closed_is_replaced(closes: str) -> None:
    """Servers close idle connections: the next request uses a new one, without an error."""
    async with running() as server, connected(server) as client:
        setattr(server, closes, True)
        await client.get_concurrently(3)
        if closes == "closes":
            await server.until(ended=3)
        else:
            await anyio.wait_all_tasks_blocked()
        setattr(server, closes, False)
        for _ in range(3):
            await client.get()

        assert [3, 3, 3] == server.requests[3:]


async def test_a_connection_that_the_server_will_close_is_not_used_again() -> None:
    """The server announces it in its response."""
    async with running() as server, connected(server) as client:
        server.response = OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
        for _ in range(3):
            await client.get()
        await server.until(ended=3)

        assert [0, 1, 2] == server.requests


async def test_a_connection_with_unread_data_is_not_used_again() -> None:
    """Such as a 408 after the response: it belongs to no request."""
    async with running() as server, connected(server) as client:
        await client.get()
        await anyio.wait_all_tasks_blocked()
        await server.streams[0].send(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
        await client.get()

        assert [0, 1] == server.requests


async def test_an_idle_connection_is_closed_after_half_a_minute() -> None:
    """Also if connections used later are reused all the time."""
    now = ManualTime()
    async with running() as server, connected(server, now=now) as client:
        await client.get_concurrently(3)
        now.seconds += MAX_IDLE_S - 0.1
        await client.get()
        assert 0 == len(server.ended)
        now.seconds += 0.2
        await client.get()
        await server.until(ended=2)
        assert 3 == server.connections
        now.seconds += MAX_IDLE_S
        await client.get()
        await server.until(ended=3)
        assert 4 == server.connections


async def test_an_idle_connection_of_another_identity_is_closed() -> None:
    """Connections of a token don't outlive its last request by long."""
    now = ManualTime()
    async with running() as server, connected(server, now=now) as client:
        await client.get("gordon")
        now.seconds += MAX_IDLE_S
        await client.get("moby")
        await server.until(ended=1)

        assert {0} == server.ended


async def test_at_most_64_idle_connections_are_kept() -> None:
    """The ones that became idle first are closed."""
    done = 0

    async with running() as server, connected(server) as client:

        async def count() -> None:
            nonlocal done
            await client.get()
            done += 1

        server.holding = True
        async with anyio.create_task_group() as tasks:
            for _ in range(MAX_IDLE + 6):
                tasks.start_soon(count)
            await server.until(requests=MAX_IDLE + 6)
            server.release(first=6)
            while done < 6:
                await anyio.lowlevel.checkpoint()
            server.release()
        await server.until(ended=6)

        assert set(range(6)) == server.ended


# --- failures and cancellation


async def test_a_connection_whose_request_was_cancelled_is_closed() -> None:
    """Its late response would be taken for that of another request."""
    async with running() as server, connected(server) as client:
        await client.get()
        server.holding = True
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.get)
            await server.until(requests=2)
            tasks.cancel_scope.cancel()
        server.release()
        await server.until(ended=1)
        await client.get()

        assert [0, 0, 1] == server.requests


async def test_a_response_that_is_too_large_closes_its_connection() -> None:
    """The rest of it is not read."""
    async with running() as server, connected(server) as client:
        server.response = b"HTTP/1.1 500 Oops\r\ncontent-length: 5000000\r\n\r\n" + b"x" * 5_000_000
        request = Request(method="GET", url=f"{server.url}/v2/x", limits=Limits(max_response_bytes=1000))
        response = await client.transport.send(request)
        await server.until(ended=1)

    assert (500, b"") == (response.status, response.content)


async def test_a_cancelled_tls_handshake_leaves_no_socket_open(authority: trustme.CA) -> None:
    """httpcore 1.0.9 does not close it."""
    async with running() as silent:  # speaks no TLS: both sides wait
        silent.holding = True
        silent.url = silent.url.replace("http:", "https:")
        async with connected(silent, client_context(authority)) as client:
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(client.get)
                await silent.until(requests=5)
                tasks.cancel_scope.cancel()
            silent.release()
            await silent.until(ended=5)


@counts_sockets
async def test_a_request_cancelled_while_sending_leaves_no_socket_open() -> None:
    """The rest of the request can't be sent: the server does not read it."""
    body = b"x" * 50_000_000
    async with running() as server, connected(server) as client:
        server.holding = True
        before = open_sockets()
        async with anyio.create_task_group() as tasks:
            request = Request(method="POST", url=f"{server.url}/v2/x", content=body)
            tasks.start_soon(client.transport.send, request)
            await server.until(requests=1)
            tasks.cancel_scope.cancel()

        assert 1 == open_sockets() - before  # the server's end


async def cancel_by_scope(client: Client, steps: int) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(client.get)
        for _ in range(steps):
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()


async def cancel_natively(client: Client, steps: int) -> None:
    """Cancel twice, the second time during cleanup, which no shield prevents."""
    tasks = [asyncio.ensure_future(client.get()) for _ in range(3)]
    for _ in range(steps):
        await asyncio.sleep(0)
    for _ in range(2):
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)


@counts_sockets
@pytest.mark.parametrize("cancel", [cancel_by_scope, cancel_natively])
@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_request_cancelled_at_any_step_leaves_no_socket_open(
    anyio_backend: str,
    authority: trustme.CA,
    cancel: Callable[[Client, int], Awaitable[None]],
    *,
    encrypted: bool,
) -> None:
    """While it connects, does the handshake, sends, waits or reads; the next request succeeds."""
    if cancel is cancel_natively and anyio_backend != "asyncio":
        pytest.skip("trio has no other cancellation")
    served = server_context(authority, "127.0.0.1") if encrypted else None
    trusted = client_context(authority) if encrypted else None
    async with running(served) as server:
        before = open_sockets()
        for steps in range(60):
            async with connected(server, trusted) as client:
                await cancel(client, steps)
                assert b"{}" == await client.get()
        await server.until(ended=server.connections)
        await anyio.wait_all_tasks_blocked()

        assert 0 == open_sockets() - before


@counts_sockets
async def test_a_request_cancelled_while_replacing_a_connection_leaves_no_socket_open(authority: trustme.CA) -> None:
    """httpcore replaces a connection that the server has closed, with another handshake."""
    async with running(server_context(authority, "127.0.0.1")) as server:
        before = open_sockets()
        for steps in range(0, 60, 2):
            async with connected(server, client_context(authority)) as client:
                server.closes = True
                await client.get()
                await server.until(ended=server.connections)
                server.closes = False
                await cancel_by_scope(client, steps)
                assert b"{}" == await client.get()
            await server.until(ended=server.connections)
        await anyio.wait_all_tasks_blocked()

        assert 0 == open_sockets() - before


async def test_a_refused_and_a_broken_connection_raise_different_errors() -> None:
    """Only after a refused one it is certain that nothing was sent."""
    async with running() as server, connected(server) as client:
        server.response = b"no HTTP\r\n\r\n"
        with pytest.raises(NoResponseError):
            await client.get()
        await server.until(ended=1)
    async with connected(server) as client:
        with pytest.raises(NotSentError):
            await client.get()


async def test_errors_of_a_mock_are_classified_by_their_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mock of the whole transport reports no steps of the request."""
    errors = {
        httpx.ConnectError("x"): NotSentError,
        httpx.ConnectTimeout("x"): NotSentError,
        httpx.PoolTimeout("x"): NotSentError,
        httpx.ProxyError("x"): NotSentError,
        httpx.UnsupportedProtocol("x"): NotSentError,
        httpx.ReadTimeout("x"): NoResponseError,
        httpx.RemoteProtocolError("x"): NoResponseError,
        OSError("x"): NoResponseError,
        anyio.BrokenResourceError(): NoResponseError,
    }
    for error, kind in errors.items():

        async def fail(*_: object, error: Exception = error) -> httpx.Response:
            raise error

        monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", fail)
        async with opened() as transport:
            with pytest.raises(kind):
                await transport.send(get("http://hub.test/"))


# --- closing


async def test_closing_closes_idle_and_busy_connections(authority: trustme.CA) -> None:
    """Requests in flight end with an error, also during a TLS handshake."""
    ended: list[str] = []

    async def failing(client: Client) -> None:
        with pytest.raises((NoResponseError, NotSentError), match="the hub was closed during this call") as caught:
            await client.get()
        ended.append(type(caught.value).__name__)

    async with running() as server, running() as silent:
        silent.holding, silent.url = True, silent.url.replace("http:", "https:")
        async with connected(server) as client, connected(silent, client_context(authority)) as handshaking:
            await client.get_concurrently(3)
            server.holding = True
            async with anyio.create_task_group() as tasks:
                for _ in range(2):
                    tasks.start_soon(failing, client)
                tasks.start_soon(failing, handshaking)
                await server.until(requests=5)
                await silent.until(requests=1)
                await client.transport.aclose()
                await handshaking.transport.aclose()
            server.release()
            silent.release()
            await server.until(ended=3)
            await silent.until(ended=1)

    assert ["NoResponseError", "NoResponseError", "NotSentError"] == sorted(ended)


@counts_sockets
async def test_closing_ends_a_request_that_connects() -> None:
    """Nothing was sent, and no socket is left open."""
    ended: list[Exception] = []

    async def failing(client: Client) -> None:
        with pytest.raises(NotSentError, match="the hub was closed during this call") as caught:
            await client.get()
        ended.append(caught.value)

    async with running() as server:
        before = open_sockets()
        async with connected(server) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(failing, client)
            while not client.transport._pool._busy:
                await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
            await client.transport.aclose()
        await anyio.wait_all_tasks_blocked()

        assert 1 == len(ended)
        assert 0 == open_sockets() - before


@counts_sockets
async def test_closing_at_any_step_leaves_no_socket_open(authority: trustme.CA) -> None:
    """Each request ends with a response or an error of hubapi."""
    async with running(server_context(authority, "127.0.0.1")) as server:
        before = open_sockets()
        for steps in range(40):
            ended = 0

            async def call(client: Client) -> None:
                nonlocal ended
                # ConfigurationError: the request had not begun.
                with suppress(NoResponseError, NotSentError, ConfigurationError):
                    await client.get()
                ended += 1

            async with connected(server, client_context(authority)) as client, anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(call, client)
                for _ in range(steps):
                    await anyio.lowlevel.checkpoint()
                await client.transport.aclose()
            assert 3 == ended
        await server.until(ended=server.connections)
        await anyio.wait_all_tasks_blocked()

        assert 0 == open_sockets() - before


# --- addresses and TLS


async def test_ipv6() -> None:
    """With the address in brackets."""
    try:
        async with running(host="::1") as server, connected(server) as client:
            assert b"{}" == await client.get()
    except OSError:
        pytest.skip("no IPv6 here")


async def test_tls_negotiates_http_1_1_only(authority: trustme.CA) -> None:
    """With ALPN, also if the server prefers HTTP/2."""
    context = server_context(authority, "127.0.0.1")
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with running(context) as server, connected(server, client_context(authority)) as client:
        assert [b"{}"] * 3 == [await client.get() for _ in range(3)]

    assert [0, 0, 0] == server.requests


async def test_a_certificate_is_verified(authority: trustme.CA) -> None:
    """Its issuer and its host name, before anything is sent."""
    elsewhere = server_context(authority, "elsewhere.test")
    stranger = client_context(trustme.CA())
    for served, trusted in [(elsewhere, client_context(authority)), (server_context(authority, "127.0.0.1"), stranger)]:
        async with running(served) as server, connected(server, trusted) as client:
            with pytest.raises(NotSentError, match="certificate verify failed"):
                await client.get()

        assert [] == server.requests


async def test_a_server_may_require_a_client_certificate(authority: trustme.CA) -> None:
    """It is part of the SSL context."""
    served = server_context(authority, "127.0.0.1")
    served.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(served)
    trusted = client_context(authority)
    authority.issue_cert("moby@hub.test").configure_cert(trusted)
    async with running(served) as server, connected(server, trusted) as client:
        assert b"{}" == await client.get()
    async with running(served) as server, connected(server, client_context(authority)) as client:
        with pytest.raises((NotSentError, NoResponseError)):
            await client.get()

    assert [] == server.requests
