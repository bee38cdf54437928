"""Failures and time limits: before a request is sent, and after."""

import anyio
import pytest

from hubapi import ConfigurationError, NoResponseError, NotSentError
from hubapi._transport.transport import Limits, Request
from tests.transport.conformance.certificates import Authority
from tests.transport.conformance.conftest import Open
from tests.transport.conformance.servers import Connection, free_port, hold, serving, silent

pytestmark = pytest.mark.anyio


async def test_a_refused_connection(opened: Open) -> None:
    """Nothing was sent: repeating is safe."""
    async with opened() as transport:
        with pytest.raises(NotSentError):
            await transport.send(Request(method="GET", url=f"http://127.0.0.1:{free_port()}/"))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 64 + ".invalid", "a..invalid"])
async def test_a_name_that_does_not_resolve(opened: Open, host: str) -> None:
    """Not in DNS, or not fit for it."""
    async with opened() as transport:
        with pytest.raises((NotSentError, ConfigurationError)):
            await transport.send(Request(method="GET", url=f"http://{host}/"))


async def test_a_tls_handshake_without_end(opened: Open, authority: Authority) -> None:
    """Nothing was sent within `connect_s`, although `read_s` is longer."""
    limits = Limits(connect_s=0.1, read_s=60)
    async with serving(silent) as server, opened(ca=authority.file) as transport:
        with pytest.raises(NotSentError):
            await transport.send(Request(method="GET", url=server.url.replace("http:", "https:") + "/", limits=limits))
        await server.until(lambda: len(server.ended) == len(server.connections))


async def test_no_response(opened: Open) -> None:
    """Nothing came within `read_s`: it may have been processed. The connection is closed, and not used again."""
    limits = Limits(connect_s=60, read_s=0.1)
    async with serving(hold) as server, opened() as transport:
        for _ in range(2):
            with pytest.raises(NoResponseError):
                await transport.send(Request(method="GET", url=f"{server.url}/", limits=limits))
        await server.until(lambda: len(server.ended) == len(server.connections))

    assert [0, 1] == server.over


async def test_half_a_response(opened: Open) -> None:
    """The rest did not come within `read_s`."""
    limits = Limits(connect_s=60, read_s=0.1)

    async def half(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{")
        await connection.until_closed()

    async with serving(half) as server, opened() as transport:
        with pytest.raises(NoResponseError):
            await transport.send(Request(method="GET", url=f"{server.url}/", limits=limits))


async def test_a_slow_body(opened: Open) -> None:
    """It takes longer than `read_s`, but each of its pieces does not."""
    pieces, limits = 15, Limits(connect_s=60, read_s=1.0)

    async def trickle(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % pieces)
        for _ in range(pieces):
            await anyio.sleep(0.08)
            await connection.send(b"x")
        await connection.until_closed()

    async with serving(trickle) as server, opened() as transport:
        response = await transport.send(Request(method="GET", url=f"{server.url}/", limits=limits))

    assert b"x" * pieces == response.content
