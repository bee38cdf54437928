"""Connections kept, taken again and closed, over real sockets on loopback."""

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
class Time:
    """A clock that stands still."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@define(eq=False)
class Client:
    """A default transport to one server."""

    transport: HttpxTransport
    server: Server

    async def get(self, identity: str = "moby") -> bytes:
        response = await self.transport.send(get(f"{self.server.url}/v2/x", identity=identity))
        assert 200 == response.status
        return response.content

    async def get_at_once(self, number: int) -> None:
        """Make as many requests, none of which is answered before all have come."""
        self.server.holding = True
        came = len(self.server.requests)
        async with anyio.create_task_group() as tasks:
            for _ in range(number):
                tasks.start_soon(self.get)
            await self.server.until(requests=came + number)
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


# --- taken


async def test_one_connection_serves_requests_in_turn() -> None:
    """Connecting again for each would cost a round trip, and three with TLS."""
    async with running() as server, connected(server) as client:
        assert [b"{}"] * 5 == [await client.get() for _ in range(5)]

    assert [0] * 5 == server.requests


async def test_the_connection_used_last_is_taken_first() -> None:
    """So that those that a burst has left grow old, and are closed."""
    async with running() as server, connected(server) as client:
        await client.get_at_once(3)
        del server.requests[:]
        for _ in range(4):
            await client.get()

        assert 3 == server.connections
        assert 1 == len(set(server.requests))


async def test_identities_share_no_connection() -> None:
    """Something on the way may take a connection for one user's: what it was once sent must not reach another."""
    async with running() as server, connected(server) as client:
        for identity in ("moby", "gordon", "moby", "gordon", "moby"):
            await client.get(identity)

    assert [0, 1, 0, 1, 0] == server.requests


async def test_servers_share_no_connection() -> None:
    """Although they share the certificates, and the number of connections that are kept."""
    async with running() as one, running() as other, opened() as transport:
        for server in (one, other, one, other):
            await transport.send(get(f"{server.url}/v2/x"))

    assert [0, 0] == one.requests == other.requests


@pytest.mark.parametrize("gone", ["gone", "half_gone"])
async def test_a_connection_that_the_server_has_closed_is_replaced(gone: str) -> None:
    """As servers do with idle ones: the next request goes over a new one, and its caller notices nothing."""
    async with running() as server, connected(server) as client:
        setattr(server, gone, True)
        await client.get_at_once(3)
        if gone == "gone":
            await server.until(ended=3)
        else:
            await anyio.wait_all_tasks_blocked()
        setattr(server, gone, False)
        for _ in range(3):
            await client.get()

        assert [3, 3, 3] == server.requests[3:]


async def test_a_connection_that_the_server_will_close_is_not_used_again() -> None:
    """It says so in its response."""
    async with running() as server, connected(server) as client:
        server.response = OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
        for _ in range(3):
            await client.get()
        await server.until(ended=3)

        assert [0, 1, 2] == server.requests


async def test_a_connection_with_something_unrequested_is_not_used_again() -> None:
    """Such as a 408 that came after the response: it belongs to no request."""
    async with running() as server, connected(server) as client:
        await client.get()
        await anyio.wait_all_tasks_blocked()
        await server.streams[0].send(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
        await client.get()

        assert [0, 1] == server.requests


async def test_a_connection_without_a_request_for_half_a_minute_is_closed() -> None:
    """Whether it would be taken next, or lies below one that is used again and again."""
    now = Time()
    async with running() as server, connected(server, now=now) as client:
        await client.get_at_once(3)
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


async def test_a_connection_of_another_identity_is_closed_too() -> None:
    """A token's or a tenant's connections don't outlive its last request by long."""
    now = Time()
    async with running() as server, connected(server, now=now) as client:
        await client.get("gordon")
        now.seconds += MAX_IDLE_S
        await client.get("moby")
        await server.until(ended=1)

        assert {0} == server.ended


async def test_no_more_than_64_are_kept() -> None:
    """Those that were done with first are closed."""
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


# --- what fails


async def test_a_connection_whose_request_was_cancelled_is_closed() -> None:
    """What comes over it later would be taken for the response to another request."""
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
    """What is left of it is not read."""
    async with running() as server, connected(server) as client:
        server.response = b"HTTP/1.1 500 Oops\r\ncontent-length: 5000000\r\n\r\n" + b"x" * 5_000_000
        request = Request(method="GET", url=f"{server.url}/v2/x", limits=Limits(max_response_bytes=1000))
        response = await client.transport.send(request)
        await server.until(ended=1)

    assert (500, b"") == (response.status, response.content)


async def test_a_cancelled_tls_handshake_leaves_no_socket_open(authority: trustme.CA) -> None:
    """httpcore 1.0.9 forgets it."""
    async with running() as silent:  # speaks no TLS: it waits, as we do
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
async def test_cancelled_while_it_sends_leaves_no_socket_open() -> None:
    """Although what is left to send can't be sent: the server does not read it."""
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


async def cancel_by_scope(client: Client, moment: int) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(client.get)
        for _ in range(moment):
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()


async def cancel_natively(client: Client, moment: int) -> None:
    """And again while it cleans up, which no shield holds off."""
    tasks = [asyncio.ensure_future(client.get()) for _ in range(3)]
    for _ in range(moment):
        await asyncio.sleep(0)
    for _ in range(2):
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)


