"""The interface to HTTP: the protocol of a transport, and its request and response.

These are plain values, so that any HTTP client can implement it and none of its types reach the rest of the package.
"""

from collections.abc import Hashable, Mapping
from typing import Protocol

from msgspec import Struct

from hubapi._secret import Secret

CLOSED = "this hub is closed; open another"
CLOSED_DURING_CALL = "the hub was closed during this call"


class Limits(Struct, frozen=True, kw_only=True):
    """The time and size limits of one exchange.

    Args:
        connect_s: Seconds to establish a connection, including name lookup, proxy and TLS handshake.
        read_s: Seconds that may pass without a byte being sent or received.
        max_response_bytes: The largest response body in bytes, both as received and decoded.
    """

    connect_s: float = 10.0
    read_s: float = 60.0
    max_response_bytes: int = 64 << 20


DEFAULT_LIMITS = Limits()


class Request(Struct, frozen=True, kw_only=True):
    """One HTTP request.

    Attributes:
        method: Such as `GET`.
        url: The full URL, percent-encoded.
        headers: ASCII, with lower-case names; without `host`, `content-length` and `authorization`.
        bearer: The token to send as `Authorization: Bearer …`. Reveal it only in the expression that sends it.
        content: The body. That of a login contains a password: keep it out of logs.
        limits: The time and size limits of the exchange.
        identity: The account behind the request: requests of different identities never share a connection.
    """

    method: str
    url: str
    headers: Mapping[str, str] = {}
    bearer: Secret | None = None
    content: bytes = b""
    limits: Limits = DEFAULT_LIMITS
    identity: Hashable = None

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url})"


class Response(Struct, frozen=True, kw_only=True):
    """One complete HTTP response.

    Attributes:
        status: The HTTP status.
        headers: Names in lower case; the values of repeated headers are joined with `, `.
        content: The complete body, decoded.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes

    def __repr__(self) -> str:
        return f"Response({self.status})"


class Transport(Protocol):
    """Sends requests over HTTP: implement it to use another HTTP client than httpx.

    Many tasks of one event loop use it concurrently. It follows no redirects, keeps no cookies, and propagates
    cancellation, after which it can still send other requests.

    Example:
        >>> class Maintenance:
        ...     async def send(self, request: Request, /) -> Response:
        ...         return Response(status=503, headers={}, content=b"")
        ...     async def aclose(self) -> None: ...
        >>> transport: Transport = Maintenance()
    """

    async def send(self, request: Request, /) -> Response:
        """Send a request once and return the complete response, whatever its status.

        Raises:
            NotSentError: nothing was sent, for example because no connection could be established.
            NoResponseError: at least part of the request was sent, but no complete response was received.
            DecodeError: a successful response is too large, or has a content coding that can't be decoded.
            ConfigurationError: the request is not valid HTTP.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection. Exchanges in flight end with a `TransportError`."""
        ...
