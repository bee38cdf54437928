"""The transports that have to conform, by name, and what each is known to do otherwise."""

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import httpx
import httpx2
from attrs import field, frozen

from hubapi import FastTransport
from hubapi._secret import Secret
from hubapi._transport.httpx import HttpxTransport
from hubapi._transport.select import as_transport
from hubapi._transport.transport import Request, Response, Transport


@frozen(kw_only=True)
class Wanted:
    """What a transport is to be opened with.

    Attributes:
        ca: A file with the certificate that servers are verified with.
        proxy: The URL of a proxy for all requests.
    """

    ca: Path | None = None
    proxy: str | None = None


Opener: TypeAlias = Callable[[Wanted], Transport]
Capability: TypeAlias = Literal["trio", "environment", "identities", "reports closing"]


@frozen(kw_only=True)
class Entry:
    """One transport.

    Attributes:
        name: As the matrix heads its column.
        open: Opens one; the test closes it.
        parser: What reads HTTP/1.1 in it: which column of the odd responses holds.
        capabilities: What it can do that not all can: run in trio; read proxies from the environment, which loopback
            never goes through; keep the connections of identities apart.
        deviations: For each test that it is known to fail, why. A key is the test's name and, if only some of its
            parameters are meant, the words of these: `test_cancelled_at_each_step tls cold`.
    """

    name: str
    open: Opener
    parser: Literal["h11", "hyper"]
    capabilities: frozenset[Capability]
    deviations: Mapping[str, str] = field(factory=dict)


def _context(wanted: Wanted) -> ssl.SSLContext:
    """A context that trusts the tests' authority, or nobody: reading the usual certificates takes 30 ms."""
    if wanted.ca is None:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.create_default_context(cafile=wanted.ca)


def _default(wanted: Wanted) -> Transport:
    return HttpxTransport(
        ssl_context=_context(wanted) if wanted.ca else None, proxy=Secret(wanted.proxy) if wanted.proxy else None
    )


class _Owned:
    """An adapter together with the caller's transport, which it leaves open for its owner to close."""

    def __init__(self, theirs: Any) -> None:
        self._theirs = theirs
        self._adapter = as_transport(theirs)

    async def send(self, request: Request, /) -> Response:
        return await self._adapter.send(request)

    async def aclose(self) -> None:
        await self._adapter.aclose()
        await self._theirs.aclose()


# httpcore 1.0.9 forgets the socket if a handshake is cancelled. The default transport closes it by itself.
_HTTPCORE = {
    "test_cancelled_at_each_step tls cold": "a socket stays open if its TLS handshake is cancelled",
    "test_cancelled_in_a_tls_handshake": "a socket stays open if its TLS handshake is cancelled",
}


def _httpx(wanted: Wanted) -> Transport:
    return _Owned(httpx.AsyncHTTPTransport(verify=_context(wanted), proxy=wanted.proxy, trust_env=False))


def _httpx2(wanted: Wanted) -> Transport:
    return _Owned(httpx2.AsyncHTTPTransport(verify=_context(wanted), proxy=wanted.proxy, trust_env=False))


def _fast(wanted: Wanted) -> Transport:
    return FastTransport(ca=wanted.ca.read_bytes() if wanted.ca else None, proxy=wanted.proxy)


TRANSPORTS: tuple[Entry, ...] = (
    Entry(
        name="default",
        open=_default,
        parser="h11",
        capabilities=frozenset({"trio", "environment", "identities"}),
    ),
    Entry(name="httpx", open=_httpx, parser="h11", capabilities=frozenset({"trio"}), deviations=_HTTPCORE),
    Entry(name="httpx2", open=_httpx2, parser="h11", capabilities=frozenset({"trio"}), deviations=_HTTPCORE),
    Entry(
        name="fast",
        open=_fast,
        parser="hyper",
        capabilities=frozenset({"trio", "environment", "identities"}),
    ),
)
BY_NAME = {entry.name: entry for entry in TRANSPORTS}