@counts_sockets
@pytest.mark.parametrize("cancel", [cancel_by_scope, cancel_natively])
@pytest.mark.parametrize("encrypted", [False, True])
async def test_cancelled_anywhere_leaves_nothing_open(
    anyio_backend: str,
    authority: trustme.CA,
    cancel: Callable[[Client, int], Awaitable[None]],
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
            async with connected(server, trusted) as client:
                await cancel(client, moment)
                assert b"{}" == await client.get()
        await server.until(ended=server.connections)
        await anyio.wait_all_tasks_blocked()

        assert 0 == open_sockets() - before


@counts_sockets
async def test_cancelled_anywhere_over_a_stale_connection_leaves_nothing_open(authority: trustme.CA) -> None:
    """httpcore replaces one that the server has closed, with another handshake."""
    async with running(server_context(authority, "127.0.0.1")) as server:
        before = open_sockets()
        for moment in range(0, 60, 2):
            async with connected(server, client_context(authority)) as client:
                server.gone = True
                await client.get()
                await server.until(ended=server.connections)
                server.gone = False
                await cancel_by_scope(client, moment)
                assert b"{}" == await client.get()
            await server.until(ended=server.connections)
        await anyio.wait_all_tasks_blocked()

        assert 0 == open_sockets() - before


async def test_a_refused_connection_is_told_from_a_broken_one() -> None:
    """By the class of the error."""
    async with running() as server, connected(server) as client:
        server.response = b"no HTTP\r\n\r\n"
        with pytest.raises(NoResponseError):
            await client.get()
        await server.until(ended=1)
    async with connected(server) as client:
        with pytest.raises(NotSentError):
            await client.get()


async def test_of_errors_without_a_step_the_class_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mock of the whole transport reports no steps."""
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


async def test_closing_closes_what_is_kept_and_what_is_used(authority: trustme.CA) -> None:
    """Requests under way end with an error, also in a TLS handshake."""
    ended: list[str] = []

    async def failing(client: Client) -> None:
        with pytest.raises((NoResponseError, NotSentError), match="the hub was closed during this call") as caught:
            await client.get()
        ended.append(type(caught.value).__name__)

    async with running() as server, running() as silent:
        silent.holding, silent.url = True, silent.url.replace("http:", "https:")
        async with connected(server) as client, connected(silent, client_context(authority)) as handshaking:
            await client.get_at_once(3)
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
    """Nothing of it was sent, and no socket is left."""
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
async def test_closing_at_any_moment_leaves_nothing_open(authority: trustme.CA) -> None:
    """And each request ends, with a response or with an error of ours."""
    async with running(server_context(authority, "127.0.0.1")) as server:
        before = open_sockets()
        for moment in range(40):
            ended = 0

            async def call(client: Client) -> None:
                nonlocal ended
                # The last of these had not begun.
                with suppress(NoResponseError, NotSentError, ConfigurationError):
                    await client.get()
                ended += 1

            async with connected(server, client_context(authority)) as client, anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(call, client)
                for _ in range(moment):
                    await anyio.lowlevel.checkpoint()
                await client.transport.aclose()
            assert 3 == ended
        await server.until(ended=server.connections)
        await anyio.wait_all_tasks_blocked()

        assert 0 == open_sockets() - before


# --- ways there


async def test_ipv6() -> None:
    """An address in brackets."""
    try:
        async with running(host="::1") as server, connected(server) as client:
            assert b"{}" == await client.get()
    except OSError:
        pytest.skip("no IPv6 here")


async def test_tls_speaks_http_1_1_alone(authority: trustme.CA) -> None:
    """A server that would rather speak HTTP/2 learns so by ALPN."""
    context = server_context(authority, "127.0.0.1")
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with running(context) as server, connected(server, client_context(authority)) as client:
        assert [b"{}"] * 3 == [await client.get() for _ in range(3)]

    assert [0, 0, 0] == server.requests


async def test_a_certificate_is_verified(authority: trustme.CA) -> None:
    """By who signed it and by the host's name; nothing is sent before."""
    elsewhere = server_context(authority, "elsewhere.test")
    stranger = client_context(trustme.CA())
    for served, trusted in [(elsewhere, client_context(authority)), (server_context(authority, "127.0.0.1"), stranger)]:
        async with running(served) as server, connected(server, trusted) as client:
            with pytest.raises(NotSentError, match="certificate verify failed"):
                await client.get()

        assert [] == server.requests


async def test_a_server_may_want_a_client_certificate(authority: trustme.CA) -> None:
    """It goes into the SSL context."""
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
