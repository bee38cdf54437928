"""A connection by way of a proxy: httpcore's, which speaks what proxies speak. Imported only where one is named."""

import ssl
from collections.abc import Mapping
from typing import Any, Self, cast

import anyio
import httpcore
from attrs import define, field, frozen

from hubapi._transport.answer_reader import RawResponse
from hubapi._transport.http1 import CLOSED, Server, reason
from hubapi.errors import HubError, NoResponseError, NotSentError

_NOT_SENT = (
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpcore.ConnectionNotAvailable,
    httpcore.PoolTimeout,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)
_NO_ANSWER = (
    *(httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException),
    # What httpcore lets through of the layers below, such as a connection that another task has closed.
    *(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream),
)


@frozen(kw_only=True)
class Proxy:
    """A proxy, such as `http://proxy:3128` or `socks5://proxy`, who to be there, and how to verify one with TLS."""

    url: str
    auth: tuple[bytes, bytes] | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None


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


@define(eq=False)
class ByProxy:
    """A connection to a server by way of a proxy; closing it under a request cancels that one's scope."""

    server: Server
    proxy: Proxy
    _url: httpcore.URL = field(init=False, repr=False)
    _connection: httpcore.AsyncConnectionInterface = field(init=False, repr=False)
    _sockets: _Sockets = field(factory=_Sockets, init=False, repr=False)
    _scope: anyio.CancelScope | None = field(default=None, init=False, repr=False)
    _closed: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._url = httpcore.URL(self.server.url)
        # anyio in both event loops: httpcore's own way in trio lets errors of trio through, without their reasons.
        network = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())
        proxy = httpcore.Proxy(self.proxy.url, self.proxy.auth, ssl_context=self.proxy.tls)
        pool = httpcore.AsyncConnectionPool(ssl_context=self.server.tls, proxy=proxy, network_backend=network)
        self._connection = pool.create_connection(self._url.origin)

    async def exchange(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> RawResponse:
        url = httpcore.URL(scheme=self._url.scheme, host=self._url.host, port=self._url.port, target=target)
        read_s = self.server.read_s
        extensions: dict[str, Any] = {"timeout": {"connect": self.server.connect_s, "read": read_s, "write": read_s}}
        if not self._sockets.opened:
            extensions["trace"] = self._sockets.trace
        request = httpcore.Request(
            method, url, headers=list(headers.items()), content=_Body(content), extensions=extensions
        )
        problem: HubError
        with anyio.CancelScope() as self._scope:
            try:
                response = await self._connection.handle_async_request(request)
                body = await response.aread()
                await response.aclose()
            except _NOT_SENT as error:
                problem = NotSentError(CLOSED if self._closed else reason(error))
            except _NO_ANSWER as error:
                problem = NoResponseError(CLOSED if self._closed else reason(error))
            else:
                return response.status, response.headers, body
            raise problem
        raise NoResponseError(CLOSED)

    @property
    def is_reusable(self) -> bool:
        return self._connection.is_idle() and not self._closed

    def has_news(self) -> bool:
        return self._connection.has_expired()

    async def aclose(self) -> None:
        self._closed = True
        if self._scope is not None:
            self._scope.cancel()
        await self._connection.aclose()
        for opened in self._sockets.opened:
            await opened.aclose()
