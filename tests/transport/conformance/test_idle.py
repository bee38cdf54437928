"""Connections that the server ends between two requests, or on which it says something that was not asked for."""

import anyio
import anyio.abc
import pytest

from hubapi import NoResponseError, NotSentError
from hubapi._transport.transport import Request, Transport
from tests.transport.conformance.conftest import Open
from tests.transport.conformance.servers import OK, Connection, Handler, Server, serving
from tests.transport.conformance.sockets import counted, nothing_left, open_sockets
from tests.transport.conformance.transports import Entry

pytestmark = pytest.mark.anyio

UNASKED = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nunasked"


async def closes(connection: Connection) -> None:
    await connection.stream.aclose()


async def resets(connection: Connection) -> None:
    await connection.reset()


async def half_closes(connection: Connection) -> None:
    await connection.stream.send_eof()
    await connection.until_closed()


async def times_out(connection: Connection) -> None:
    """As some servers do with idle connections."""
    await connection.send(b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")


async def says_nonsense(connection: Connection) -> None:
    await connection.send(b"\x00\x01\x02")
    await connection.until_closed()


async def responds_again(connection: Connection) -> None:
    await connection.send(UNASKED)
    await connection.until_closed()


ENDINGS: list[Handler] = [
    closes,
    resets,
    half_closes,
    times_out,
    says_nonsense,
    responds_again,
]


async def get(transport: Transport, server: Server) -> bytes | str:
    """The content of a response, or the name of a clean error."""
    try:
        return (await transport.send(Request(method="GET", url=f"{server.url}/"))).content
    except (NotSentError, NoResponseError) as error:
        return type(error).__name__


@counted
@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
async def test_an_idle_connection_ends(entry: Entry, opened: Open, ending: Handler) -> None:
    """Before the next request: it goes over a new connection, and its caller notices nothing."""
    idle, ended = anyio.Event(), anyio.Event()

    async def handle(connection: Connection) -> None:
        await connection.request()
        await connection.send(OK)
        if connection.number == 0:
            await idle.wait()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ending, connection)
                await anyio.wait_all_tasks_blocked()
                ended.set()
        else:
            while True:
                await connection.request()
                await connection.send(OK)

    async with serving(handle) as server, opened() as transport:
        sockets = open_sockets()
        assert b"{}" == await get(transport, server)
        idle.set()
        await ended.wait()
        await anyio.wait_all_tasks_blocked()
        if "threads" in entry.capabilities:
            # One of them notices the end in its own time, and closes. A request that is sent before may fail, or be
            # responded to with what was not asked for.
            await nothing_left(server, sockets)

        assert [b"{}"] * 3 == [await get(transport, server) for _ in range(3)]
        assert [0, 1, 1, 1] == server.over


@pytest.mark.parametrize("ending", [closes, resets], ids=lambda ending: ending.__name__)
async def test_a_connection_ends_just_as_a_request_comes(opened: Open, ending: Handler) -> None:
    """It may have been processed: a clean error, and the request after it works."""

    async def handle(connection: Connection) -> None:
        await connection.request()
        await connection.send(OK)
        await connection.request()
        if connection.number == 0:
            await ending(connection)
        else:
            await connection.send(OK)
            await connection.until_closed()

    async with serving(handle) as server, opened() as transport:
        found = [await get(transport, server) for _ in range(4)]

    assert [b"{}", "NoResponseError", b"{}", b"{}"] == found
    assert [0, 0, 1, 1] == server.over


@pytest.mark.parametrize(
    "both",
    [OK + UNASKED, OK + UNASKED[:20], OK + b"garbage", OK + b"\r\n", OK.replace(b"{}", b"{}{}{}")],
    ids=["a response", "half a response", "garbage", "an empty line", "a longer body"],
)
async def test_more_than_one_response_in_one_piece(opened: Open, both: bytes) -> None:
    """The second belongs to no request: it is never returned for the next one, which goes over a new connection."""

    async def handle(connection: Connection) -> None:
        await connection.request()
        await connection.send(both if connection.number == 0 else OK)
        while True:
            await connection.request()
            await connection.send(OK)

    async with serving(handle) as server, opened() as transport:
        found = [await get(transport, server) for _ in range(3)]

    assert [b"{}"] * 3 == found
    assert [0, 1, 1] == server.over


@counted
async def test_many_idle_connections_end_at_once(entry: Entry, opened: Open) -> None:
    """As when a server restarts: none of them fails a request."""
    together = anyio.Event()
    restarted = anyio.Event()

    async def handle(connection: Connection) -> None:
        while True:
            await connection.request()
            if not restarted.is_set():
                await together.wait()
                await connection.send(OK)
                await restarted.wait()
                return
            await connection.send(OK)

    async with serving(handle) as server, opened() as transport:
        before = open_sockets()
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(get, transport, server)
            await server.until(lambda: 20 == len(server.requests))
            together.set()
        restarted.set()
        await server.until(lambda: 20 == len(server.ended))
        await anyio.wait_all_tasks_blocked()
        if "threads" in entry.capabilities:
            await nothing_left(server, before)
        found = [await get(transport, server) for _ in range(5)]

    assert [b"{}"] * 5 == found
