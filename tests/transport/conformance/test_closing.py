"""Closing a transport while it is in use, and using it after."""

import anyio
import pytest

from hubapi import ConfigurationError, NoResponseError, NotSentError, TransportError
from hubapi._transport.transport import Request, Transport
from tests.transport.conformance.certificates import Authority
from tests.transport.conformance.conftest import Open
from tests.transport.conformance.servers import Connection, hold, respond, serving, silent
from tests.transport.conformance.sockets import counted, nothing_left, open_sockets

pytestmark = pytest.mark.anyio


def get(url: str) -> Request:
    return Request(method="GET", url=f"{url}/v2/x")


async def failing(transport: Transport, request: Request, failures: list[type[Exception]]) -> None:
    try:
        await transport.send(request)
    except TransportError as error:
        failures.append(type(error))


@counted
@pytest.mark.needs("closing")
async def test_closing_ends_what_waits_for_a_response(opened: Open) -> None:
    """With an error that says that it may have been processed."""
    failures: list[type[Exception]] = []
    async with serving(hold) as server:
        before = open_sockets()
        async with opened() as transport, anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(failing, transport, get(server.url), failures)
            await server.until(lambda: 5 == len(server.requests))
            await transport.aclose()
        await nothing_left(server, before)

    assert [NoResponseError] * 5 == failures


@counted
@pytest.mark.needs("closing")
async def test_closing_ends_what_is_being_read(opened: Open) -> None:
    """A part of the response is there."""
    failures: list[type[Exception]] = []

    async def half(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
        await connection.until_closed()

    async with serving(half) as server:
        before = open_sockets()
        async with opened() as transport, anyio.create_task_group() as tasks:
            tasks.start_soon(failing, transport, get(server.url), failures)
            await server.until(lambda: bool(server.requests))
            await anyio.wait_all_tasks_blocked()
            await transport.aclose()
        await nothing_left(server, before)

    assert [NoResponseError] == failures


@counted
@pytest.mark.needs("closing")
async def test_closing_ends_what_connects(opened: Open, authority: Authority) -> None:
    """In a TLS handshake that does not end: with an error, whichever."""
    failures: list[type[Exception]] = []
    async with serving(silent) as server:
        before = open_sockets()
        async with opened(ca=authority.file) as transport, anyio.create_task_group() as tasks:
            tasks.start_soon(failing, transport, get(server.url.replace("http:", "https:")), failures)
            await server.until(lambda: bool(server.connections))
            await transport.aclose()
        await nothing_left(server, before)

    assert 1 == len(failures)
    assert {NotSentError, NoResponseError} >= set(failures)


@counted
async def test_closing_closes_what_is_kept(opened: Open) -> None:
    """Idle connections; and closing again does nothing."""
    async with serving(respond) as server:
        before = open_sockets()
        async with opened() as transport:
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(transport.send, get(server.url))
            await transport.aclose()
            await transport.aclose()
            await nothing_left(server, before)


@pytest.mark.needs("closing")
async def test_a_closed_transport_sends_nothing(opened: Open) -> None:
    """A call that waited to try again would open connections that nothing closes."""
    async with serving(respond) as server, opened() as transport:
        await transport.send(get(server.url))
        await transport.aclose()
        with pytest.raises(ConfigurationError, match="closed"):
            await transport.send(get(server.url))

    assert 1 == len(server.requests)


@counted
@pytest.mark.needs("closing")
async def test_closing_at_any_moment(opened: Open, authority: Authority) -> None:
    """While requests connect, send, wait and read: each ends, with a response or an error, and nothing stays open."""
    async with serving(respond, authority.server("127.0.0.1")) as server:
        before = open_sockets()
        for moment in range(30):
            async with opened(ca=authority.file) as transport, anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(_either, transport, server.url)
                for _ in range(moment):
                    await anyio.lowlevel.checkpoint()
                await transport.aclose()
        await nothing_left(server, before)


async def _either(transport: Transport, url: str) -> None:
    try:
        response = await transport.send(get(url))
    except (TransportError, ConfigurationError):
        return
    assert b"{}" == response.content
