"""The default transport, on httpx, and an adapter for a caller's own httpx or httpx2 transport."""

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
from hubapi._transport.pool import NOT_SENT_ERRORS, Pool, describe
from hubapi._transport.proxy import environment_proxy, parse_proxy
from hubapi._transport.tls import default_ssl_context
from hubapi._transport.transport import CLOSED, Limits, Request, Response
from hubapi.errors import ConfigurationError, NoResponseError, NotSentError, TransportError, shorten

_Origin: TypeAlias = tuple[str, str, int | None]
_NewTransport: TypeAlias = Callable[[], httpx.AsyncHTTPTransport]

_PROXY_SETTING = "Settings(proxy=)"
_HOST = re.compile(r"(?=.{1,253}$)[^.]{1,63}(\.[^.]{1,63})*\.?")  # RFC 1035, 2.3.4: a label has 63 octets at most


@define(eq=False, repr=False, kw_only=True)
class HttpxTransport:
    """The default transport: requests go through `httpx.AsyncHTTPTransport`.

    Tools that patch that class, or httpcore below it, see every request: OpenTelemetry, respx, pytest-httpx, vcrpy.
    There is no `httpx.AsyncClient`, so no cookies are kept and no redirects are followed.

    Args:
        ssl_context: Verifies servers, and may have client certificates; None for `default_ssl_context()`.
        proxy: The URL of a proxy for every request; None for the proxy set in the environment, if any.

    Raises:
        ConfigurationError: the proxy's URL is invalid.
    """

    ssl_context: ssl.SSLContext | None = None
    proxy: Secret | None = None
    _pool: Pool = field(factory=Pool, init=False)
    _factories: dict[_Origin, _NewTransport] = field(factory=dict[_Origin, _NewTransport], init=False)
    _tls_lock: anyio.Lock = field(factory=anyio.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        if self.proxy is not None:
            parse_proxy(self.proxy, _PROXY_SETTING)

    async def send(self, request: Request, /) -> Response:
        if self._pool.closed:
            raise ConfigurationError(CLOSED)
        url = _url(request.url)
        origin = (url.scheme, url.host, url.port)
        new = self._factories.get(origin) or await self._factory(origin, url)
        built = _build(httpx.Request, url, request)
        if request.content:
            built.stream = _Content(request.content)
        raw = await self._pool.send(built, request.limits, (origin, request.identity), new)
        return await _response(raw, request.limits)

    async def _factory(self, origin: _Origin, url: httpx.URL) -> _NewTransport:
        """Return a factory of transports to a server, and keep it for later requests."""
        proxy = self._proxy(url)
        encrypts_to_proxy = proxy is not None and proxy.url.scheme == "https"
        if url.scheme == "https" or encrypts_to_proxy:
            tls = await self._tls()
        else:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # unused, and empty: loading certificates takes 30 ms
        if proxy is not None and encrypts_to_proxy:
            proxy.ssl_context = tls
        one = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None)
        new = partial(httpx.AsyncHTTPTransport, verify=tls, trust_env=False, limits=one, proxy=proxy)
        return self._factories.setdefault(origin, new)

    def _proxy(self, url: httpx.URL) -> httpx.Proxy | None:
        if self.proxy is not None:
            return parse_proxy(self.proxy, _PROXY_SETTING)
        proxy = environment_proxy(url)
        return parse_proxy(proxy, "the proxy set in the environment") if proxy else None

    async def _tls(self) -> ssl.SSLContext:
        """Return the SSL context. Loading certificates takes 30 ms, so it is done once, off the event loop."""
        async with self._tls_lock:
            if self.ssl_context is None:
                self.ssl_context = await anyio.to_thread.run_sync(default_ssl_context)
        return self.ssl_context

    async def aclose(self) -> None:
        await self._pool.aclose()


class HttpxLike(Protocol):
    """A transport of httpx or httpx2: the part of their types that is the same."""

    @property
    def handle_async_request(self) -> Callable[..., Awaitable[object]]:
        """Send a request of its own library and return a response of that library."""
        ...


@define(eq=False, repr=False)
class HttpxAdapter:
    """A caller's httpx or httpx2 transport. The caller closes it.

    Args:
        transport: The transport.
        library: The module `httpx` or `httpx2`, which have the same names.
    """

    transport: HttpxLike
    library: ModuleType
    _new_request: Callable[..., httpx.Request] = field(init=False)
    _not_sent: tuple[type[Exception], ...] = field(init=False)
    _failed: tuple[type[Exception], ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._new_request = self.library.Request
        self._not_sent = tuple(getattr(self.library, name) for name in NOT_SENT_ERRORS)
        self._failed = (self.library.HTTPError, self.library.InvalidURL, self.library.StreamError)

    async def send(self, request: Request, /) -> Response:
        built = _build(self._new_request, _url(request.url), request)
        problem: TransportError
        try:
            response = cast("httpx.Response", await self.transport.handle_async_request(built))
            if response.is_stream_consumed:  # the caller's transport has read and decoded it
                raw = RawResponse(response.status_code, response.headers.raw, response.content, is_decoded=True)
            else:
                body = await read_body(response, request.limits.max_response_bytes)
                raw = RawResponse(response.status_code, response.headers.raw, body)
        except self._not_sent as error:
            problem = NotSentError(f"nothing was sent: {describe(error)}")
        except self._failed as error:
            problem = NoResponseError(f"no response: {describe(error)}")
        else:
            return await _response(raw, request.limits)
        raise problem

    async def aclose(self) -> None: ...


@define(eq=False, repr=False)
class _Content(httpx.AsyncByteStream, httpx.SyncByteStream):
    """A body in one piece. httpx's own is a generator, and trio warns if a cancelled request leaves it suspended."""

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
    """Parse a URL.

    Raises:
        ConfigurationError: it is not the URL of a server.
    """
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        problem = ConfigurationError(f"the URL can't be used: {describe(error)}")
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
    """Return a request of httpx or httpx2, which adds `host` and `content-length`."""
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
