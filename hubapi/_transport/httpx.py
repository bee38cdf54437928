"""One attempt over HTTP, through our own connections or somebody else's httpx transport.

It knows nothing of tokens, limits or models. It answers with plain values, and maps every failure to one of two:
nothing was sent, or no answer came.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from importlib.util import find_spec
from typing import TypeAlias
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import httpx
from attrs import define, field

from hubapi._secret import Secret
from hubapi._transport.answer_reader import RawResponse
from hubapi._transport.connections import Connections
from hubapi._transport.http1 import Connection, Http1, Server
from hubapi._transport.proxies import environment_proxy
from hubapi._transport.stand_ins import stands_in
from hubapi._transport.transport import Request, Response
from hubapi.errors import ConfigurationError, HubError, NoResponseError, NotSentError, shorten

HttpxTransport: TypeAlias = httpx.AsyncBaseTransport

# What an httpx transport fails with before anything is sent.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
)
# What it may let through of the layers below: a broken TLS record, a connection closed by `aclose` from another task.
_BELOW = (OSError, ValueError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)
# What httpx sends beside: the content encodings that it can read, which depend on what is installed, among others.
_HEADERS = dict(httpx.AsyncClient(transport=httpx.AsyncBaseTransport(), trust_env=False).headers)
# Headers of answers that may hold secrets. Nobody needs them: cookies are not kept, and a challenge is not answered.
_DROPPED = {"set-cookie", "set-cookie2", "www-authenticate", "proxy-authenticate", "authorization"}
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# A URL that httpx would read as it stands. Most are: reading takes it 17 us, a sixth of a request.
_PLAIN = re.compile(r"(https?://[a-z0-9.-]+(?::[0-9]+)?)(/[A-Za-z0-9._~+&=/?:,@%-]{0,8000})")
_NOT_PLAIN = re.compile(r"/\.|%(?![0-9A-Fa-f]{2})")  # nor with these in it


@define(eq=False, repr=False, kw_only=True)
class HttpTransport:
    """Sends through connections of its own, verified as httpx does, or through an httpx transport of the caller's.

    Redirects are not followed, and cookies are not kept.

    Args:
        connect_s: Seconds to connect in.
        read_s: Seconds that may pass without a byte.
        injected: A transport of the caller's, which stays the caller's to close.
    """

    connect_s: float
    read_s: float
    injected: HttpxTransport | None = None
    _connections: dict[str, Connections] = field(factory=dict[str, Connections], init=False)
    _stood_in_for: httpx.AsyncHTTPTransport | None = field(default=None, init=False)
    _tls: ssl.SSLContext | None = field(default=None, init=False)
    _opening: anyio.Lock = field(factory=anyio.Lock, init=False)
    _closed: bool = field(default=False, init=False)

    async def send(self, request: Request) -> Response:
        _check_headers(request)
        problem: HubError
        try:
            raw, encoded = await self._exchange(request)
            return _answer(raw, request.bearer, encoded=encoded)
        except (NotSentError, *_NOT_SENT) as error:
            problem = NotSentError(f"nothing was sent: {_words(error)}")
        except UnicodeError:
            problem = NotSentError("nothing was sent: the host's name is none")
        except (NoResponseError, httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, *_BELOW) as error:
            problem = NoResponseError(f"no whole answer came: {_words(error)}")
        except anyio.get_cancelled_exc_class() as cancelled:
            # The frames below hold the headers, and a traceback with locals must not show them.
            cancelled.__context__ = None
            raise cancelled.with_traceback(None)  # noqa: B904 - it is the same one
        # Raised here, where those frames are gone.
        raise problem

    async def _exchange(self, request: Request) -> tuple[RawResponse, bool]:
        """Return the answer, and whether its body is still in its content encoding."""
        if self._closed:
            raise ConfigurationError("this hub is closed; open another")
        theirs = await self._httpx() if self.injected is None and stands_in() else self.injected
        if theirs is not None:
            timeout = {"connect": self.connect_s, "read": self.read_s, "write": self.read_s, "pool": None}
            return await _through(theirs, _httpx_request(request, {"timeout": timeout}))
        server, target = _plain(request.url) or _split(_parse(request.url))
        connections = self._connections.get(server) or await self._open(server)
        response = await connections.exchange(request.method, target, _headers(request, server), request.content)
        return response, True

    async def _open(self, server: str) -> Connections:
        async with self._opening:
            if self._closed:
                raise ConfigurationError("this hub is closed; open another")
            if server not in self._connections:
                self._connections[server] = Connections(await self._way_to(server))
        return self._connections[server]

    async def _way_to(self, server: str) -> Callable[[], Connection]:
        """Return what makes connections to a server, by way of a proxy if the environment names one."""
        url = _parse(server)
        if url.scheme not in {"http", "https"} or not url.host or (url.port or 0) > 65_535:
            raise ConfigurationError(f"{server!r} is no server")
        tls = await self._certificates() if url.scheme == "https" else None
        where = Server(url=server, tls=tls, connect_s=self.connect_s, read_s=self.read_s)
        proxy = _proxy_to(url)
        if proxy is None:
            return partial(Http1, where)
        from hubapi._transport.by_proxy import ByProxy, Proxy  # noqa: PLC0415 - httpcore takes 20 ms, and few need it

        its_tls = await self._certificates() if proxy.url.scheme == "https" else None
        return partial(ByProxy, where, Proxy(url=_split(proxy.url)[0], auth=proxy.raw_auth, tls=its_tls))

    async def _httpx(self) -> HttpxTransport:
        """Return httpx's own transport, which a test has put something in the place of."""
        async with self._opening:
            if self._stood_in_for is None:
                self._stood_in_for = httpx.AsyncHTTPTransport(verify=await self._certificates())
        return self._stood_in_for

    async def _certificates(self) -> ssl.SSLContext:
        """Return how servers are verified. It takes 30 ms to read: not on the event loop, and once."""
        if self._tls is None:
            self._tls = await anyio.to_thread.run_sync(httpx.create_ssl_context)
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    async def aclose(self) -> None:
        self._closed = True
        while self._connections:
            await self._connections.popitem()[1].aclose()
        if self._stood_in_for is not None:
            await self._stood_in_for.aclose()


