"""Two ways to reach the fake: in process, and over real HTTP on loopback."""

import os
import socket
from threading import Thread

import httpx
import uvicorn
from anyio.lowlevel import checkpoint
from starlette.types import ASGIApp

__all__ = ["InProcessTransport", "LoopbackServer"]


class InProcessTransport(httpx.ASGITransport):
    """Calls the application directly, but lets other tasks run first, as any network would."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await checkpoint()
        return await super().handle_async_request(request)


class LoopbackServer:
    """uvicorn in a thread with an event loop of its own."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._socket = _listen(host, port)
        config = uvicorn.Config(
            app,
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
