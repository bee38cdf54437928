"""Transports on httpx: the default one, and an adapter to a caller's, of httpx or of its successor httpx2."""

import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import lru_cache, partial
from types import ModuleType
from typing import Protocol, TypeAlias, cast

import anyio
import anyio.to_thread
import httpx
from attrs import define, field

from hubapi._secret import Secret
from hubapi._transport.body import RawResponse, content_of, read_body
from hubapi._transport.pool import BEFORE_SENDING, Pool, words
from hubapi._transport.proxy import environment_proxy, usable_proxy
from hubapi._transport.tls import default_ssl_context
from hubapi._transport.transport import Limits, Request, Response
from hubapi.errors import ConfigurationError, NoResponseError, NotSentError, TransportError, shorten

_Origin: TypeAlias = tuple[str, str, int | None]
_NewTransport: TypeAlias = Callable[[], httpx.AsyncHTTPTransport]

_SETTING = "Settings(proxy=)"
_HOST = re.compile(r"(?=.{1,253}$)[^.]{1,63}(\.[^.]{1,63})*\.?")  # RFC 1035, 2.3.4: a label has 63 octets at most


@define(eq=False, repr=False, kw_only=True)
class HttpxTransport:
    """The default transport: requests go through `httpx.AsyncHTTPTransport`.

    Whatever watches or replaces that class, or httpcore below it, sees every request: OpenTelemetry, respx,
    pytest-httpx, vcrpy. There is no `httpx.AsyncClient`: no cookies are kept, and no redirects followed.

    Args:
        ssl_context: Verifies servers, and may hold client certificates; None for one with the usual certificates.
        proxy: The URL of a proxy for every request; None for the one that the environment names, if any.

    Raises:
        ConfigurationError: the proxy can't be one.
    """

    ssl_context: ssl.SSLContext | None = None
    proxy: Secret | None = None
    _pool: Pool = field(factory=Pool, init=False)
    _servers: dict[_Origin, _NewTransport] = field(factory=dict[_Origin, _NewTransport], init=False)
    _opening: anyio.Lock = field(factory=anyio.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        if self.proxy is not None:
            usable_proxy(self.proxy, _SETTING)

    async def send(self, request: Request, /) -> Response:
        if self._pool.closed:
            raise ConfigurationError("this hub is closed; open another")
        url = _url(request.url)
        origin = (url.scheme, url.host, url.port)
        new = self._servers.get(origin) or await self._open(origin, url)
        built = _build(httpx.Request, url, request)
        if request.content:
            built.stream = _Content(request.content)
        return await _response(
            await self._pool.send(built, request.limits, (origin, request.identity), new), request.limits
        )

    async def _open(self, origin: _Origin, url: httpx.URL) -> _NewTransport:
        """Return what makes connections to a server, and remember it."""
        proxy = self._proxy(url)
        encrypts_to_proxy = proxy is not None and proxy.url.scheme == "https"
        if url.scheme == "https" or encrypts_to_proxy:
            tls = await self._tls()
        else:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # not used; trusts nobody, and takes no 30 ms to make
        if proxy is not None and encrypts_to_proxy:
            proxy.ssl_context = tls
        one = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None)
        new = partial(httpx.AsyncHTTPTransport, verify=tls, trust_env=False, limits=one, proxy=proxy)
        return self._servers.setdefault(origin, new)

    def _proxy(self, url: httpx.URL) -> httpx.Proxy | None:
        if self.proxy is not None:
            return usable_proxy(self.proxy, _SETTING)
        named = environment_proxy(url)
        return usable_proxy(named, "the proxy that the environment names") if named else None

    async def _tls(self) -> ssl.SSLContext:
        """Return how servers are verified. Reading certificates takes 30 ms: once, and not on the event loop."""
        async with self._opening:
            if self.ssl_context is None:
                self.ssl_context = await anyio.to_thread.run_sync(default_ssl_context)
        return self.ssl_context

    async def aclose(self) -> None:
        await self._pool.aclose()


class HttpxLike(Protocol):
    """A transport of httpx or of httpx2, as far as a type can tell both."""

    @property
    def handle_async_request(self) -> Callable[..., Awaitable[object]]:
        """Send a request of its library, and return a response of its library."""
        ...


