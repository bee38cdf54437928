"""Servers on loopback that send exact bytes, and count what becomes of their connections."""

import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import anyio
import anyio.abc
from anyio.streams.tls import TLSListener
from attrs import define, field

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"

_GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)


@define(eq=False)
class Connection:
    """One connection, as its server sees it."""

    number: int
    server: "Server"
    stream: anyio.abc.ByteStream = field(repr=False)
    _pending: bytes = b""

    async def request(self) -> bytes:
        """Read one request: its head and its body.

        Raises:
            anyio.EndOfStream: the client has closed the connection.
        """
        while b"\r\n\r\n" not in self._pending:
            self._pending += await self.stream.receive()
        head, _, rest = self._pending.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        while len(rest) < length:
            rest += await self.stream.receive()
        self._pending = rest[length:]
        self.server.requests.append((self.number, head + b"\r\n\r\n" + rest[:length]))
        self.server.changed()
        return self.server.requests[-1][1]

    async def send(self, data: bytes) -> None:
        await self.stream.send(data)

    async def until_closed(self) -> None:
        """Wait for the client to close, whatever it sends before."""
        with suppress(*_GONE):
            while True:
                await self.stream.receive()

    async def reset(self) -> None:
        """Close with a reset instead of an orderly end."""
        raw = self.stream.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610 - anyio's, not Django's
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await self.stream.aclose()


Handler: TypeAlias = Callable[[Connection], Coroutine[Any, Any, None]]


@define(eq=False)
class Server:
    """Numbers its connections from 0.

    Attributes:
        url: Its scheme, host and port.
        requests: The number of the connection that each request came over, and its bytes.
        ended: The connections that the client has closed, or that the handler has left.
    """

    url: str
    requests: list[tuple[int, bytes]] = field(factory=list[tuple[int, bytes]])
    connections: list[Connection] = field(factory=list[Connection])
    ended: set[int] = field(factory=set[int])
    _change: anyio.Event = field(factory=anyio.Event)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def over(self) -> list[int]:
        """The connection of each request."""
        return [number for number, _ in self.requests]

    def changed(self) -> None:
        self._change.set()
        self._change = anyio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something about this server to be true. The test's own timeout is the limit."""
        while not condition():
            await self._change.wait()


@asynccontextmanager
async def serving(
    handler: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Server]:
    """Serve on a free port; *handler* has each connection until it returns."""
    listener = await anyio.create_tcp_listener(local_host=host, local_port=0, backlog=1024)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
    name = f"[{host}]" if ":" in host else host
    server = Server(f"{'https' if tls else 'http'}://{name}:{port}")
    shaking = TLSListener(listener, tls, standard_compatible=False) if tls else listener

    async def handle(stream: Any) -> None:
        connection = Connection(len(server.connections), server, stream)
        server.connections.append(connection)
        server.changed()
        try:
            async with stream:
                with suppress(*_GONE):
                    await handler(connection)
        finally:
            server.ended.add(connection.number)
            server.changed()

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(shaking.serve, handle)
        yield server
        tasks.cancel_scope.cancel()


async def respond(connection: Connection) -> None:
    """Respond to each request with an empty JSON object."""
    while True:
        await connection.request()
        await connection.send(OK)


async def silent(connection: Connection) -> None:
    """Never say anything."""
    await connection.until_closed()


async def hold(connection: Connection) -> None:
    """Read a request and never respond."""
    await connection.request()
    await connection.until_closed()


def sending(response: bytes, *, closes: bool = False) -> Handler:
    """Respond to each request with these bytes; close after the first, or keep the connection open."""

    async def handle(connection: Connection) -> None:
        while True:
            await connection.request()
            if response:
                await connection.send(response)
            if closes:
                return

    return handle


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
