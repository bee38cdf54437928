"""The seam to HTTP: what a transport is given, what it returns, and what it promises.

Plain values, so that any HTTP client fits behind it, and none of its types reaches the rest of the package.
"""

from collections.abc import Hashable, Mapping
from typing import Protocol

from msgspec import Struct

from hubapi._secret import Secret


class Limits(Struct, frozen=True, kw_only=True):
    """How long one exchange may take, and how large its response may be.

    Args:
        connect_s: Seconds to connect in: name look-up, proxy and TLS handshake included.
        read_s: Seconds that may pass without a byte, sent or received.
        max_response_bytes: Bytes of a response's body at most, as it came and when decoded.
    """

    connect_s: float = 10.0
    read_s: float = 60.0
    max_response_bytes: int = 64 << 20


class Request(Struct, frozen=True, kw_only=True):
    """One HTTP request.

    Attributes:
        method: Such as `GET`.
        url: The whole URL, percent-encoded.
        headers: Names in lower case, in ASCII; without `host`, `content-length` and `authorization`.
        bearer: What goes out as `Authorization: Bearer …`. Reveal it only where it is written.
        content: The body. A login's holds a password: keep it out of logs.
        limits: How long it may take, and how much may come.
        identity: On whose behalf it goes: requests of different identities never share a connection.
    """

    method: str
    url: str
    headers: Mapping[str, str] = {}
    bearer: Secret | None = None
    content: bytes = b""
    limits: Limits = Limits()
    identity: Hashable = None

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url})"


class Response(Struct, frozen=True, kw_only=True):
    """One HTTP response, read to its end.

    Attributes:
        status: The HTTP status.
        headers: Names in lower case; of several with one name the values joined with `, `.
        content: The whole body, decoded.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes

    def __repr__(self) -> str:
        return f"Response({self.status})"


class Transport(Protocol):
    """What sends one request over HTTP: httpx, by default, or anything with these two methods.

    It may be used by many tasks of one event loop at once. It follows no redirects, keeps no cookies, and lets a
    cancellation pass through, after which it is still good for other requests.
    """

    async def send(self, request: Request, /) -> Response:
        """Send a request once and return its whole response, whatever its status.

        Raises:
            NotSentError: nothing reached the server, as when no connection could be made.
            NoResponseError: the request went out, or part of it, and no whole response came back.
            DecodeError: a success that is larger than allowed, or in a content coding that can't be undone.
            ConfigurationError: HTTP can't carry it.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection. Exchanges under way end with a `TransportError`."""
        ...
