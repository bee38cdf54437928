"""Middleware, events and log messages. None of them shows a token, a body or the value of an unknown query parameter.

`Settings(middleware=...)` wraps every attempt, including logins; `Settings(on_event=...)` is called with each event. A
new event is a class here, an entry in `Event`, and the line that emits it.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

from attrs import define, field
from msgspec import Struct
from msgspec.structs import replace

from hubapi._transport.transport import Request, Response
from hubapi.errors import ConfigurationError

_log = logging.getLogger("hubapi")

_SHOWN_HEADERS = (
    "content-type",
    "content-length",
    "date",
    "retry-after",
    "x-retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-request-id",
    "cf-ray",
)
_SHOWN_PARAMETERS = {
    *("page", "page_size", "from", "to", "action", "name", "actor", "ordering"),
    *("startIndex", "count", "attributes", "sortBy", "sortOrder"),
}


# --- events


class _Event(Struct, frozen=True, kw_only=True):
    """The attributes of all events."""

    operation: str
    attempt: int
    status: int | None
    seconds: float


class AttemptEvent(_Event, frozen=True, kw_only=True):
    """A request got a response, or failed without one.

    Attributes:
        operation: Such as `audit_logs.list`.
        attempt: The attempt of its call, from 1.
        status: The response's status; None without a response.
        seconds: The duration.

    Example:
        >>> def record(event: Event) -> None:
        ...     if isinstance(event, AttemptEvent):
        ...         print(event.operation, event.status)
        >>> record(AttemptEvent(operation="audit_logs.list", attempt=1, status=200, seconds=0.25))
        audit_logs.list 200
    """


class RetryEvent(_Event, frozen=True, kw_only=True):
    """An attempt failed, and another will follow.

    Attributes:
        operation: Such as `audit_logs.list`.
        attempt: The attempt that failed, from 1.
        status: The response's status; None without a response.
        seconds: The wait before the next attempt.
    """


class PauseEvent(_Event, frozen=True, kw_only=True):
    """The server asked to wait (429).

    Attributes:
        operation: The operation that got the 429.
        attempt: The number of the attempt; the next one has the same number.
        status: 429.
        seconds: The wait that the server asked for.
    """


class TokenEvent(_Event, frozen=True, kw_only=True):
    """A step of a login got a response, or failed without one.

    Attributes:
        operation: Such as `authentication.login`.
        attempt: The number of attempts.
        status: The response's status; None without a response.
        seconds: The duration, including waits.
    """


Event: TypeAlias = AttemptEvent | RetryEvent | PauseEvent | TokenEvent
"""Any event that `Settings(on_event=)` is called with."""


# --- middleware


class AttemptRequest(Struct, frozen=True, kw_only=True):
    """A request as middleware sees it: without the token and the body.

    Attributes:
        operation: Such as `audit_logs.list`.
        attempt: The attempt of its call, from 1.
        method: Such as `GET`.
        url: The full URL.
        headers: The headers, names in lower case.
    """

    operation: str
    attempt: int
    method: str
    url: str
    headers: Mapping[str, str]

    def with_headers(self, headers: Mapping[str, str]) -> "AttemptRequest":
        """Return a copy of the request with more headers, which replace those of the same name.

        Args:
            headers: Names and values, in ASCII.

        Example:
            >>> async def traced(request: AttemptRequest, call_next: CallNext) -> AttemptResponse:
            ...     return await call_next(request.with_headers({"x-trace-id": "4711"}))
            >>> settings = Settings(middleware=traced)
        """
        return replace(self, headers={**self.headers, **{name.lower(): value for name, value in headers.items()}})


class AttemptResponse(Struct, frozen=True, kw_only=True):
    """A response as middleware sees it: without the body and the cookies.

    Attributes:
        status: The HTTP status.
        headers: The headers, names in lower case.
    """

    status: int
    headers: Mapping[str, str]


_Send: TypeAlias = Callable[[Request], Awaitable[Response]]
CallNext: TypeAlias = Callable[[AttemptRequest], Awaitable[AttemptResponse]]
"""Sends the request of an attempt; the second argument of a `Middleware`."""
Middleware: TypeAlias = Callable[[AttemptRequest, CallNext], Awaitable[AttemptResponse]]
"""Called for every attempt. It may change the headers, measure, or raise; its exceptions propagate to the caller."""


@define(eq=False, repr=False)
class Hooks:
    """The hooks of a hub and its clones.

    Args:
        middleware: Wraps every attempt.
        on_event: Called with every event. Its first exception is logged; none stops a call.
    """

    middleware: Middleware | None = None
    on_event: Callable[[Event], object] | None = None
    _logged_failure: bool = field(default=False, init=False)

    def emit(self, event: Event) -> None:
        """Call `on_event`, if there is one."""
        if self.on_event is None:
            return
        try:
            self.on_event(event)
        except Exception:  # noqa: BLE001 - an exception of a callback must not end a call
            if not self._logged_failure:
                self._logged_failure = True
                _log.exception("on_event failed; calls continue, and this is logged only once")

    def send(self, request: Request, operation: str, attempt: int, transport: _Send) -> Awaitable[Response]:
        """Send a request, through the middleware if there is one.

        Raises:
            ConfigurationError: the middleware returned without sending the request.
        """
        if self.middleware is None:
            return transport(request)
        return self._send_through(self.middleware, request, operation, attempt, transport)

    async def _send_through(
        self, middleware: Middleware, request: Request, operation: str, attempt: int, transport: _Send
    ) -> Response:
        responses: list[Response] = []

        async def call_next(seen: AttemptRequest) -> AttemptResponse:
            # Only the headers may change: middleware must not send a token to another URL.
            response = await transport(replace(request, headers=dict(seen.headers)))
            responses.append(response)
            return AttemptResponse(status=response.status, headers=dict(response.headers))

        shown = AttemptRequest(
            operation=operation,
            attempt=attempt,
            method=request.method,
            url=request.url,
            headers=dict(request.headers),
        )
        await middleware(shown, call_next)
        if not responses:
            raise ConfigurationError("the middleware returned without awaiting call_next(request)")
        return responses[-1]


# --- logging


def log_response(operation: str, attempt: int, seconds: float, request: Request, response: Response) -> None:
    """Log a response at DEBUG: method, path, known query parameters, status, and known headers."""
    if _log.isEnabledFor(logging.DEBUG):
        headers = ", ".join(f"{name}: {response.headers[name]}" for name in _SHOWN_HEADERS if name in response.headers)
        _log.debug(
            "%s: attempt %d: %s %s: %d in %.3f s (%s)",
            operation,
            attempt,
            request.method,
            shown_target(request.url),
            response.status,
            seconds,
            headers,
        )


def shown_target(url: str) -> str:
    """Return a URL's path and query, without the values of parameters that may be private.

    Example:
        >>> shown_target("https://hub.docker.com/v2/x?page=2&key=hunter2")
        '/v2/x?page=2&key=***'
    """
    parts = urlsplit(url)
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    shown = "&".join(f"{name}={value if name in _SHOWN_PARAMETERS else '***'}" for name, value in parameters)
    return f"{parts.path}?{shown}" if shown else parts.path
