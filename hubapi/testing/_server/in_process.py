"""FakeHub as an httpx transport, without a socket."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
from anyio.lowlevel import checkpoint
from attrs import frozen
from starlette.requests import Request
from starlette.types import Scope

from hubapi._clock import Clock
from hubapi.testing._server.app import HubApp
from hubapi.testing._server.delivery import Delivery


class InProcessTransport(httpx.AsyncBaseTransport):
    """Passes requests to the application directly, after other tasks had a chance to run, as with any network."""

    def __init__(self, app: HubApp, clock: Clock, address: str) -> None:
        self._app = app
        self._clock = clock
        self._address = address

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await checkpoint()
        delivery = self._app.respond(Request(_scope(request, self._address)), await request.aread())
        await self._wait_until(delivery.received_at + delivery.headers_delay_s, request)
        if delivery.cut == "before":
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        stream = _Body(delivery, lambda due: self._wait_until(due, request))
        return httpx.Response(delivery.response.status_code, headers=delivery.response.raw_headers, stream=stream)

    async def _wait_until(self, due: float, request: httpx.Request) -> None:
        """Wait, but no longer than the client's read timeout."""
        delay_s = due - self._clock.monotonic()
        if delay_s <= 0:
            return
        timeout_s: float | None = request.extensions.get("timeout", {}).get("read")
        if timeout_s is not None and timeout_s < delay_s:
            await self._clock.sleep(timeout_s)
            raise httpx.ReadTimeout("", request=request)
        await self._clock.sleep(delay_s)


@frozen
class _Body(httpx.AsyncByteStream):
    delivery: Delivery
    wait_until: Callable[[float], Awaitable[None]]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        first, rest = self.delivery.halves
        yield first
        await self.wait_until(self.delivery.received_at + self.delivery.body_delay_s)
        if self.delivery.cut is not None:
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
        yield rest


def _scope(request: httpx.Request, address: str) -> Scope:
    """Return a request as an ASGI server describes it."""
    return {
        "type": "http",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": (address, 0),
    }
