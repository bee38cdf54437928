"""An answer on its way to the client, what may happen to it there, and how ASGI carries it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal, Protocol

import anyio
from attrs import define, field, frozen
from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hubapi._clock import Clock
from hubapi.testing._server.rate_limits import RetryAfter

__all__ = ["ABORT", "Asked", "Delivery", "Fault", "Work", "deliver"]

ABORT = "hubapi.abort"
"""The ASGI extension that closes the connection, whatever has been sent on it."""
_LOOK_AGAIN_S = 0.01


@define(eq=False)
class Delivery:
    """An answer, and how it arrives."""

    response: Response
    retry_at: float | None = None
    """When a request passes again, for a 429 that tells."""
    retry_after: RetryAfter | None = None
    """How it tells; None is the fake's own way."""
    skew_s: float = 0.0
    """How far ahead the clock is that its headers are written by."""
    headers_late_s: float = 0.0
    body_late_s: float = 0.0
    """The second half of the body is."""
    cut: Literal["unanswered", "midway"] | None = None
    """Where the connection is closed."""
    asked_at: float = field(default=0.0, init=False)
    """When the request came, by ``clock.monotonic()``: what is late is late from then on."""

    @property
    def status(self) -> int:
        """What the client sees of it: 0 for nothing."""
        return 0 if self.cut == "unanswered" else self.response.status_code

    @property
    def halves(self) -> tuple[bytes, bytes]:
        """The body, in the two parts that a fault in the middle divides it into."""
        body = bytes(self.response.body)
        return body[: len(body) // 2], body[len(body) // 2 :]

    def without_body(self) -> None:
        """Let there be no body, and what would happen in the middle of it happen before the headers."""
        self.response.body = b""
        self.headers_late_s = max(self.headers_late_s, self.body_late_s)
        self.body_late_s = 0.0
        self.cut = self.cut and "unanswered"


class Work(Protocol):
    """Does what a request asks for."""

    def __call__(self, query: QueryParams | None = None, /) -> Delivery:
        """Return the answer, to *query* instead of the request's own if it is given."""
        ...


@frozen
class Asked:
    """One request, as a fault knows it."""

    now: float
    method: str
    path: str
    account: str | None
    operation: str
    """``"unknown"`` where there is no such route."""
    url: str
    """Absolute, as the client addressed it, without the query."""
    query: QueryParams
    work: Work = field(repr=False)
    refuse: Callable[[str, int], Response] | None = field(default=None, repr=False)
    """How the route words a refusal, if not as most do."""


class Fault(ABC):
    """Something that goes wrong with a request: one of those in `hubapi.testing.faults`."""

    @abstractmethod
    def __call__(self, asked: Asked) -> Delivery | None:
        """Answer a request, with or without doing the work; None leaves it to others."""


async def deliver(delivery: Delivery, scope: Scope, receive: Receive, send: Send, clock: Clock) -> None:
    """Send an answer to an ASGI server, and let happen to it what shall."""

    async def came(late_s: float) -> bool:
        return late_s == 0 or await _outlasts(delivery.asked_at + late_s, receive, clock.monotonic)

    if not await came(delivery.headers_late_s):
        return
    if delivery.cut == "unanswered":
        await _abort(scope, receive)
    elif delivery.cut is None and delivery.body_late_s == 0:
        await delivery.response(scope, receive, send)
    else:
        status, headers = delivery.response.status_code, delivery.response.raw_headers
        first, rest = delivery.halves
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        if not await came(delivery.body_late_s):
            return
        if delivery.cut is not None:
            await _abort(scope, receive)
        else:
            await send({"type": "http.response.body", "body": rest, "more_body": False})


async def _outlasts(due: float, receive: Receive, monotonic: Callable[[], float]) -> bool:
    """Wait until *due*; return False as soon as the client has gone.

    It looks again and again, since the clock may be one that a test moves in another thread.
    """
    gone = False

    async def leave(waiting: anyio.CancelScope) -> None:
        nonlocal gone
        await _gone(receive)
        gone = True
        waiting.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(leave, tasks.cancel_scope)
        while monotonic() < due:  # noqa: ASYNC110 - no event tells of another thread's clock
            await anyio.sleep(_LOOK_AGAIN_S)
        tasks.cancel_scope.cancel()
    return not gone


async def _abort(scope: Scope, receive: Receive) -> None:
    abort: Callable[[], None] | None = scope.get("extensions", {}).get(ABORT)
    if abort is None:
        raise RuntimeError("this ASGI server can't close a connection: reach FakeHub by transport() or serve()")
    abort()
    # Until the server has noticed, an application that returns early is an error to it.
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
