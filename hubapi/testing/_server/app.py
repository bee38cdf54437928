"""The ASGI application: what every request goes through, whatever it asks for."""

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
from hubapi.testing._faults.injections import Injections
from hubapi.testing._server.calls import Call, Refused, detail, json_answer, message
from hubapi.testing._server.delivery import Asked, Delivery, deliver
from hubapi.testing._server.rate_limits import Budgets, Reading, RetryAfter, retry_header
from hubapi.testing._server.request_log import RequestLog, RequestRecord
from hubapi.testing._server.router import Operation, Routes
from hubapi.testing._setup.accounts import Accounts, Bearer

__all__ = ["Front"]

_log = logging.getLogger("hubapi.testing")


@frozen
class Front:
    """Routes, counts, authenticates, answers and logs.

    A request is answered as a whole under one lock, which the set-up methods of `FakeHub` take too: the
    server's thread and the test's see each other's work whole or not at all. What happens to the answer on its
    way, such as a pause, happens without it.
    """

    now: Callable[[], float]
    clock: Clock
    routes: Routes
    accounts: Accounts
    budgets: Budgets
    retry_after: RetryAfter
    injections: Injections
    log: RequestLog
    lock: Lock = field(repr=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"FakeHub speaks HTTP only, not {scope['type']!r}")
        request = Request(scope, receive)
        with suppress(ClientDisconnect):
            body = b"" if request.method in {"GET", "HEAD"} else await request.body()
            await deliver(self.answer(request, body), scope, receive, send, self.clock)

    def answer(self, request: Request, body: bytes) -> Delivery:
        """Answer one request, and put it in the log."""
        with self.lock:
            return self._answer(request, body)

    def _answer(self, request: Request, body: bytes) -> Delivery:
        now = self.now()
        path: str = request.scope["path"]
        methods, params = self.routes.find(path)
        operation = methods.get(request.method)
        bearer = self._bearer(operation, request.headers.get("authorization"), now)
        address = request.client.host if request.client else "unknown"
        reading = self.budgets.take(bearer.account, address, now)
        name = "unknown" if operation is None else operation.name
        url = f"{request.scope['scheme']}://{request.headers.get('host', '')}{quote(path)}"

        def work(query: QueryParams | None = None, /) -> Delivery:
            if not reading.passes:
                too_many = json_answer({"detail": "Rate limit exceeded", "error": False}, 429)
                return Delivery(too_many, retry_at=reading.free_at)
            if operation is None:
                return Delivery(self._unrouted(request.method, path, methods))
            call = Call(
                now,
                bearer.account,
                bearer.kind,
                params,
                request.query_params if query is None else query,
                url,
                body,
                address=address,
                user_agent=request.headers.get("user-agent", ""),
                token=bearer.token,
            )
            return Delivery(_handle(operation, bearer, call))

        refuse = operation.refuse if operation is not None and operation.bearer == "scim" else None
        asked = Asked(now, request.method, path, bearer.account, name, url, request.query_params, work, refuse)
        delivery, fault = self.injections.answer(asked)
        delivery.asked_at = self.clock.monotonic()
        if request.method == "HEAD" or not delivery.response.body:
            delivery.without_body()
        self._tell_limits(delivery, reading, now)
        self.log.add(
            RequestRecord(
                time=now,
                method=request.method,
                path=path,
                query=request.scope["query_string"].decode("latin-1"),
                status=delivery.status,
                account=bearer.account,
                operation=name,
                fault=fault,
            )
        )
        return delivery

    def _bearer(self, operation: Operation | None, authorization: str | None, now: float) -> Bearer:
        if operation is not None and operation.bearer == "ignored":
            return Bearer()
        if operation is not None and operation.bearer == "scim":
            return self.accounts.read_scim_bearer(authorization)
        return self.accounts.read_bearer(authorization, now)

    def _unrouted(self, method: str, path: str, methods: Mapping[str, Any]) -> Response:
        _log.warning("FakeHub has no route %s %s; the nearest is %s", method, path, self.routes.nearest(method, path))
        if methods:
            response = detail(f'Method "{method}" not allowed.', 405)
            response.headers["allow"] = ", ".join(methods)
            return response
        # As a withdrawn route answered in docker/hub-feedback#2362.
        return message("404: Page Not Found", 404)

    def _tell_limits(self, delivery: Delivery, reading: Reading, now: float) -> None:
        skew_s, headers = delivery.skew_s, delivery.response.raw_headers
        told = [
            (b"date", formatdate(now + skew_s, usegmt=True).encode()),
            (b"x-ratelimit-limit", b"%d" % reading.limit),
            (b"x-ratelimit-remaining", b"%d" % reading.remaining),
            (b"x-ratelimit-reset", b"%d" % (reading.reset + skew_s)),
        ]
        if delivery.retry_at is not None:
            form = delivery.retry_after or self.retry_after
            if header := retry_header(form, now=now + skew_s, free_at=delivery.retry_at + skew_s):
                told.append(header)
        own = {name for name, _ in headers}
        headers += [header for header in told if header[0] not in own]


def _handle(operation: Operation, bearer: Bearer, call: Call) -> Response:
    if bearer.problem is not None:
        return operation.refuse(bearer.problem, 401)
    if operation.bearer == "required" and bearer.account is None:
        return detail("Authentication credentials were not provided.", 401)
    try:
        return operation.handler(call)
    except Refused as refused:
        return refused.response
