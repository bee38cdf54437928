"""A request may be cancelled at any point: no socket stays open, and the next request works."""

import asyncio
import ssl
from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest

from hubapi import TransportError
from hubapi._transport.transport import Request, Response, Transport
from tests.pipeline.stepping import Steps
from tests.transport.conformance.certificates import Authority
from tests.transport.conformance.conftest import Open
from tests.transport.conformance.servers import OK, Connection, Server, hold, respond, serving, silent
from tests.transport.conformance.sockets import counted, nothing_left, open_sockets

pytestmark = pytest.mark.anyio


def get(url: str) -> Request:
    return Request(method="GET", url=f"{url}/v2/x")


async def by_scope(steps: Steps, transport: Transport, url: str) -> bool:
    with anyio.CancelScope() as scope:
        steps.act = scope.cancel
        await steps.follow(_send(transport, url))
    return scope.cancelled_caught


async def natively(steps: Steps, transport: Transport, url: str) -> bool:
    """As `asyncio.wait_for` and web frameworks do; and again while it cleans up, which no shield holds off."""
    task = asyncio.ensure_future(steps.follow(_send(transport, url)))
    steps.act = task.cancel
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


async def _send(transport: Transport, url: str) -> Response:
    return await transport.send(get(url))


@counted
@pytest.mark.parametrize("cancel", [by_scope, natively], ids=["by scope", "natively"])
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
async def test_cancelled_at_each_step(
    anyio_backend: str,
    opened: Open,
    authority: Authority,
    cancel: Callable[[Steps, Transport, str], object],
    *,
    warm: bool,
    encrypted: bool,
) -> None:
    """At its first step, its second, and so on until it is through: over a new connection, and over a kept one."""
    if cancel is natively and anyio_backend != "asyncio":
        pytest.skip("not applicable: trio knows no other cancellation")
    tls: ssl.SSLContext | None = authority.server("127.0.0.1") if encrypted else None
    step, taken = 0, 0
    async with serving(respond, tls) as server:
        before = open_sockets()
        while taken >= step:  # else the request was through before
            step += 1
            steps = Steps(step, lambda: None)
            async with opened(ca=authority.file if encrypted else None) as transport:
                if warm:
                    await transport.send(get(server.url))
                await (natively if cancel is natively else by_scope)(steps, transport, server.url)
                response = await transport.send(get(server.url))
                assert b"{}" == response.content
            taken = steps.taken
        await nothing_left(server, before)

    assert step > 1


@counted
async def test_ten_thousand_cancelled_requests(anyio_backend: str, opened: Open) -> None:
    """In rounds of a hundred, at any moment from connecting to reading; then as many get through as before."""
    rounds, at_once = (100 if anyio_backend == "asyncio" else 20), 100
    slow = True

    async def handle(connection: Connection) -> None:
        while True:
            await connection.request()
            if slow:
                await connection.until_closed()
                return
            await connection.send(OK)

    async with serving(handle) as server, opened() as transport:
        before = open_sockets()
        for number in range(rounds):
            async with anyio.create_task_group() as tasks:
                for _ in range(at_once):
                    tasks.start_soon(transport.send, get(server.url))
                if number % 10 == 0:
                    await server.until(_more(server, at_once))
                else:
                    for _ in range(number):
                        await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
        await nothing_left(server, before)
        slow = False
        async with anyio.create_task_group() as tasks:
            for _ in range(at_once):
                tasks.start_soon(transport.send, get(server.url))
        response = await transport.send(get(server.url))

        assert b"{}" == response.content
        assert open_sockets() - before <= 2 * at_once  # both ends of what is kept alive


def _more(server: Server, number: int) -> Callable[[], bool]:
    """Whether so many requests more have come."""
    came = len(server.requests)
    return lambda: len(server.requests) >= came + number


@counted
async def test_cancelled_while_it_sends(opened: Open) -> None:
    """Although what is left to send can't be sent: the server does not read it."""
    reading = anyio.Event()

    async def handle(connection: Connection) -> None:
        await reading.wait()
        await connection.until_closed()

    async with serving(handle) as server, opened() as transport:
        before = open_sockets()
        async with anyio.create_task_group() as tasks:
            body = Request(method="POST", url=f"{server.url}/", content=b"x" * 50_000_000)
            tasks.start_soon(transport.send, body)
            await server.until(lambda: bool(server.connections))
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        reading.set()
        await nothing_left(server, before)


@counted
async def test_cancelled_in_a_tls_handshake(opened: Open, authority: Authority) -> None:
    """There is no connection yet that a pool could close."""
    async with serving(silent) as server, opened(ca=authority.file) as transport:
        before = open_sockets()
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(transport.send, get(server.url.replace("http:", "https:")))
            await server.until(lambda: 5 == len(server.connections))
            tasks.cancel_scope.cancel()
        await nothing_left(server, before)


async def test_a_cancelled_request_leaves_nothing_to_the_next(opened: Open) -> None:
    """What comes over its connection later is not taken for another's response."""
    late = anyio.Event()

    async def handle(connection: Connection) -> None:
        while True:
            request = await connection.request()
            if b"GET /late " in request:
                await late.wait()
            await connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n" + request.split()[1][-5:])

    async with serving(handle) as server, opened() as transport:
        await transport.send(Request(method="GET", url=f"{server.url}/first"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.send, Request(method="GET", url=f"{server.url}/late"))
            await server.until(lambda: 2 == len(server.requests))
            tasks.cancel_scope.cancel()
        late.set()
        response = await transport.send(Request(method="GET", url=f"{server.url}/third"))

    assert b"third" == response.content


async def test_a_cancellation_is_not_an_error_for_others(opened: Open) -> None:
    """Those that are under way at the same time are responded to."""
    gate = anyio.Event()
    contents: list[bytes] = []

    async def handle(connection: Connection) -> None:
        while True:
            await connection.request()
            await gate.wait()
            await connection.send(OK)

    async def call(transport: Transport, server: Server) -> None:
        contents.append((await transport.send(get(server.url))).content)

    async with serving(handle) as server, opened() as transport, anyio.create_task_group() as others:
        for _ in range(3):
            others.start_soon(call, transport, server)
        await server.until(lambda: 3 == len(server.requests))
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(transport.send, get(server.url))
            await server.until(lambda: 6 == len(server.requests))
            tasks.cancel_scope.cancel()
        gate.set()

    assert [b"{}"] * 3 == contents


async def test_a_time_limit_of_the_caller(opened: Open) -> None:
    """Such as `anyio.move_on_after`: it ends at once, and without an error of ours."""
    async with serving(hold) as server, opened() as transport:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:

                async def expire() -> None:
                    await server.until(lambda: bool(server.requests))
                    scope.cancel()

                tasks.start_soon(expire)
                try:
                    await transport.send(get(server.url))
                except TransportError as error:  # pragma: no cover - what must not happen
                    pytest.fail(f"a cancellation became {error!r}")

    assert scope.cancelled_caught
