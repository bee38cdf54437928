"""The connections to one server: httpcore's own, each for one request at a time, the last used taken first.

httpcore's pool looks through all its connections and requests at every turn, which at 32 in flight is a third of a
request's CPU, and it loses connections whose call is cancelled (encode/httpcore#1093). So here it only makes them, for
it knows TLS and proxies; what becomes of them is a stack's affair.
"""

import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeAlias, cast

import anyio
import httpcore
from attrs import define, field, frozen

HeaderPairs: TypeAlias = list[tuple[bytes, bytes]]
_Connection: TypeAlias = httpcore.AsyncConnectionInterface

NOTHING_SENT = (
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpcore.ConnectionNotAvailable,
    httpcore.PoolTimeout,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)
NO_ANSWER = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)

_KEPT = 64
_KEPT_S = 30.0


@frozen(kw_only=True)
class Proxy:
    """A proxy, such as `http://proxy:3128` or `socks5://proxy`, and who to be there."""

    url: str
    auth: tuple[bytes, bytes] | None = field(default=None, repr=False)


@define(eq=False)
class _Sockets:
    """The sockets that httpcore opens for a request.

    Where it is cancelled in the handshake of TLS or of a SOCKS proxy, httpcore 1.0.9 forgets the socket, still open.
    https://www.encode.io/httpcore/extensions/#trace
    """

    opened: list[httpcore.AsyncNetworkStream] = field(factory=list[httpcore.AsyncNetworkStream])

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(".connect_tcp.complete"):
            self.opened.append(info["return_value"])


@define(eq=False)
class _Body:
    """A body in one piece. It is no generator, which trio would have closed where sending it is cancelled."""

    content: bytes = field(repr=False)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        content, self.content = self.content, b""
        if not content:
            raise StopAsyncIteration
        return content


@define(eq=False, kw_only=True)
class Connections:
    """Exchanges requests for answers with one server, over HTTP/1.1.

    - A request takes the connection used last, or a new one. There is no limit: the width is limited elsewhere.
    - One that the server has closed meanwhile, or that nobody used for 30 s, is closed instead of taken.
    - It is kept if the whole answer came and the server keeps it too. After anything else, such as a cancellation, it
      is closed.
    - At most 64 are kept; the one unused for longest is closed first.

    Args:
        server: Its scheme, host and port, such as `https://hub.docker.com`.
        timeout: Seconds to `connect`, and to `read` and `write` anything, as httpcore takes them.
        tls: How to verify the server, and a proxy that speaks TLS itself.
        proxy: The way there; None for straight.
        now: Seconds, for the age of what is kept.
    """

    server: str
    timeout: Mapping[str, float]
    tls: ssl.SSLContext | None = None
    proxy: Proxy | None = None
    now: Callable[[], float] = time.monotonic
    _url: httpcore.URL = field(init=False, repr=False)
    _maker: httpcore.AsyncConnectionPool = field(init=False, repr=False)
    _idle: deque[tuple[_Connection, float]] = field(factory=deque[tuple[_Connection, float]], init=False, repr=False)
    _busy: dict[_Connection, _Sockets] = field(factory=dict[_Connection, _Sockets], init=False, repr=False)
    _closed: bool = field(default=False, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._url = httpcore.URL(self.server)
        proxy = None
        if self.proxy is not None:
            tls = self.tls if self.proxy.url.startswith("https:") else None
            proxy = httpcore.Proxy(self.proxy.url, self.proxy.auth, ssl_context=tls)
        # anyio in both event loops: httpcore's own way in trio lets errors of trio through, without their reasons.
        network = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())
        self._maker = httpcore.AsyncConnectionPool(ssl_context=self.tls, proxy=proxy, network_backend=network)

    async def exchange(
        self, method: str, target: bytes, headers: HeaderPairs, content: bytes
    ) -> tuple[int, HeaderPairs, bytes]:
        """Send a request and return its whole answer: the status, the headers, and the body as it came.

        Args:
            method: Such as `GET`.
            target: The path and query.
            headers: All of them, `Host` too.
            content: The body.

        Raises:
            Exception: one of `NOTHING_SENT`, of `NO_ANSWER`, or of the layers below.
        """
        url = httpcore.URL(scheme=self._url.scheme, host=self._url.host, port=self._url.port, target=target)
        sockets = _Sockets()
        extensions: dict[str, Any] = {"timeout": self.timeout}
        connection = await self._kept()
        if connection is None:
            connection = self._maker.create_connection(self._url.origin)
            extensions["trace"] = sockets.trace
        request = httpcore.Request(method, url, headers=headers, content=_Body(content), extensions=extensions)
        self._busy[connection] = sockets
        try:
            response = await connection.handle_async_request(request)
            body = await response.aread()
            await response.aclose()
        except BaseException:
            await _close(connection, *sockets.opened)
            raise
        finally:
            del self._busy[connection]
        await self._keep(connection)
        return response.status, response.headers, body

    async def _kept(self) -> _Connection | None:
        """Return the connection that was used last, unless it is too old, or the server has closed it."""
        while self._idle:
            connection, until = self._idle.pop()
            if self.now() < until and not connection.has_expired():
                return connection
            await _close(connection)
        return None

    async def _keep(self, connection: _Connection) -> None:
        if self._closed or not connection.is_idle():
            await _close(connection)
            return
        now = self.now()
        self._idle.append((connection, now + _KEPT_S))
        while self._idle and (len(self._idle) > _KEPT or self._idle[0][1] <= now):
            await _close(self._idle.popleft()[0])

    async def aclose(self) -> None:
        """Close every connection, also under the requests that are under way."""
        self._closed = True
        while self._idle:
            await _close(self._idle.pop()[0])
        for connection, sockets in list(self._busy.items()):
            await _close(connection, *sockets.opened)


async def _close(*connections: _Connection | httpcore.AsyncNetworkStream) -> None:
    """Close them, cancelled or not."""
    with anyio.CancelScope(shield=True):
        for connection in connections:
            await connection.aclose()
