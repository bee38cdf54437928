"""Servers on loopback for the tests of transports, and transports to them."""

import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import pytest
import trustme
from anyio.streams.tls import TLSListener
from attrs import define, field

from hubapi._transport.httpx import HttpxTransport
from hubapi._transport.transport import Limits, Request

Handler = Callable[[anyio.abc.SocketStream], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"

counts_sockets = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts the sockets in /proc")


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """Run a TCP server that calls *handler* with each connection; yield its URL."""
    listener = await anyio.create_tcp_listener(local_host=host, local_port=0)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
    tls_listener = TLSListener(listener, tls, standard_compatible=False) if tls else listener

    async def handle(stream: Any) -> None:
        async with stream:
            with suppress(anyio.BrokenResourceError, anyio.EndOfStream):  # the client has closed the connection
                await handler(stream)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(tls_listener.serve, handle)
        yield f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
        tasks.cancel_scope.cancel()


def respond_with(response: bytes, requests: list[bytes] | None = None) -> Handler:
    """Return a handler that sends *response* to each request, and records the requests."""

    async def handle(stream: anyio.abc.SocketStream) -> None:
        while True:
            request = b""
            while b"\r\n\r\n" not in request:
                request += await stream.receive()
            if requests is not None:
                requests.append(request)
            await stream.send(response)

    return handle


@define(eq=False)
class Server:
    """A server that records, by the number of the connection, the requests and the connections that ended."""

    url: str = ""
    response: bytes = OK
    requests: list[int] = field(factory=list[int])
    ended: set[int] = field(factory=set[int])
    streams: list[anyio.abc.SocketStream] = field(factory=list[anyio.abc.SocketStream])
    holding: bool = False  # responses wait for `release`
    released: int = 0  # the number of the first connections that are released already
    closes: bool = False  # closes each connection after one response, without `connection: close`
    half_closes: bool = False  # closes it for sending only
    _change: anyio.Event = field(factory=anyio.Event)

    @property
    def connections(self) -> int:
        return len(self.streams)

    async def handle(self, stream: anyio.abc.SocketStream) -> None:
        number = len(self.streams)
        self.streams.append(stream)
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                while True:
                    await stream.receive()
                    self.requests.append(number)
                    self._changed()
                    while self.holding and number >= self.released:
                        await self._change.wait()
                    await stream.send(self.response)
                    if self.half_closes:
                        await stream.send_eof()
                    if self.closes:
                        break
        self.ended.add(number)
        self._changed()

    def release(self, first: int | None = None) -> None:
        """Send the responses that were held back: all of them, or those over the first connections."""
        self.holding, self.released = first is not None, first or 0
        self._changed()

    async def until(self, *, requests: int = 0, ended: int = 0) -> None:
        """Wait for a number of requests, and for a number of closed connections."""
        while len(self.requests) < requests or len(self.ended) < ended:
            await self._change.wait()

    def _changed(self) -> None:
        self._change.set()
        self._change = anyio.Event()


@asynccontextmanager
async def running(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Server]:
    server = Server()
    async with serving(server.handle, tls, host) as server.url:
        yield server


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[HttpxTransport]:
    """Yield a default transport, and close it afterwards."""
    transport = HttpxTransport(**options)
    try:
        yield transport
    finally:
        await transport.aclose()


def get(url: str, read_s: float = 60.0, connect_s: float = 60.0, **more: Any) -> Request:
    return Request(method="GET", url=url, limits=Limits(connect_s=connect_s, read_s=read_s), **more)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def open_sockets() -> int:
    links = list(Path("/proc/self/fd").iterdir())
    return sum(link.is_symlink() and str(link.readlink()).startswith("socket:") for link in links)


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
