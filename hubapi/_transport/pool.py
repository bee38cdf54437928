"""A connection pool: a stack of stock httpx transports, each limited to one connection.

httpcore's own pool scans all connections and requests each time, which at 32 in flight is most of a request's CPU, and
it leaks a slot for each cancelled request (encode/httpcore#1093). A transport of one connection does neither, and
replaces the connection itself if the server has closed it.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Literal, Protocol, cast

import anyio
import httpx
from attrs import define, field

from hubapi._transport.body import RawResponse, read_body
from hubapi._transport.transport import CLOSED_DURING_CALL, Limits
from hubapi.errors import NoResponseError, NotSentError, TransportError, shorten

MAX_IDLE = 64
MAX_IDLE_S = 30.0

NOT_SENT_ERRORS = ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol")
"""The errors of httpx and httpx2 that are raised before anything is sent."""


class _Closable(Protocol):
    async def aclose(self) -> None: ...


@define(eq=False, repr=False)
class Connection:
    """One connection, for one request at a time.

    httpcore reports its steps to `trace` (https://www.encode.io/httpcore/extensions/#trace), for three purposes:

    - All steps before a request is sent, from name lookup to the TLS handshake through a proxy, share one time limit.
    - A failure before the request was sent is distinguished from one after.
    - The socket is closed even if the TLS handshake is cancelled: httpcore 1.0.9 then leaks it.

    Args:
        transport: Connects at the first request, and again after the server has closed the connection.
        key: Only requests with an equal key use the connection.
    """

    transport: httpx.AsyncHTTPTransport
    key: Hashable
    idle_since: float = field(default=0.0, init=False)
    _scope: anyio.CancelScope | None = field(default=None, init=False)
    _socket: _Closable | None = field(default=None, init=False)
    _step: Literal["", "connecting", "sent"] = field(default="", init=False)  # of the current request
    _limits: Limits = field(factory=Limits, init=False)
    _closed: bool = field(default=False, init=False)

    async def send(self, request: httpx.Request, limits: Limits) -> RawResponse:
        """Send a request and read its response.

        Raises:
            NotSentError: nothing was sent.
            NoResponseError: no complete response was received.
        """
        self._step, self._limits = "", limits
        request.extensions["trace"] = self._trace
        self._scope = scope = anyio.CancelScope()
        with scope:
            try:
                response = await self.transport.handle_async_request(request)
                body = await read_body(response, limits.max_response_bytes)
            except AssertionError:  # of a mock: nothing matches the request
                raise
            except Exception as error:  # noqa: BLE001 - httpcore does not map all errors of trio and of sockets
                raise self._failure(error) from None
            finally:
                self._scope = None
            return RawResponse(response.status_code, response.headers.raw, body)
        raise self._failure(None)

    async def _trace(self, event: str, info: Mapping[str, object]) -> None:
        if event.endswith(".connect_tcp.started"):
            self._step = "connecting"
            if self._scope is not None:
                self._scope.deadline = anyio.current_time() + self._limits.connect_s
        elif event.endswith(".connect_tcp.complete"):
            self._socket = cast("_Closable", info["return_value"])
        elif event == "http11.send_request_headers.started" and getattr(info["request"], "method", b"") != b"CONNECT":
            if self._step == "connecting" and self._scope is not None:
                self._scope.deadline = float("inf")
            self._step = "sent"

    def _failure(self, error: Exception | None) -> TransportError:
        """Return the error of a failed request; without an error, its scope was cancelled."""
        not_sent = self._step == "connecting" or (not self._step and type(error).__name__ in NOT_SENT_ERRORS)
        kind, what = (NotSentError, "nothing was sent") if not_sent else (NoResponseError, "no response")
        return kind(f"{what}: {CLOSED_DURING_CALL if self._closed else self._reason(error)}")

    def _reason(self, error: Exception | None) -> str:
        if error is None or isinstance(error, httpx.ConnectTimeout):
            return f"no connection within {self._limits.connect_s:g} s"
        if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
            return f"the connection was silent for {self._limits.read_s:g} s"
        return describe(error)

    async def aclose(self) -> None:
        """Close it, even if the caller is cancelled; a request in flight ends with an error."""
        self._closed = True
        if self._scope is not None:
            self._scope.cancel()
        with anyio.CancelScope(shield=True):
            if self._socket is not None:
                await self._socket.aclose()
            await self.transport.aclose()


@define(eq=False, repr=False)
class Pool:
    """A pool of connections to any number of servers.

    - A request takes the most recently used idle connection with its key, or a new one. There is no limit here: the
      rate limiter and `concurrency` bound the requests in flight.
    - A connection is kept after a complete response. After anything else, such as a cancellation, it is closed.
    - At most `MAX_IDLE` idle connections are kept, each for at most `MAX_IDLE_S`; the one idle the longest is closed
      first.

    Args:
        now: Returns monotonic seconds.
    """

    now: Callable[[], float] = time.monotonic
    _idle: list[Connection] = field(factory=list[Connection], init=False)  # in the order of `idle_since`
    _busy: set[Connection] = field(factory=set[Connection], init=False)
    closed: bool = field(default=False, init=False)

    async def send(
        self, request: httpx.Request, limits: Limits, key: Hashable, new: Callable[[], httpx.AsyncHTTPTransport]
    ) -> RawResponse:
        """Send a request and read its response; see `Connection.send`.

        Args:
            request: The request.
            limits: Its time and size limits.
            key: Only requests with an equal key share a connection.
            new: Returns the transport for a new connection.
        """
        await self._trim()
        if self.closed:
            raise NotSentError(f"nothing was sent: {CLOSED_DURING_CALL}")
        connection = self._take(key) or Connection(new(), key)
        self._busy.add(connection)
        try:
            response = await connection.send(request, limits)
        except BaseException:
            await connection.aclose()
            raise
        finally:
            self._busy.discard(connection)
        if response.body is None or self.closed:
            await connection.aclose()
        else:
            connection.idle_since = self.now()
            self._idle.append(connection)
            await self._trim()
        return response

    def _take(self, key: Hashable) -> Connection | None:
        for index in reversed(range(len(self._idle))):
            if self._idle[index].key == key:
                return self._idle.pop(index)
        return None

    async def _trim(self) -> None:
        """Close the connections that are too old or too many."""
        oldest = self.now() - MAX_IDLE_S
        while self._idle and (len(self._idle) > MAX_IDLE or self._idle[0].idle_since <= oldest):
            await self._idle.pop(0).aclose()

    async def aclose(self) -> None:
        """Close every connection; requests in flight end with an error."""
        self.closed = True
        connections = [*self._busy, *self._idle]
        self._idle.clear()
        for connection in connections:
            await connection.aclose()


def describe(error: BaseException) -> str:
    """Return the class and message of the innermost cause that has a message."""
    found = error
    inner: BaseException | None = error
    while isinstance(inner, Exception):  # not a cancellation, which is how time limits are implemented
        if isinstance(inner, ExceptionGroup):
            inner = cast("ExceptionGroup[Exception]", inner).exceptions[0]
        found = inner if str(inner) else found
        inner = inner.__cause__ or inner.__context__
    return shorten(f"{type(found).__name__}: {found}".removesuffix(": "))
