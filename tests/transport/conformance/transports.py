"""The transports that have to conform, by name, and what each is known to do otherwise."""

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

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
Capability: TypeAlias = Literal["trio", "closing", "environment", "identities", "threads"]


@frozen(kw_only=True)
class Entry:
    """One transport.

    Attributes:
        name: As the matrix heads its column.
        open: Opens one; the test closes it.
        parser: What reads HTTP/1.1 in it: which column of the odd responses holds.
        capabilities: What it can do that not all can: run in trio; end requests that are under way when it is closed,
            which the owner of a caller's transport does; read proxies from the environment, which loopback never goes
            through; keep the connections of identities apart; have threads that watch idle connections.
        deviations: For each test that it is known to fail, why. A key is the test's name and, if only some of its
            parameters are meant, the words of these: `test_cancelled_at_each_step tls cold`.
        leaks: The same, for tests that are not run: what they would leave open would fail the tests after them.
    """

    name: str
    open: Opener
    parser: Literal["h11", "hyper"]
    capabilities: frozenset[Capability]
    deviations: Mapping[str, str] = field(factory=dict)
    leaks: Mapping[str, str] = field(factory=dict)


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


_H11 = {
    "test_more_than_one_response_in_one_piece": (
        "what comes in one piece with a response is read as the response to the next request over its connection"
    ),
}
# httpcore 1.0.9 gives a proxy `read_s` to respond in, and can't tell what it then failed with from a lost response.
_TUNNEL = {
    f"test_a_proxy_that_does_not_connect {manner}": "a proxy that closes or is silent counts as no response"
    for manner in ("closes", "silent")
}
# httpcore 1.0.9 forgets the socket if a handshake is cancelled. The default transport closes it by itself.
_HTTPCORE = {
    "test_cancelled_anywhere_on_the_way": "a socket stays open if its TLS handshake is cancelled",
    "test_cancelled_at_each_step tls cold": "a socket stays open if its TLS handshake is cancelled",
    "test_cancelled_in_a_tls_handshake": "a socket stays open if its TLS handshake is cancelled",
    # Seen once in six runs, with a busy machine: 14 of 2,000.
    "test_ten_thousand_cancelled_requests trio": "a socket may stay open if connecting is cancelled",
}

# httpx's own bodies are asynchronous generators, and trio warns of those that are left before their end.
_HTTPX = {
    "test_cancelled_while_it_sends trio": "a body that is not sent to its end makes trio warn",
    "test_a_response_before_the_body_was_sent trio": "a body that is not sent to its end makes trio warn",
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
        capabilities=frozenset({"trio", "closing", "environment", "identities"}),
        deviations=_H11,
    ),
    Entry(
        name="httpx",
        open=_httpx,
        parser="h11",
        capabilities=frozenset({"trio"}),
        deviations=_H11 | _TUNNEL,
        leaks=_HTTPCORE | _HTTPX,
    ),
    Entry(
        name="httpx2",
        open=_httpx2,
        parser="h11",
        capabilities=frozenset({"trio"}),
        deviations=_H11 | _TUNNEL,
        leaks=_HTTPCORE,
    ),
    Entry(
        name="fast",
        open=_fast,
        parser="hyper",
        capabilities=frozenset({"trio", "closing", "environment", "identities", "threads"}),
    ),
)
BY_NAME = {entry.name: entry for entry in TRANSPORTS}
