"""A client in Rust behind the protocol: `pip install hubapi-client[fast]`.

It is pyqwest (reqwest and hyper below). A page of 40 KB takes 0.96, 0.50 and 0.11 of the CPU of `httpx.AsyncClient` at
1, 8 and 32 requests in flight, and 1.18, 0.40 and 0.08 of the time; the default transport takes 0.82, 0.63 and 0.15 of
both. pyreqwest takes 0.16, 0.10 and 0.02 of the CPU. But with its 0.15.1 two promises of `Transport` can't be kept:
neither a cancellation nor `close` ends a request, whose socket stays open until the server responds, and a lost
response has the same classes of errors as a request that was not sent, `ConnectError` and `ConnectTimeoutError`. And it
runs in asyncio alone.
"""

import atexit
import re
import ssl
import time
from collections.abc import Hashable, Mapping
from functools import lru_cache
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import anyio
import anyio.to_thread
import httpx
from attrs import define, field
from attrs.validators import instance_of, optional

from hubapi._secret import Secret, optional_secret
from hubapi._transport.body import RawResponse, content_of
from hubapi._transport.proxy import environment_proxy
from hubapi._transport.tls import default_ssl_context
from hubapi._transport.transport import CLOSED, CLOSED_DURING_CALL, Request, Response
from hubapi.errors import ConfigurationError, HubError, NoResponseError, NotSentError, shorten

if TYPE_CHECKING:
    import pyqwest

_Key: TypeAlias = tuple[Hashable, Secret | None, bool, float, float]

_KEPT = 64  # clients, and idle connections of each to a server
_KEPT_S = 30.0
_SETTLE_S = 0.05
_EVERYTHING = "*,0.0.0.0/0,::/0"  # names, and addresses
_SENDS_A_BODY = {"POST", "PUT", "PATCH"}
_ORIGIN = re.compile(r"https?://[^/?#]+")
_NOISE = re.compile(r"^Request failed: |error sending request( for url)?|\(https?://[^)]*\):? ?")


