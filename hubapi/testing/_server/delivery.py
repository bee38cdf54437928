"""A response on its way to the client, with what may go wrong there, and its transfer over ASGI."""

from collections.abc import Callable
from typing import Literal

import anyio
from attrs import define, field
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hubapi._clock import Clock
from hubapi.testing._server.rate_limits import RetryAfter

ABORT = "hubapi.abort"
"""The ASGI extension that closes the connection, whatever has been sent on it."""

_POLL_S = 0.01


@define(eq=False)
class Delivery:
    """A response and the manner of its delivery.

    Attributes:
        response: The response.
        retry_at: The time when a request is accepted again, for a 429 that names it.
        retry_after: The form in which it is named; None is the form that the FakeHub was created with.
        skew_s: Seconds by which the clock that the headers are written with is ahead.
        headers_delay_s: Seconds until the headers are sent.
        body_delay_s: Seconds until the second half of the body is sent.
        cut: Where the connection is closed, if it is.
        received_at: When the request came, by `clock.monotonic()`: delays count from then on.
    """

    response: Response
    retry_at: float | None = None
    retry_after: RetryAfter | None = None
    skew_s: float = 0.0
    headers_delay_s: float = 0.0
    body_delay_s: float = 0.0
    cut: Literal["before", "midway"] | None = None
    received_at: float = field(default=0.0, init=False)

    @property
    def status(self) -> int:
        """The status that the client receives; 0 if it receives none."""
        return 0 if self.cut == "before" else self.response.status_code

    @property
    def halves(self) -> tuple[bytes, bytes]:
        """The two halves of the body."""
        body = bytes(self.response.body)
        return body[: len(body) // 2], body[len(body) // 2 :]

    def remove_body(self) -> None:
        """Remove the body; what would have happened in the middle of it happens before the headers."""
        self.response.body = b""
        self.headers_delay_s = max(self.headers_delay_s, self.body_delay_s)
        self.body_delay_s = 0.0
        self.cut = self.cut and "before"


async def deliver(delivery: Delivery, scope: Scope, receive: Receive, send: Send, clock: Clock) -> None:
    """Send a response to an ASGI server, with its delays, or close the connection."""

    async def waited(delay_s: float) -> bool:
        return delay_s == 0 or await _wait_until(delivery.received_at + delay_s, receive, clock.monotonic)

    if not await waited(delivery.headers_delay_s):
        return
    if delivery.cut == "before":
        await _abort(scope, receive)
    elif delivery.cut is None and delivery.body_delay_s == 0:
        await delivery.response(scope, receive, send)
    else:
        status, headers = delivery.response.status_code, delivery.response.raw_headers
        first, rest = delivery.halves
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        if not await waited(delivery.body_delay_s):
            return
        if delivery.cut is not None:
            await _abort(scope, receive)
        else:
            await send({"type": "http.response.body", "body": rest, "more_body": False})


async def _wait_until(due: float, receive: Receive, monotonic: Callable[[], float]) -> bool:
    """Wait until *due*, and return True; return False as soon as the client has disconnected.

    It polls the clock, since a test may move that from another thread.
    """
    disconnected = False

    async def watch(waiting: anyio.CancelScope) -> None:
        nonlocal disconnected
        await _wait_for_disconnect(receive)
        disconnected = True
        waiting.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch, tasks.cancel_scope)
        while monotonic() < due:  # noqa: ASYNC110 - no event is set by another thread's clock
            await anyio.sleep(_POLL_S)
        tasks.cancel_scope.cancel()
    return not disconnected


async def _abort(scope: Scope, receive: Receive) -> None:
    abort: Callable[[], None] | None = scope.get("extensions", {}).get(ABORT)
    if abort is None:
        raise RuntimeError("this ASGI server can't close a connection: use FakeHub.transport() or FakeHub.serve()")
    abort()
    # To a server that has not noticed yet, an application that returns early is an error.
    await _wait_for_disconnect(receive)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