def _check_headers(request: Request) -> None:
    """Refuse what no header may hold: a line break in it would begin another header, or another request.

    Raises:
        ConfigurationError: it names the header, never its value.
    """
    if request.bearer and not _is_value(request.bearer.reveal()):
        raise ConfigurationError("the bearer has a character that no header may hold, such as a line break")
    if not _NAME.fullmatch(request.method):
        raise ConfigurationError(f"{request.method!r} is no method")
    for name, value in request.headers.items():
        if not (_NAME.fullmatch(name) and _is_value(value)):
            raise ConfigurationError(f"the header {name!r} has a character that no header may hold")


def _is_value(text: str) -> bool:
    """Say whether a header may hold a text: printable ASCII and tabs."""
    return text.isascii() and (text.isprintable() or text.replace("\t", "").isprintable())


def _plain(url: str) -> tuple[str, str] | None:
    """Return what `_split` would, for a URL that need not be parsed for it."""
    found = _PLAIN.fullmatch(url)
    return None if found is None or _NOT_PLAIN.search(url) else (found[1], found[2])


def _parse(url: str) -> httpx.URL:
    """Read a URL.

    Raises:
        ConfigurationError: httpx takes it for none.
    """
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        problem = ConfigurationError(f"this can't be sent: {_words(error)}")
    raise problem


def _split(url: httpx.URL) -> tuple[str, str]:
    """Return the server that a URL leads to, and what is asked of it."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}", url.raw_path.decode("ascii")


def _proxy_to(url: httpx.URL) -> httpx.Proxy | None:
    """Return the proxy on the way to a server, if the environment names one.

    Raises:
        ConfigurationError: it names one that is none, or that needs a package which is not installed.
    """
    named = environment_proxy(url.scheme, url.host, url.port)
    if named is None:
        return None
    try:
        proxy = httpx.Proxy(named)
    except (httpx.InvalidURL, ValueError) as error:
        problem = f"can't be used: {_words(error)}"
    else:
        socks = proxy.url.scheme.startswith("socks")
        if proxy.url.host and (not socks or find_spec("socksio")):
            return proxy
        problem = "speaks SOCKS, which needs: pip install httpx[socks]" if socks else "can't be used: it has no host"
    del named  # it may hold a password, and a traceback shows this frame's locals
    raise ConfigurationError(f"the environment's proxy {problem}")


def _headers(request: Request, server: str) -> dict[str, str]:
    """Return all headers of a request, as httpx would send them."""
    headers = {"host": server.partition("//")[2], **_HEADERS}
    for name, value in request.headers.items():
        headers[name.lower()] = value
    if request.bearer:
        headers["authorization"] = f"Bearer {request.bearer.reveal()}"
    if request.content or request.method in {"POST", "PUT", "PATCH"}:
        headers.setdefault("content-length", str(len(request.content)))
    return headers


def _httpx_request(request: Request, extensions: Mapping[str, object]) -> httpx.Request:
    """Return a request as httpx has it."""
    url = _parse(request.url)
    headers = _headers(request, _split(url)[0])
    content = request.content or None
    return httpx.Request(request.method, url, headers=headers, content=content, extensions=dict(extensions))


async def _through(transport: HttpxTransport, request: httpx.Request) -> tuple[RawResponse, bool]:
    """Send through somebody's httpx transport; return the whole answer, and whether its body is still encoded.

    httpx decodes while it reads; where that fails it leaves generators open, of which trio warns.
    """
    response = await transport.handle_async_request(request)
    try:
        if response.is_stream_consumed:  # made from bytes
            return (response.status_code, response.headers.raw, response.content), False
        body = b"".join([chunk async for chunk in response.aiter_raw()])
        return (response.status_code, response.headers.raw, body), True
    finally:
        await response.aclose()


def _answer(raw: RawResponse, bearer: Secret | None, *, encoded: bool) -> Response:
    """Return an answer's plain values, without what may be a secret, such as the bearer where an error repeats it."""
    status, pairs, body = raw
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name = _name(raw_name)
        if name not in _DROPPED:
            value = _text(raw_value.strip())
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if "location" in headers:
        headers["location"] = _origin(headers["location"])
    if encoded and "content-encoding" in headers:
        encoding = {"content-encoding": headers["content-encoding"]}
        body = httpx.Response(200, headers=encoding, content=body).content
    if bearer and status >= 400:
        body = body.replace(bearer.reveal().encode(), b"***")
    return Response(status=status, headers=headers, content=body)


@lru_cache(maxsize=256)
def _name(raw: bytes) -> str:
    return _text(raw).lower()


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _origin(location: str) -> str:
    """Return where a redirect leads, without the rest of the URL, which may be a secret; `/` for the same host."""
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    return f"//{host}/" if host else "/"


def _words(error: Exception) -> str:
    """Return an error's kind and its words, without what might be a credential in a URL."""
    words = str(error) if isinstance(error, HubError) else f"{type(error).__name__}: {error}".rstrip(": ")
    return shorten(re.sub(r"//[^/@\s]*@", "//", words))