@define(eq=False, repr=False)
class HttpxAdapter:
    """A transport of the caller's, of httpx or httpx2. It stays the caller's to close.

    Args:
        transport: The transport.
        library: The module `httpx` or `httpx2`: they have the same names.
    """

    transport: HttpxLike
    library: ModuleType
    _new_request: Callable[..., httpx.Request] = field(init=False)
    _not_sent: tuple[type[Exception], ...] = field(init=False)
    _failed: tuple[type[Exception], ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._new_request = self.library.Request
        self._not_sent = tuple(getattr(self.library, name) for name in BEFORE_SENDING)
        self._failed = (self.library.HTTPError, self.library.InvalidURL, self.library.StreamError)

    async def send(self, request: Request, /) -> Response:
        built = _build(self._new_request, _url(request.url), request)
        problem: TransportError
        try:
            response = cast("httpx.Response", await self.transport.handle_async_request(built))
            if response.is_stream_consumed:  # by a layer of the caller's that has read and decoded it
                raw = RawResponse(response.status_code, response.headers.raw, response.content, is_decoded=True)
            else:
                body = await read_body(response, request.limits.max_response_bytes)
                raw = RawResponse(response.status_code, response.headers.raw, body)
        except self._not_sent as error:
            problem = NotSentError(f"nothing was sent: {words(error)}")
        except self._failed as error:
            problem = NoResponseError(f"no response: {words(error)}")
        else:
            return await _response(raw, request.limits)
        raise problem

    async def aclose(self) -> None: ...


@define(eq=False, repr=False)
class _Content(httpx.AsyncByteStream, httpx.SyncByteStream):
    """A body in one piece. httpx's own is a generator: trio warns of one that is left when sending is cancelled."""

    content: bytes

    def __iter__(self) -> Iterator[bytes]:
        return iter((self.content,))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Once(self.content)


@define(eq=False, repr=False)
class _Once:
    content: bytes | None

    def __aiter__(self) -> "_Once":
        return self

    async def __anext__(self) -> bytes:
        content, self.content = self.content, None
        if content is None:
            raise StopAsyncIteration
        return content


def _url(text: str) -> httpx.URL:
    """Read a URL.

    Raises:
        ConfigurationError: no server can be asked with it.
    """
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        problem = ConfigurationError(f"the URL can't be used: {words(error)}")
    else:
        _check_server(url.scheme, url.host, url.port)
        return url
    raise problem


@lru_cache(maxsize=64)
def _check_server(scheme: str, host: str, port: int | None) -> None:
    if scheme not in {"http", "https"}:
        raise ConfigurationError(f"the URL can't be used: its scheme is {shorten(scheme)!r}, not http or https")
    if ":" not in host and not _HOST.fullmatch(host):
        raise ConfigurationError(f"the URL can't be used: invalid host name {shorten(host)!r}")
    if port is not None and port > 65_535:
        raise ConfigurationError(f"the URL can't be used: invalid port {port}")


def _build(new: Callable[..., httpx.Request], url: httpx.URL, request: Request) -> httpx.Request:
    """Return a request of httpx, or of httpx2, which adds `host` and `content-length`."""
    headers = {"accept-encoding": "gzip"}
    for name, value in request.headers.items():
        headers[name.lower()] = value
    if request.bearer:
        headers["authorization"] = f"Bearer {request.bearer.reveal()}"
    limits = request.limits
    timeout = {"connect": limits.connect_s, "read": limits.read_s, "write": limits.read_s, "pool": limits.connect_s}
    return new(
        request.method,
        url if new is httpx.Request else str(url),
        headers=headers,
        content=request.content or None,
        extensions={"timeout": timeout},
    )


async def _response(raw: RawResponse, limits: Limits) -> Response:
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw.headers:
        name, value = _name(raw_name), _text(raw_value)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    content = await content_of(raw, headers.get("content-encoding", ""), limits)
    return Response(status=raw.status, headers=headers, content=content)


@lru_cache(maxsize=256)
def _name(raw: bytes) -> str:
    return _text(raw).lower()


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
