"""The requests of `export` and `follow`. No other module of this package uses the pipeline: they only hand it on."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import frozen
from msgspec.structs import replace

from hubapi._auth.schemes import another_login
from hubapi._clock import Clock
from hubapi._codec.codec import decode
from hubapi._codec.wire import UNSET
from hubapi._datetimes import from_ns, parse_http_date
from hubapi._generated.endpoints import audit_logs as endpoints
from hubapi._operation import Operation
from hubapi._pipeline.pipeline import Counters, Pipeline
from hubapi._transport.transport import Response
from hubapi.credentials import Credentials
from hubapi.errors import DecodeError, StatusError
from hubapi.export.pages import PAGE_SIZE, Line, RawPage
from hubapi.models import AuditLog

T = TypeVar("T")


@frozen
class _ClientOf:
    """A client for the endpoint functions that reads a result as another type, and returns it with the response."""

    pipeline: Pipeline
    operation: str
    result: type[Any]

    async def send(self, operation: Operation[T], /) -> T:
        changed = replace(operation, id=self.operation, result=self.result)
        return cast("T", await self.pipeline.send_and_keep(changed))


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
            HubError: of the kind that fits.
        """
        client = _ClientOf(self._pipeline, self._operation, RawPage)
        result: Any = await endpoints.list(
            client,
            account,
            from_=UNSET if since_ns is None else from_ns(since_ns),
            to=from_ns(until_ns),
            page=number,
            page_size=PAGE_SIZE,
        )
        page, response = cast("tuple[RawPage, Response]", result)
        return page, response.content

    async def server_time(self, account: str) -> float | None:
        """Return the server's time in seconds since the epoch, as the local clock may be wrong.

        A small request is sent if no response has told the time yet. A refusal tells it as well.

        Args:
            account: The account that the request is about.

        Returns:
            The time; None if the server's responses have no date.

        Raises:
            HubError: no response came, or one that is not the server's.
        """
        limiter = self._pipeline.line.gate
        known = limiter.knows_time
        if known is not None:
            return known
        headers: Mapping[str, str] = {}
        try:
            result: Any = await endpoints.actions(_ClientOf(self._pipeline, self._operation, bytes), account)
            headers = cast("tuple[bytes, Response]", result)[1].headers
        except StatusError as error:
            headers = error.headers
        except DecodeError:
            if limiter.knows_time is None:
                raise
        known = limiter.knows_time
        return parse_http_date(headers.get("date")) if known is None else known

    def estimated_server_time(self) -> float:
        """Return the server's time as the last response told it; before that, the local clock's."""
        return self._pipeline.line.gate.server_time()

    def decode_event(self, line: Line) -> AuditLog:
        """Return one event as a model.

        Raises:
            DecodeError: it can't be read.
        """
        response = Response(status=200, headers={"content-type": "application/json"}, content=bytes(line))
        return decode(response, Operation(id=self._operation, method="GET", path="", result=AuditLog))

    def with_credentials(self, credentials: Credentials) -> "LogRequests":
        """Return the same with another login, which has a rate limit of its own; connections are shared."""
        return LogRequests(another_login(self._pipeline, credentials), self._operation)

    async def sleep(self, seconds: float) -> None:
        """Wait.

        Raises:
            HubError: the hub is closed.
        """
        await self._pipeline.line.life.sleep(seconds, self._operation)

    @property
    def clock(self) -> Clock:
        """The hub's clock."""
        return self._pipeline.line.clock

    @property
    def counters(self) -> Counters:
        """What the hub has done so far, in all."""
        return replace(self._pipeline.line.counters)

    @property
    def paused_s(self) -> float:
        """Seconds that requests of this login have waited for the rate limit."""
        return self._pipeline.line.gate.paused_s
