"""The requests of `export` and `follow`. No other module of this package uses the pipeline: they only hand it on."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from attrs import frozen
from msgspec.structs import replace

from hubapi._clock import Clock
from hubapi._codec.response import decode
from hubapi._codec.wire import UNSET
from hubapi._datetimes import from_ns, parse_http_date
from hubapi._generated.endpoints import audit_logs as endpoints
from hubapi._operation import Client, Operation, operation_of
from hubapi._pipeline.pipeline import Pipeline
from hubapi._pipeline.session import Counters
from hubapi._transport.transport import Response
from hubapi.credentials import Credentials
from hubapi.errors import DecodeError, StatusError
from hubapi.export.pages import PAGE_SIZE, Line, RawPage
from hubapi.models import AuditLog

T = TypeVar("T")


@frozen(eq=False)
class LogRequests:
    """Sends the requests for audit logs, with one login.

    Args:
        pipeline: Sends them.
        operation: The operation's name in errors and events.
    """

    _pipeline: Pipeline
    _operation: str

    async def page(self, account: str, number: int, since_ns: int | None, until_ns: int) -> tuple[RawPage, bytes]:
        """Return a page of a log, and the bytes it was read from: the arguments of `split_page`.

        Args:
            account: The organisation or user.
            number: The number of the page, from 1.
            since_ns: The earliest time, in nanoseconds since the epoch; None for no limit.
            until_ns: The latest time.

        Raises:
            HubError: the call failed.
        """
        page, response = await self._send(
            RawPage,
            lambda client: endpoints.list(
                client,
                account,
                from_=UNSET if since_ns is None else from_ns(since_ns),
                to=from_ns(until_ns),
                page=number,
                page_size=PAGE_SIZE,
            ),
        )
        return page, response.content

    async def server_time(self, account: str) -> float | None:
        """Return the server's time in seconds since the epoch, as the local clock may be wrong.

        A small request is sent if no response had a date yet. A refusal has one too.

        Args:
            account: The account that the request is about.

        Returns:
            The time; None if the server's responses have no date.

        Raises:
            HubError: no response came, or one that is not the server's.
        """
        limiter = self._pipeline.session.limiter
        known = limiter.known_server_time
        if known is not None:
            return known
        headers: Mapping[str, str] = {}
        try:
            _, response = await self._send(bytes, lambda client: endpoints.actions(client, account))
            headers = response.headers
        except StatusError as error:
            headers = error.headers
        except DecodeError:
            if limiter.known_server_time is None:
                raise
        known = limiter.known_server_time
        return parse_http_date(headers.get("date")) if known is None else known

    def estimated_server_time(self) -> float:
        """Return the server's time if a response had a date, else the local clock's."""
        return self._pipeline.session.limiter.server_time()

    def decode_event(self, line: Line) -> AuditLog:
        """Return one event as a model.

        Raises:
            DecodeError: it can't be read.
        """
        response = Response(status=200, headers={"content-type": "application/json"}, content=bytes(line))
        return decode(response, Operation(id=self._operation, method="GET", path="", result=AuditLog))

    def with_credentials(self, credentials: Credentials) -> "LogRequests":
        """Return the same with another login, which has a rate limit of its own; connections are shared."""
        return LogRequests(self._pipeline.with_credentials(credentials), self._operation)

    async def sleep(self, seconds: float) -> None:
        """Wait.

        Raises:
            HubError: the hub is closed.
        """
        await self._pipeline.session.lifecycle.sleep(seconds, self._operation)

    async def _send(self, result: type[T], call: Callable[[Client], Awaitable[object]]) -> tuple[T, Response]:
        """Send the operation of an endpoint function, and read its response as another type."""
        operation = (await operation_of(call)).with_result(result)
        return await self._pipeline.send_with_response(replace(operation, id=self._operation))

    @property
    def clock(self) -> Clock:
        """The hub's clock."""
        return self._pipeline.session.clock

    @property
    def counters(self) -> Counters:
        """The counters of the hub so far."""
        return replace(self._pipeline.session.counters)

    @property
    def paused_s(self) -> float:
        """Seconds that requests of this login have waited for the rate limit."""
        return self._pipeline.session.limiter.paused_s
