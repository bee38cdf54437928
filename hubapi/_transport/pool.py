"""Connections, kept and taken again: each is a stock httpx transport with room for one.

httpcore's own pool looks through all connections and requests at every turn, which at 32 in flight is most of a
request's CPU, and it loses a slot for each cancelled request (encode/httpcore#1093). A pool of one does neither, and
replaces a connection that the server has closed by itself. The pools of one are kept here, as a stack.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Protocol, cast

import anyio
import httpx
from attrs import define, field

from hubapi._transport.body import RawResponse, read_body
from hubapi._transport.transport import Limits
from hubapi.errors import NoResponseError, NotSentError, TransportError, shorten

KEPT = 64
KEPT_S = 30.0

_CLOSED = "the hub was closed during this call"
BEFORE_SENDING = ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol")
"""The errors of httpx, and of httpx2, that are raised before anything is sent."""


class _Closable(Protocol):
    async def aclose(self) -> None: ...


@define(eq=False, repr=False)
class Connection:
    """One connection, for one request at a time.

    httpcore reports its steps to `trace` (https://www.encode.io/httpcore/extensions/#trace), which serves three ends:

    - the steps before a request is sent, from the name look-up to the handshake in a tunnel, share one time limit;
    - what failed before it was sent is told from what failed after;
    - a socket is closed even if the handshake over it is cancelled, when httpcore 1.0.9 forgets it.

    Args:
        transport: Makes the connection, with its first request or after the server has closed it.
        key: Says which requests may go over it.
    """

    transport: httpx.AsyncHTTPTransport
    key: Hashable
    idle_since: float = field(default=0.0, init=False)
    _scope: anyio.CancelScope | None = field(default=None, init=False)
    _socket: _Closable | None = field(default=None, init=False)
    _step: str = field(default="", init=False)  # "connecting" or "sent"
    _limits: Limits = field(factory=Limits, init=False)
    _closed: bool = field(default=False, init=False)

    async def send(self, request: httpx.Request, limits: Limits) -> RawResponse:
        """Send a request and read its response.

        Raises:
            NotSentError: nothing was sent.
            NoResponseError: no whole response came.
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
            except Exception as error:  # noqa: BLE001 - httpcore lets errors of trio and of sockets through
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
        """Return what an error means, or, without one, that the scope was cancelled."""
        not_sent = self._step == "connecting" or (not self._step and type(error).__name__ in BEFORE_SENDING)
        kind, what = (NotSentError, "nothing was sent") if not_sent else (NoResponseError, "no response")
        return kind(f"{what}: {_CLOSED if self._closed else self._reason(error)}")

    def _reason(self, error: Exception | None) -> str:
        if error is None or isinstance(error, httpx.ConnectTimeout):
            return f"no connection within {self._limits.connect_s:g} s"
        if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
            return f"the connection was silent for {self._limits.read_s:g} s"
        return words(error)

    async def aclose(self) -> None:
        """Close it, cancelled or not; a request that is under way ends with an error."""
        self._closed = True
        if self._scope is not None:
            self._scope.cancel()
        with anyio.CancelScope(shield=True):
            if self._socket is not None:
                await self._socket.aclose()
            await self.transport.aclose()


@define(eq=False, repr=False)
class Pool:
    """Connections, to any number of servers.

    - A request takes the connection with its key that was used last, or a new one. There is no limit: the rate limiter
      and `concurrency` limit what is under way.
    - It is kept after a whole response. After anything else, such as a cancellation, it is closed.
    - At most 64 are kept, and none for longer than 30 s without a request; the one unused for longest is closed first.

    Args:
        now: Seconds, for the age of what is kept.
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
            limits: How long it may take, and how large its response may be.
            key: Only requests with an equal key share a connection.
            new: Makes the transport of a new connection.
        """
        await self._trim()
        if self.closed:
            raise NotSentError(f"nothing was sent: {_CLOSED}")
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
        for place in reversed(range(len(self._idle))):
            if self._idle[place].key == key:
                return self._idle.pop(place)
        return None

    async def _trim(self) -> None:
        """Close what is too old, or one too many."""
        oldest = self.now() - KEPT_S
        while self._idle and (len(self._idle) > KEPT or self._idle[0].idle_since <= oldest):
            await self._idle.pop(0).aclose()

    async def aclose(self) -> None:
        """Close every connection; requests under way end with an error."""
        self.closed = True
        connections = [*self._busy, *self._idle]
        self._idle.clear()
        for connection in connections:
            await connection.aclose()


def words(error: BaseException) -> str:
    """Return what failed, in words: those of the innermost error that has any."""
    found = error
    inner: BaseException | None = error
    while isinstance(inner, Exception):  # no cancellation, which is how a time limit works
        if isinstance(inner, ExceptionGroup):
            inner = cast("ExceptionGroup[Exception]", inner).exceptions[0]
        found = inner if str(inner) else found
        inner = inner.__cause__ or inner.__context__
    return shorten(f"{type(found).__name__}: {found}".removesuffix(": "))
