"""One attempt over HTTP: the only module that imports httpx.

It knows nothing of tokens, limits or models. It answers with plain values, and maps every failure to one of two:
nothing was sent, or no answer came.
"""

import re
import ssl
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Protocol, TypeAlias
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import httpx
from attrs import define, field, frozen

from hubapi._core.secret import Secret
from hubapi.errors import ConfigurationError, HubError, NoAnswerError, NotSentError, shorten

HttpTransport: TypeAlias = httpx.AsyncBaseTransport

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)
# What httpx and httpcore let through of the layers below: a broken TLS record, a host name that IDNA refuses, a
# connection closed by `aclose` from another task.
_BELOW = (OSError, ValueError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)
# Headers of answers that may hold secrets. Nobody needs them: cookies are not kept, and a challenge is not answered.
_DROPPED = {"set-cookie", "set-cookie2", "www-authenticate", "proxy-authenticate", "authorization"}
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")


@frozen(kw_only=True)
class Request:
    """What goes out. The bearer stays wrapped until the moment it is written."""

    method: str
    url: str
    headers: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    bearer: Secret | None = None
    content: bytes = field(default=b"", repr=False)


@frozen(kw_only=True)
class Answer:
    """What came back: the whole of it, read and closed. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


class Transport(Protocol):
    """What the pipeline needs of HTTP."""

    async def send(self, request: Request) -> Answer:
        """Send once. Raises NotSentError or NoAnswerError, or ConfigurationError for what HTTP can't carry."""
        ...

    async def aclose(self) -> None:
        """Let go of every connection."""
        ...


@define(kw_only=True)
class HttpxTransport:
    """Sends through httpx.

    Redirects are not followed, and cookies are not kept. The pool has no `max_connections`: httpcore 1.0.9 leaks its
    slots when a call is cancelled, so the width is limited elsewhere.

    Args:
        connect_s: Seconds to connect in.
        read_s: Seconds that may pass without a byte.
        injected: A transport of the caller's, which stays the caller's to close.
    """

    connect_s: float
    read_s: float
    injected: HttpTransport | None = None
    _client: httpx.AsyncClient | None = None
    _opening: anyio.Lock = field(factory=anyio.Lock)
    _closed: bool = False

    async def send(self, request: Request) -> Answer:
        _check_headers(request)
        client = self._client or await self._open(request.url)
        outgoing = _outgoing(client, request)
        problem: HubError
        try:
            return _answer(*await _fetch(client, outgoing), request.bearer)
        except _NOT_SENT as error:
            problem = NotSentError(f"nothing was sent: {_words(error)}")
        except UnicodeError:
            problem = NotSentError("nothing was sent: the host's name is none")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, *_BELOW) as error:
            problem = NoAnswerError(f"no whole answer came: {_words(error)}")
        except RuntimeError:
            if not self._closed:
                raise
            problem = NoAnswerError("no whole answer came: the hub was closed meanwhile")
        except anyio.get_cancelled_exc_class() as cancelled:
            # The frames of httpx and h11 hold the headers; a traceback with locals must not show them.
            cancelled.__context__ = None
            raise cancelled.with_traceback(None)  # noqa: B904 - it is the same one
        # Raised here, where those frames are gone.
        raise problem

    async def _open(self, url: str) -> httpx.AsyncClient:
        async with self._opening:
            if self._closed:
                raise ConfigurationError("this hub is closed; open another")
            if self._client is None:
                self._client = await self._new_client(url)
        return self._client

    async def _new_client(self, url: str) -> httpx.AsyncClient:
        timeout = httpx.Timeout(self.read_s, connect=self.connect_s, pool=None)
        if self.injected is not None:
            return httpx.AsyncClient(transport=_Borrowed(self.injected), timeout=timeout, cookies=_no_cookies())
        # Reading the certificates takes 30 ms: not on the event loop, and not at all for plain HTTP.
        verify: ssl.SSLContext | bool = False
        if url.lower().startswith("https:"):
            verify = await anyio.to_thread.run_sync(httpx.create_ssl_context)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=30.0)
        return httpx.AsyncClient(verify=verify, limits=limits, timeout=timeout, cookies=_no_cookies())

    async def aclose(self) -> None:
        self._closed = True
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


@define
class _Borrowed(httpx.AsyncBaseTransport):
    """Somebody else's transport: used, never closed."""

    inner: HttpTransport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self.inner.handle_async_request(request)


def _no_cookies() -> CookieJar:
    """Return a jar that keeps nothing: no cookie of one identity ever travels with another."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def _check_headers(request: Request) -> None:
    """Refuse what no header may hold, before h11 does, whose message would repeat it.

    Raises:
        ConfigurationError: it names the header, never its value.
    """
    if request.bearer and not _VALUE.fullmatch(request.bearer.reveal()):
        raise ConfigurationError("the bearer has a character that no header may hold, such as a line break")
    if not _NAME.fullmatch(request.method):
        raise ConfigurationError(f"{request.method!r} is no method")
    for name, value in request.headers.items():
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise ConfigurationError(f"the header {name!r} has a character that no header may hold")


def _outgoing(client: httpx.AsyncClient, request: Request) -> httpx.Request:
    """Build httpx's request.

    Raises:
        ConfigurationError: httpx takes the URL for none.
    """
    try:
        headers = dict(request.headers)
        outgoing = client.build_request(request.method, request.url, headers=headers, content=request.content or None)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        problem = ConfigurationError(f"this can't be sent: {_words(error)}")
    else:
        if request.bearer:
            outgoing.headers["authorization"] = f"Bearer {request.bearer.reveal()}"
        return outgoing
    raise problem


async def _fetch(client: httpx.AsyncClient, outgoing: httpx.Request) -> tuple[httpx.Response, bytes, str | None]:
    """Return the answer and its whole body, closed, and the content encoding that the body is still in.

    httpx decodes while it reads; where that fails it leaves generators open, of which trio warns.
    """
    response = await client.send(outgoing, stream=True, follow_redirects=False)
    try:
        if response.is_stream_consumed:  # made from bytes by somebody's own transport
            return response, response.content, None
        body = b"".join([chunk async for chunk in response.aiter_raw()])
        return response, body, response.headers.get("content-encoding")
    finally:
        await response.aclose()


def _answer(response: httpx.Response, body: bytes, encoding: str | None, bearer: Secret | None) -> Answer:
    """Return the answer's plain values, without what may be a secret, such as the bearer where an error repeats it."""
    headers = {name.lower(): value for name, value in response.headers.items() if name.lower() not in _DROPPED}
    if "location" in headers:
        headers["location"] = _origin(headers["location"])
    content = httpx.Response(200, headers={"content-encoding": encoding}, content=body).content if encoding else body
    if bearer and response.status_code >= 400:
        content = content.replace(bearer.reveal().encode(), b"***")
    return Answer(status=response.status_code, headers=headers, content=content)


def _origin(location: str) -> str:
    """Return where a redirect leads, without the rest of the URL, which may be a secret; `/` for the same host."""
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    return f"//{host}/" if host else "/"


def _words(error: Exception) -> str:
    """Return an error's kind and its words, without what might be a credential in a URL."""
    return shorten(re.sub(r"//[^/@\s]*@", "//", f"{type(error).__name__}: {error}".rstrip(": ")))
