"""The ASGI application: the path of every request, whatever its route."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import formatdate
from threading import Lock
from typing import Any
from urllib.parse import quote

from attrs import field, frozen
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hubapi._clock import Clock
from hubapi.testing._server.delivery import Delivery, deliver
from hubapi.testing._server.fault import Exchange, Fault
from hubapi.testing._server.rate_limits import RateLimits, Reading, RetryAfter, retry_header
from hubapi.testing._server.request_log import RequestLog, RequestRecord
from hubapi.testing._server.requests import HubRequest
from hubapi.testing._server.responses import ErrorResponse, detail_error, message_error, rate_limit_error
from hubapi.testing._server.router import Route, Router
from hubapi.testing._server.sessions import Caller, Sessions

_log = logging.getLogger("hubapi.testing")


@frozen
class HubApp:
    """Routes, authenticates, counts, processes and logs requests.

    A request is processed as a whole under one lock, which the methods that fill the state take too. What happens to
    its response on the way, such as a delay, happens without the lock.

    Attributes:
        now: Returns the server's time, in seconds since the epoch.
        clock: Measures the delays of responses.
        router: The routes.
        sessions: The logins and their tokens.
        rate_limits: The windows of all accounts and addresses.
        retry_after: The form in which a 429 names the time to retry at.
        apply_faults: Processes a request, with the fault that is injected into it, if any.
        log: Gets a record of every request.
        lock: The state's lock.
    """

    now: Callable[[], float]
    clock: Clock
    router: Router
    sessions: Sessions
    rate_limits: RateLimits
    retry_after: RetryAfter
    apply_faults: Callable[[Exchange], tuple[Delivery, Fault | None]]
    log: RequestLog
    lock: Lock = field(repr=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"FakeHub supports HTTP only, not {scope['type']!r}")
        request = Request(scope, receive)
        with suppress(ClientDisconnect):
            body = b"" if request.method in {"GET", "HEAD"} else await request.body()
            await deliver(self.respond(request, body), scope, receive, send, self.clock)

    def respond(self, request: Request, body: bytes) -> Delivery:
        """Process one request, and log it."""
        with self.lock:
            return self._respond(request, body)

    def _respond(self, request: Request, body: bytes) -> Delivery:
        now, method, path = self.now(), request.method, str(request.scope["path"])
        methods, params = self.router.find(path)
        route = methods.get(method)
        caller = self._caller(route, request.headers.get("authorization"), now)
        address = request.client.host if request.client else "unknown"
        reading = self.rate_limits.take(caller.account, address, now)
        operation = "unknown" if route is None else route.operation
        url = f"{request.scope['scheme']}://{request.headers.get('host', '')}{quote(path)}"

        def process(query: QueryParams | None = None, /) -> Delivery:
            if not reading.passes:
                return Delivery(rate_limit_error(), retry_at=reading.free_at)
            if route is None:
                return Delivery(self._not_found(method, path, methods))
            query = request.query_params if query is None else query
            user_agent = request.headers.get("user-agent", "")
            return Delivery(_handle(route, HubRequest(now, caller, params, query, url, body, address, user_agent)))

        error = route.auth_error if route is not None and route.auth == "scim" else None
        exchange = Exchange(now, method, path, caller.account, operation, url, request.query_params, process, error)
        delivery, fault = self.apply_faults(exchange)
        delivery.received_at = self.clock.monotonic()
        if method == "HEAD" or not delivery.response.body:
            delivery.remove_body()
        self._add_headers(delivery, reading, now)
        query = request.scope["query_string"].decode("latin-1")
        self.log.add(RequestRecord(now, method, path, query, delivery.status, caller.account, operation, fault))
        return delivery

    def _caller(self, route: Route | None, authorization: str | None, now: float) -> Caller:
        if route is not None and route.auth == "ignored":
            return Caller()
        if route is not None and route.auth == "scim":
            return self.sessions.scim_caller(authorization)
        return self.sessions.caller(authorization, now)

    def _not_found(self, method: str, path: str, methods: Mapping[str, Any]) -> Response:
        _log.warning("FakeHub has no route %s %s; the nearest is %s", method, path, self.router.nearest(method, path))
        if methods:
            response = detail_error(f'Method "{method}" not allowed.', 405)
            response.headers["allow"] = ", ".join(methods)
            return response
        # As a withdrawn route did in docker/hub-feedback#2362.
        return message_error("404: Page Not Found", 404)

    def _add_headers(self, delivery: Delivery, reading: Reading, now: float) -> None:
        """Add the date, the rate limit and the time to retry at, unless a fault has set them."""
        skew_s, headers = delivery.skew_s, delivery.response.raw_headers
        added = [
            (b"date", formatdate(now + skew_s, usegmt=True).encode()),
            (b"x-ratelimit-limit", b"%d" % reading.limit),
            (b"x-ratelimit-remaining", b"%d" % reading.remaining),
            (b"x-ratelimit-reset", b"%d" % (reading.reset + skew_s)),
        ]
        if delivery.retry_at is not None:
            form = delivery.retry_after or self.retry_after
            if header := retry_header(form, now=now + skew_s, free_at=delivery.retry_at + skew_s):
                added.append(header)
        present = {name for name, _ in headers}
        headers += [header for header in added if header[0] not in present]


def _handle(route: Route, request: HubRequest) -> Response:
    if request.caller.problem is not None:
        return route.auth_error(request.caller.problem, 401)
    if route.auth == "required" and request.caller.account is None:
        return detail_error("Authentication credentials were not provided.", 401)
    try:
        return route.handler(request)
    except ErrorResponse as error:
        return error.response