@define(eq=False, repr=False, kw_only=True)
class FastTransport:
    """A transport in Rust: less CPU for each request, and nothing that watches httpx sees it.

    Speaks HTTP/1.1. Use it as a context manager, or close it: `AsyncHub` leaves open what it is given.

    Args:
        ca: Certificates in PEM that servers are verified with; None for those that `SSL_CERT_FILE` or `SSL_CERT_DIR`
            names, or else certifi's. There is no `ssl_context`: Rust does not use OpenSSL.
        client_certificate: A client's certificate in PEM, for servers that ask for one; with `client_key`.
        client_key: Its key in PEM.
        proxy: The URL of a proxy for all requests, such as `http://user:password@proxy:3128` or `socks5://proxy`. None
            for the one that the environment names, unless `NO_PROXY` exempts the host or it is this machine.

    Raises:
        ConfigurationError: pyqwest is not installed. What an option can't be used for is found with the first request.

    Example:
        >>> async def main():
        ...     async with FastTransport() as transport, AsyncHub(transport=transport) as hub:
        ...         return await hub.repositories.has_tag("library", "python", "3.13")
    """

    ca: bytes | None = field(default=None, validator=optional(instance_of(bytes)))
    client_certificate: bytes | None = field(default=None, validator=optional(instance_of(bytes)))
    client_key: Secret | None = field(default=None, converter=optional_secret)
    proxy: Secret | None = field(default=None, converter=optional_secret)
    _pyqwest: ModuleType = field(init=False)
    _failures: tuple[type[Exception], ...] = field(init=False)
    _certificates: bytes | None = field(default=None, init=False)
    _clients: "dict[_Key, pyqwest.HTTPTransport]" = field(factory=dict[_Key, Any], init=False)
    _in_flight: set[anyio.CancelScope] = field(factory=set[anyio.CancelScope], init=False)
    _proxies: dict[str, Secret | None] = field(factory=dict[str, Secret | None], init=False)
    _opening: anyio.Lock = field(factory=anyio.Lock, init=False)
    _closed: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._pyqwest = _load()
        names = ("ReadError", "WriteError", "RemoteProtocolError")
        self._failures = (OSError, RuntimeError, *(getattr(self._pyqwest, name) for name in names))

    async def send(self, request: Request, /) -> Response:
        with anyio.CancelScope() as scope:
            self._in_flight.add(scope)
            try:
                return await self._exchange(await self._client(request), request)
            except anyio.get_cancelled_exc_class() as cancelled:
                # In trio, pyqwest keeps it, and with its frames a response that has just come, and its connection.
                cancelled.__context__ = None
                raise cancelled.with_traceback(None)  # noqa: B904 - it is the same one
            finally:
                self._in_flight.discard(scope)
        raise NoResponseError(f"no response: {CLOSED_DURING_CALL}")

    async def _exchange(self, client: "pyqwest.HTTPTransport", request: Request) -> Response:
        built = self._build(request)
        response, whole = None, False
        problem: HubError
        try:
            response = await client.execute(built)
            body = await _read(response, request.limits.max_response_bytes)
            whole = body is not None
        except self._failures as error:
            # `execute` has a ConnectionError only for a connection that could not be made.
            if response is None and isinstance(error, ConnectionError):
                problem = NotSentError(f"nothing was sent: {_words(error)}")
            else:
                problem = NoResponseError(f"no response: {_words(error)}")
        else:
            headers = _joined(response.headers)
            _check_framing(response.status, headers)
            raw = RawResponse(response.status, [], body)
            content = await content_of(raw, headers.get("content-encoding", ""), request.limits)
            return Response(status=response.status, headers=headers, content=content)
        finally:
            if response is not None and not whole:
                with anyio.CancelScope(shield=True):
                    await response.aclose()
        raise problem

    def _build(self, request: Request) -> "pyqwest.Request":
        headers = {"accept-encoding": "gzip", **request.headers}
        if request.bearer:
            headers["authorization"] = f"Bearer {request.bearer.reveal()}"
        if not request.content and request.method in _SENDS_A_BODY:
            headers["content-length"] = "0"
        try:
            built: pyqwest.Request = self._pyqwest.Request(
                request.method, request.url, self._pyqwest.Headers(headers), request.content or None
            )
        except (ValueError, TypeError):  # its words repeat a header's value
            problem = ConfigurationError("the request has a method, a URL or a header that HTTP can't carry")
        else:
            return built
        raise problem

    async def _client(self, request: Request) -> "pyqwest.HTTPTransport":
        """Return the client for a request: its time limits are a client's, and identities share no connection."""
        if self._closed:
            raise ConfigurationError(CLOSED)
        origin = _ORIGIN.match(request.url)
        if origin is None:
            raise ConfigurationError("the URL can't be used: it is not one of http or https")
        if origin[0] not in self._proxies:
            self._proxies[origin[0]] = _with_scheme(self.proxy or environment_proxy(_url(origin[0])))
        proxy, limits = self._proxies[origin[0]], request.limits
        encrypts = request.url.startswith("https:") or (proxy is not None and proxy.reveal().startswith("https:"))
        key = request.identity, proxy, encrypts, limits.connect_s, limits.read_s
        client = self._clients.get(key)
        if client is None:
            if encrypts:
                await self._read_certificates()
            client = self._clients.setdefault(key, self._new_client(key))
            while len(self._clients) > _KEPT:
                self._clients.pop(next(iter(self._clients)))
        return client

    def _new_client(self, key: _Key) -> "pyqwest.HTTPTransport":
        _, proxy, encrypts, connect_s, read_s = key
        certificates = (self.ca or self._certificates) if encrypts else None
        try:
            client: pyqwest.HTTPTransport = self._pyqwest.HTTPTransport(
                # Without any, pyqwest would read the environment by itself.
                proxy=proxy.reveal() if proxy else self._pyqwest.Proxy("http://unused.invalid", no_proxy=_EVERYTHING),
                http_version=self._pyqwest.HTTPVersion.HTTP1,
                follow_redirects=False,
                connect_timeout=connect_s,
                read_timeout=read_s,
                pool_idle_timeout=_KEPT_S,
                pool_max_idle_per_host=_KEPT,
                tls_ca_cert=certificates,
                tls_include_system_certs=encrypts and not certificates,
                tls_cert=self.client_certificate,
                tls_key=self.client_key.reveal().encode() if self.client_key else None,
                use_system_dns=True,  # the file `hosts`, and names that only a VPN's resolver knows
                enable_gzip=False,
                enable_brotli=False,
                enable_zstd=False,
            )
        except (ValueError, RuntimeError):
            problem = ConfigurationError("FastTransport can't use one of its certificates, its key or its proxy")
        else:
            return client
        raise problem

    async def _read_certificates(self) -> None:
        """Read what servers are verified with. It takes 30 ms: once, and not on the event loop."""
        async with self._opening:
            if self.ca is None and self._certificates is None:
                self._certificates = await anyio.to_thread.run_sync(_default_certificates)

    async def aclose(self) -> None:
        """Close every connection; requests in flight end with a `NoResponseError`. Safe to call again."""
        self._closed = True
        for scope in self._in_flight:
            scope.cancel()
        with anyio.CancelScope(shield=True):
            while self._clients:
                await self._clients.popitem()[1].aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


