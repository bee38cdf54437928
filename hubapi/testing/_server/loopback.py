"""FakeHub on a socket: uvicorn in a thread."""

import os
import socket
from threading import Thread
from typing import Any, TypeAlias, cast

import anyio
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from hubapi.testing._server.delivery import ABORT

_POLL_S = 0.05

_Connections: TypeAlias = dict[tuple[str, int], Any]
"""Open connections, each an `asyncio.Transport`, by the client's address: the `client` of an ASGI scope."""


class LoopbackServer:
    """uvicorn in a thread with an event loop of its own.

    The application finds, in its scope, a function that closes the connection of the request.
    """

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._app = app
        self._connections: _Connections = {}
        self._socket = _listen(host, port)
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._with_abort,
                http=_recording(self._connections),
                interface="asgi3",
                lifespan="off",
                ws="none",
                proxy_headers=False,
                log_config=None,
                date_header=False,  # FakeHub has a clock of its own
                server_header=False,
                timeout_keep_alive=60,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = Thread(target=anyio.run, args=[self._serve], name="FakeHub", daemon=True)
        address = f"[{host}]" if ":" in host else host
        self.url = f"http://{address}:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close every connection, and wait until the thread has ended: about a fifth of a second."""
        self._server.should_exit = True
        self._thread.join()
        # Older uvicorn versions leave it open if they are stopped before they have started.
        self._socket.close()

    async def _serve(self) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._abort_when_stopped)
            await self._server.serve(sockets=[self._socket])
            tasks.cancel_scope.cancel()

    async def _abort_when_stopped(self) -> None:
        """Close all connections, since uvicorn alone would wait for delayed responses."""
        while True:
            if self._server.should_exit:
                for connection in list(self._connections.values()):
                    connection.abort()
            await anyio.sleep(_POLL_S)

    async def _with_abort(self, scope: Scope, receive: Receive, send: Send) -> None:
        def abort() -> None:
            if connection := self._connections.get(scope["client"]):
                connection.abort()

        await self._app({**scope, "extensions": {ABORT: abort}}, receive, send)


def _recording(connections: _Connections) -> Any:
    """Return uvicorn's HTTP protocol class, changed only in that it records its connections."""

    class Protocol(cast("Any", AutoHTTPProtocol)):  # type: ignore[misc]
        def connection_made(self, transport: Any) -> None:
            # There is no address if the client has left already.
            self._client_address = (transport.get_extra_info("peername") or ("", 0))[:2]
            connections[self._client_address] = transport
            super().connection_made(transport)  # pyright: ignore[reportUnknownMemberType]

        def connection_lost(self, error: Exception | None) -> None:
            connections.pop(self._client_address, None)
            super().connection_lost(error)  # pyright: ignore[reportUnknownMemberType]

    return Protocol


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens already: the first request may come before the thread accepts connections."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Not `socket.create_server`: asyncio sets TCP_NODELAY only on sockets that name their protocol, and without
    # it the kernel holds the body of each response back for 40 ms.
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
