"""Two ways to reach the fake: in process, and over real HTTP on loopback."""

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from threading import Thread
from typing import Any, cast

import httpx
import uvicorn
from anyio.lowlevel import checkpoint
from attrs import frozen
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from hubapi._clock import Clock
from hubapi.testing._server.app import Front
from hubapi.testing._server.delivery import ABORT, Delivery

__all__ = ["InProcessTransport", "LoopbackServer"]


class InProcessTransport(httpx.AsyncBaseTransport):
    """Asks the fake directly, but lets other tasks run first, as any network would."""

    def __init__(self, front: Front, clock: Clock, address: str) -> None:
        self._front = front
        self._clock = clock
        self._address = address

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await checkpoint()
        delivery = self._front.answer(Request(_scope(request, self._address)), await request.aread())
        await self._until(delivery.asked_at + delivery.headers_late_s, request)
        if delivery.cut == "unanswered":
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        stream = _Body(delivery, lambda due: self._until(due, request))
        return httpx.Response(delivery.response.status_code, headers=delivery.response.raw_headers, stream=stream)

    async def _until(self, due: float, request: httpx.Request) -> None:
        """Wait, but no longer than the client waits for a byte."""
        late_s = due - self._clock.monotonic()
        if late_s <= 0:
            return
        patience_s: float | None = request.extensions.get("timeout", {}).get("read")
        if patience_s is not None and patience_s < late_s:
            await self._clock.sleep(patience_s)
            raise httpx.ReadTimeout("", request=request)
        await self._clock.sleep(late_s)


@frozen
class _Body(httpx.AsyncByteStream):
    delivery: Delivery
    until: Callable[[float], Awaitable[None]]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        first, rest = self.delivery.halves
        yield first
        await self.until(self.delivery.asked_at + self.delivery.body_late_s)
        if self.delivery.cut is not None:
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
        yield rest


def _scope(request: httpx.Request, address: str) -> Scope:
    """Say what an ASGI server would of a request."""
    return {
        "type": "http",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": (address, 0),
    }


class _Protocol(cast("Any", AutoHTTPProtocol)):  # type: ignore[misc]
    """uvicorn's own, on whose connections the application can hang up."""

    app: ASGIApp

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)  # pyright: ignore[reportUnknownMemberType]
        app = self.app

        async def with_abort(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "extensions": {ABORT: transport.abort}}, receive, send)

        self.app = with_abort

    def shutdown(self) -> None:
        """Hang up, also on who still waits for an answer that is late."""
        self.transport.abort()


class LoopbackServer:
    """uvicorn in a thread with an event loop of its own."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._socket = _listen(host, port)
        config = uvicorn.Config(
            app,
            http=_Protocol,
            interface="asgi3",
            lifespan="off",
            ws="none",
            proxy_headers=False,
            log_config=None,
            date_header=False,  # the fake has a clock of its own
            server_header=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, name="FakeHub", daemon=True)
        at = f"[{host}]" if ":" in host else host
        self.url = f"http://{at}:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close every connection and wait until the thread has ended: a fifth of a second or so."""
        self._server.should_exit = True
        self._thread.join()
        # Stopped before it had started, an older uvicorn leaves it open.
        self._socket.close()


def _listen(host: str, port: int) -> socket.socket:
    """Listen from here on: the first request may come before the thread has begun to accept."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Not `socket.create_server`: asyncio only sets TCP_NODELAY on sockets that name their protocol, and without
    # it the kernel holds each answer's body back for 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening
