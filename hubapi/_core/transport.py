"""One attempt over HTTP: the only module that imports httpx.

It knows nothing of tokens, limits or models. It answers with plain values, and maps every failure to one of two:
nothing was sent, or no answer came.
"""

import re
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Protocol, TypeAlias

import anyio.to_thread
import httpx
from attrs import define, field, frozen

from hubapi._core.secret import Secret
from hubapi.errors import HubError, NoAnswerError, NotSentError

HttpTransport: TypeAlias = httpx.AsyncBaseTransport

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)


@frozen(kw_only=True)
class Request:
    """What goes out. The bearer stays wrapped until the moment it is written."""

    method: str
    url: str
    headers: Mapping[str, str] = field(factory=dict[str, str])
    bearer: Secret | None = None
    content: bytes = field(default=b"", repr=False)


@frozen(kw_only=True)
class Answer:
    """What came back: the whole of it, read and closed. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)


class Transport(Protocol):
    """What the pipeline needs of HTTP."""

    async def send(self, request: Request) -> Answer:
        """Send once. Raises NotSentError or NoAnswerError."""
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

    async def send(self, request: Request) -> Answer:
        client = self._client or await self._open(request.url)
        headers = dict(request.headers)
        problem: HubError
        try:
            sent = client.build_request(request.method, request.url, headers=headers, content=request.content or None)
            if request.bearer:
                sent.headers["authorization"] = f"Bearer {request.bearer.reveal()}"
            response = await client.send(sent, follow_redirects=False)
            names = {name.lower(): value for name, value in response.headers.items()}
            return Answer(status=response.status_code, headers=names, content=response.content)
        except _NOT_SENT as error:
            problem = NotSentError(f"nothing was sent: {_words(error)}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            problem = NoAnswerError(f"no whole answer came: {_words(error)}")
        # Raised here, where the frames of httpx, whose locals show headers, are gone.
        raise problem

    async def _open(self, url: str) -> httpx.AsyncClient:
        async with self._opening:
            if self._client is None:
                self._client = await self._new_client(url)
        return self._client

    async def _new_client(self, url: str) -> httpx.AsyncClient:
        timeout = httpx.Timeout(self.read_s, connect=self.connect_s, pool=None)
        if self.injected is not None:
            return httpx.AsyncClient(transport=_Borrowed(self.injected), timeout=timeout, cookies=_no_cookies())
        # Reading the certificates takes 30 ms: not on the event loop, and not at all for plain HTTP.
        verify = await anyio.to_thread.run_sync(httpx.create_ssl_context) if url.startswith("https:") else False
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=30.0)
        return httpx.AsyncClient(verify=verify, limits=limits, timeout=timeout, cookies=_no_cookies())

    async def aclose(self) -> None:
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


def _words(error: Exception) -> str:
    """Return an error's kind and its words, without what might be a credential in a URL."""
    return re.sub(r"//[^/@\s]*@", "//", f"{type(error).__name__}: {error}".rstrip(": "))