@lru_cache(maxsize=1)
def _load() -> ModuleType:
    """Import pyqwest.

    Its threads still hold Python objects for a moment after a response. A process that exits in that moment crashes,
    in one of four runs that we tried: https://github.com/PyO3/pyo3-async-runtimes/issues/40. So an exit waits.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        import pyqwest  # noqa: PLC0415 - an extra
    except ImportError:
        problem = ConfigurationError("FastTransport needs: pip install hubapi-client[fast]")
    else:
        atexit.register(time.sleep, _SETTLE_S)
        return pyqwest
    raise problem


async def _read(response: "pyqwest.Response", limit: int) -> bytes | None:
    """Return a body; None for one of more than *limit* bytes, the rest of which is not read."""
    length = response.headers.get("content-length", "")
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content:
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(bytes(chunk))
        if str(size) == length:  # asking whether there is more would take another hop
            break
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _joined(headers: "pyqwest.Headers") -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers.items():
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _check_framing(status: int, headers: Mapping[str, str]) -> None:
    """Refuse what hyper hands on although it can't know where it ends.

    Raises:
        NoResponseError: another protocol follows, or a transfer coding that was not asked for (RFC 9112, 6.1).
    """
    if status < 200:
        raise NoResponseError("no response: the server switched to another protocol")
    coding = headers.get("transfer-encoding", "chunked").strip().lower()
    if coding != "chunked":
        raise NoResponseError(f"no response: its transfer-encoding is {shorten(coding)!r}")


def _default_certificates() -> bytes:
    """Return certificates in PEM; nothing where `SSL_CERT_DIR` names them, which pyqwest reads too."""
    known = default_ssl_context().get_ca_certs(binary_form=True)
    return "".join(map(ssl.DER_cert_to_PEM_cert, known)).encode()


def _with_scheme(proxy: Secret | None) -> Secret | None:
    return proxy if proxy is None or "://" in proxy.reveal() else Secret(f"http://{proxy.reveal()}")


def _url(origin: str) -> httpx.URL:
    try:
        return httpx.URL(origin)
    except (httpx.InvalidURL, ValueError):
        problem = ConfigurationError("the URL can't be used: it has no valid host or port")
    raise problem


def _words(error: Exception) -> str:
    """Return what failed in pyqwest's words, without the URL."""
    return shorten(f"{type(error).__name__}: {_NOISE.sub('', str(error))}")
