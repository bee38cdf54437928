"""The ASGI application: what every request goes through, whatever it asks for."""

import logging
from collections.abc import Callable, Mapping
from email.utils import formatdate
from threading import Lock
from typing import Any
from urllib.parse import quote

from attrs import field, frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ._accounts import Accounts, Bearer
from ._calls import Call, Refused, detail, json_answer, message
from ._limits import Budgets, Reading, RetryAfter, retry_header
from ._request_log import RequestLog, RequestRecord
from ._routes import Operation, Routes

__all__ = ["Front"]

_log = logging.getLogger("hubapi.testing")


@frozen
class Front:
    """Routes, counts, authenticates, answers and logs.

    A request is answered as a whole under one lock, which the set-up methods of `FakeHub` take too: the
    server's thread and the test's see each other's work whole or not at all.
    """

    now: Callable[[], float]
    routes: Routes
    accounts: Accounts
    budgets: Budgets
    retry_after: RetryAfter
    log: RequestLog
    lock: Lock = field(repr=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"FakeHub speaks HTTP only, not {scope['type']!r}")
        request = Request(scope, receive)
        body = b"" if request.method in {"GET", "HEAD"} else await request.body()
        with self.lock:
            response = self._answer(request, body)
        await response(scope, receive, send)

    def _answer(self, request: Request, body: bytes) -> Response:
        now = self.now()
        path: str = request.scope["path"]
        methods, params = self.routes.find(path)
        operation = methods.get(request.method)
        bearer = self._bearer(operation, request.headers.get("authorization"), now)
        address = request.client.host if request.client else "unknown"
        reading = self.budgets.take(bearer.account, address, now)
        if not reading.passes:
            response = self._too_many(reading, now)
        elif operation is None:
            response = self._unrouted(request.method, path, methods)
        else:
            response = _handle(operation, request, bearer=bearer, params=params, body=body, now=now)
        _tell_limits(response, reading, now)
        self.log.add(
            RequestRecord(
                time=now,
                method=request.method,
                path=path,
                query=request.scope["query_string"].decode("latin-1"),
                status=response.status_code,
                account=bearer.account,
                operation="unknown" if operation is None else operation.name,
            )
        )
        return response

    def _bearer(self, operation: Operation | None, authorization: str | None, now: float) -> Bearer:
        if operation is not None and operation.bearer == "ignored":
            return Bearer()
        if operation is not None and operation.bearer == "scim":
            return self.accounts.read_scim_bearer(authorization)
        return self.accounts.read_bearer(authorization, now)

    def _too_many(self, reading: Reading, now: float) -> Response:
        response = json_answer({"detail": "Rate limit exceeded", "error": False}, 429)
        if header := retry_header(self.retry_after, now=now, free_at=reading.free_at):
            response.raw_headers.append(header)
        return response

    def _unrouted(self, method: str, path: str, methods: Mapping[str, Any]) -> Response:
        _log.warning("FakeHub has no route %s %s; the nearest is %s", method, path, self.routes.nearest(method, path))
        if methods:
            response = detail(f'Method "{method}" not allowed.', 405)
            response.headers["allow"] = ", ".join(methods)
            return response
        # As a withdrawn route answered in docker/hub-feedback#2362.
        return message("404: Page Not Found", 404)


def _handle(
    operation: Operation,
    request: Request,
    *,
    bearer: Bearer,
    params: Mapping[str, str],
    body: bytes,
    now: float,
) -> Response:
    if bearer.problem is not None:
        return detail(bearer.problem, 401)
    if operation.bearer == "required" and bearer.account is None:
        return detail("Authentication credentials were not provided.", 401)
    scope = request.scope
    url = f"{scope['scheme']}://{request.headers.get('host', '')}{quote(scope['path'])}"
    call = Call(now, bearer.account, bearer.kind, params, request.query_params, url, body)
    try:
        return operation.handler(call)
    except Refused as refused:
        return refused.response


def _tell_limits(response: Response, reading: Reading, now: float) -> None:
    response.raw_headers += [
        (b"date", formatdate(now, usegmt=True).encode()),
        (b"x-ratelimit-limit", b"%d" % reading.limit),
        (b"x-ratelimit-remaining", b"%d" % reading.remaining),
        (b"x-ratelimit-reset", b"%d" % reading.reset),
    ]
