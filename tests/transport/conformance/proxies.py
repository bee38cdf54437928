"""A proxy on loopback that connects every name to one server, or does what proxies do when they don't."""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

import anyio
import anyio.abc

from tests.transport.conformance.servers import OK, Connection, Server, serving

Manner: TypeAlias = Literal["connects", "refuses", "silent", "closes", "asks"]


@asynccontextmanager
async def proxying(upstream: Server | None, manner: Manner = "connects") -> AsyncIterator[Server]:
    """Serve as a proxy; its `requests` are what it was asked. A plain request is responded to by itself."""

    async def handle(connection: Connection) -> None:
        while True:
            asked = await connection.request()
            match manner:
                case "silent":
                    await connection.until_closed()
                case "refuses":
                    await connection.send(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
                case "asks" if not _has_password(asked):
                    await connection.send(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
                case "closes":
                    return
                case _ if asked.startswith(b"CONNECT "):
                    await _tunnel(connection, upstream)
                    return
                case _:
                    await connection.send(OK)

    async with serving(handle) as proxy:
        yield proxy


def _has_password(asked: bytes) -> bool:
    return b"basic " + b64encode(b"moby:hunter2").lower() in asked.lower()


async def _tunnel(connection: Connection, upstream: Server | None) -> None:
    assert upstream is not None
    async with await anyio.connect_tcp("127.0.0.1", upstream.port) as there, anyio.create_task_group() as tasks:
        await connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        tasks.start_soon(_pass_on, connection.stream, there, tasks.cancel_scope)
        tasks.start_soon(_pass_on, there, connection.stream, tasks.cancel_scope)


async def _pass_on(source: anyio.abc.ByteStream, target: anyio.abc.ByteStream, scope: anyio.CancelScope) -> None:
    try:
        async for data in source:
            await target.send(data)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass
    scope.cancel()
