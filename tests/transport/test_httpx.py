"""The default transport, and the adapter for a caller's httpx transport, over real sockets on loopback."""

import gzip
import ssl
import threading
from collections.abc import AsyncIterator
from typing import Any

import anyio
import anyio.abc
import httpx
import pytest

from hubapi import AsyncHub, ConfigurationError, HubError, NoResponseError, NotSentError, StaticToken
from hubapi._codec.request import target
from hubapi._operation import Operation
from hubapi._secret import Secret
from hubapi._transport.httpx import HttpxAdapter
from hubapi._transport.transport import Request, Transport
from hubapi.testing import FakeHub
from tests.pipeline.scripted import Canned, Script, hub_of, json
from tests.transport.servers import (
    OK,
    counts_sockets,
    free_port,
    get,
    open_sockets,
    opened,
    respond_with,
    serving,
)

pytestmark = pytest.mark.anyio


def adapted(transport: httpx.AsyncBaseTransport) -> HttpxAdapter:
    return HttpxAdapter(transport, httpx)


# --- failures


async def test_a_request_over_a_refused_connection_was_not_sent() -> None:
    """No server listens: a retry is safe."""
    async with opened() as transport:
        with pytest.raises(NotSentError, match=r"nothing was sent: .*[Cc]onnect"):
            await transport.send(get(f"http://127.0.0.1:{free_port()}/"))


async def test_a_request_to_an_unknown_host_was_not_sent() -> None:
    """DNS does not know it."""
    async with opened() as transport:
        with pytest.raises(NotSentError, match="nothing was sent"):
            await transport.send(get("https://no-such-host.invalid/"))


@pytest.mark.parametrize("host", ["x" * 64 + ".invalid", "a..invalid", ".invalid", "x." * 127])
async def test_an_invalid_host_name_is_refused(host: str) -> None:
    """DNS can't represent it."""
    async with opened() as transport:
        for each in (transport, adapted(Script([Canned(200)]))):
            with pytest.raises(ConfigurationError, match="invalid host name"):
                await each.send(get(f"https://{host}/"))


BAD_RESPONSES = {
    "closed at once": b"",
    "garbage": b"\x00\x01\x02 not HTTP at all\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.0\r\n",
    "half a status line": b"HTTP/1.1 20",
    "half the headers": b"HTTP/1.1 200 OK\r\ncontent-le",
    "closed mid-body": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
    "closed mid-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{}",
    "closed before the last chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "a chunk without a size": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "a length that is no number": b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
    "a header without colon": b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n{}",
    "endless headers": b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000,
    "cut gzip": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 12\r\n\r\n" + gzip.compress(b"{}")[:12],
    "a status that is no number": b"HTTP/1.1 abc OK\r\n\r\n",
    "an unknown transfer coding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "interim responses alone": b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_RESPONSES)
async def test_an_incomplete_or_invalid_response_is_no_response(name: str) -> None:
    """The request was sent; its effect is not known."""

    async def handle(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()
        if BAD_RESPONSES[name]:
            await stream.send(BAD_RESPONSES[name])

    async with serving(handle) as url, opened() as transport:
        with pytest.raises(NoResponseError, match="no response: "):
            await transport.send(get(f"{url}/"))


async def test_a_read_timeout_is_no_response() -> None:
    """After `read_s` seconds without a byte."""

    async def handle(stream: anyio.abc.SocketStream) -> None:
        await anyio.sleep_forever()

    async with serving(handle) as url, opened() as transport:
        with pytest.raises(NoResponseError, match=r"the connection was silent for 0\.05 s"):
            await transport.send(get(f"{url}/", read_s=0.05))


async def test_nothing_was_sent_if_the_tls_handshake_times_out() -> None:
    """`connect_s` limits the connection and the handshake together."""

    async def silent(stream: anyio.abc.SocketStream) -> None:
        async for _ in stream:
            pass

    async with serving(silent) as url, opened() as transport:
        with pytest.raises(NotSentError, match=r"no connection within 0\.05 s"):
            await transport.send(get(url.replace("http:", "https:"), connect_s=0.05))


async def test_nothing_was_sent_if_the_server_speaks_no_tls() -> None:
    """The handshake fails first."""

    async def handle(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()
        await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(handle) as url, opened() as transport:
        with pytest.raises(NotSentError):
            await transport.send(get(url.replace("http:", "https:") + "/"))


async def test_a_response_before_the_whole_request_was_sent_is_returned() -> None:
    """Such as a 413, after which the server closes the connection."""

    async def refuse(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()
        await stream.send(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await stream.receive()

    async with serving(refuse) as url, opened() as transport:
        response = await transport.send(Request(method="POST", url=f"{url}/", content=b"x" * 100_000))

    assert (413, b"{}") == (response.status, response.content)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (httpx.ConnectError("x"), NotSentError),
        (httpx.ConnectTimeout("x"), NotSentError),
        (httpx.PoolTimeout("x"), NotSentError),
        (httpx.ProxyError("x"), NotSentError),
        (httpx.UnsupportedProtocol("x"), NotSentError),
        (httpx.ReadError("x"), NoResponseError),
        (httpx.WriteTimeout("x"), NoResponseError),
        (httpx.CloseError("x"), NoResponseError),
        (httpx.LocalProtocolError("x"), NoResponseError),
        (httpx.RemoteProtocolError("x"), NoResponseError),
        (httpx.DecodingError("x"), NoResponseError),
        (httpx.TooManyRedirects("x"), NoResponseError),
        (httpx.InvalidURL("x"), NoResponseError),
        (httpx.StreamClosed(), NoResponseError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
async def test_errors_of_a_callers_httpx_transport_are_converted(raised: Exception, kind: type[HubError]) -> None:
    """Their class tells whether the request was sent."""
    with pytest.raises(kind, match=type(raised).__name__):
        await adapted(Script([raised])).send(get("https://hub.docker.com/"))


@pytest.mark.parametrize(
    "url",
    [
        "https://hub.docker.com/" + "x" * 70_000,
        "https://hub.docker.com:x/",
        "https://h/\x00",
        "ftp://hub.test/",
        "/v2/x",
        "http://127.0.0.1:99999/",
        "http:///v2/x",
    ],
)
async def test_an_unusable_url_is_refused(url: str) -> None:
    """Before anything is sent, with an error of hubapi."""
    script = Script([Canned(200)])
    async with opened() as transport:
        for each in (transport, adapted(script)):
            with pytest.raises(ConfigurationError, match="the URL can't be used"):
                await each.send(get(url))

    assert [] == script.requests


# --- requests


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("content", [b"", b'{"name": "x"}'])
@pytest.mark.parametrize("own", [True, False])
async def test_requests_are_those_of_an_httpx_client(method: str, content: bytes, *, own: bool) -> None:
    """Byte for byte, except that only gzip is accepted; also over a caller's transport."""
    requests: list[bytes] = []
    headers = {"Accept": "application/json", "user-agent": "hubapi/1", "X-Trace": "1"}
    more = {"authorization": "Bearer hunter2", "accept-encoding": "gzip"}
    no_content = b"HTTP/1.1 204 No Content\r\n\r\n"
    async with (
        serving(respond_with(no_content, requests)) as url,
        httpx.AsyncHTTPTransport() as theirs,
        opened() as default,
    ):
        there = f"{url}/v2/x?page=2&q=a%2Fb"
        transport: Transport = default if own else adapted(theirs)
        await transport.send(
            Request(method=method, url=there, headers=headers, content=content, bearer=Secret("hunter2"))
        )
        async with httpx.AsyncClient() as client:
            await client.request(method, there, headers=headers | more, content=content or None)

    ours, expected_request = (request.partition(b"\r\n\r\n") for request in requests)
    assert expected_request[0].splitlines()[0] == ours[0].splitlines()[0]
    expected = set(expected_request[0].lower().splitlines()) - {b"connection: keep-alive"}  # the default of HTTP/1.1
    assert sorted(expected) == sorted(ours[0].lower().splitlines())


@pytest.mark.parametrize(
    ("path", "expected"), [("/a b/ü", b"/a%20b/%C3%BC"), ("/a/../b", b"/b"), ('/x?q="y"', b"/x?q=%22y%22")]
)
async def test_urls_are_normalised_by_httpx(path: str, expected: bytes) -> None:
    """It encodes what has to be encoded."""
    requests: list[bytes] = []
    async with serving(respond_with(OK, requests)) as url, opened() as transport:
        await transport.send(get(url + path))

    assert [expected] == [request.split(b" ")[1] for request in requests]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("python", "python"),
        ("a/b", "a%2Fb"),
        ("a b", "a%20b"),
        ("100%", "100%25"),
        ("%2e%2e", "%252e%252e"),
        ("a?b#c", "a%3Fb%23c"),
        ("ü", "%C3%BC"),
        ("日本", "%E6%97%A5%E6%9C%AC"),
        ("a\\b", "a%5Cb"),
        ("a\r\nb", "a%0D%0Ab"),
        ("\x00", "%00"),
        ("...", "..."),
        ("a..b", "a..b"),
        ("@evil.example:80", "%40evil.example%3A80"),
        ("urn:ietf:params", "urn%3Aietf%3Aparams"),
        ("{name}", "%7Bname%7D"),
        (5, "5"),
    ],
)
async def test_each_path_value_is_encoded(value: str | int, expected: str) -> None:
    """No value can end its path segment, and each arrives unchanged."""
    operation: Operation[bytes] = Operation(
        id="x", method="GET", path="/v2/{name}/y", path_values={"name": value}, result=bytes
    )
    requests: list[bytes] = []

    async with serving(respond_with(OK, requests)) as url, opened() as transport:
        await transport.send(get(url + target(operation)))

    assert f"/v2/{expected}/y" == target(operation)
    assert [f"/v2/{expected}/y".encode()] == [request.split(b" ")[1] for request in requests]


@pytest.mark.parametrize("value", ["", ".", "..", "a/../b", "../x", "x/..", "/..", "\ud800"])
async def test_path_values_that_change_the_path_are_refused(value: str) -> None:
    """Before anything is sent."""
    operation: Operation[bytes] = Operation(
        id="x", method="GET", path="/v2/{name}/y", path_values={"name": value}, result=bytes
    )

    with pytest.raises(ConfigurationError):
        target(operation)


# --- responses


GOOD_RESPONSES = {
    "a length": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=1\r\n{\r\n1\r\n}\r\n0\r\nx-a: 1\r\n\r\n",
    "until the connection closes": b"HTTP/1.1 200 OK\r\nx-a: 1\r\n\r\n{}",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n{}",
    "no reason": b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\n{}",
    "interim responses before": b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK,
    "gzip": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n" + gzip.compress(b"{}"),
    "gzip announced": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("name", GOOD_RESPONSES)
@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_a_response_may_arrive_in_any_pieces(name: str, size: int) -> None:
    """A network may split it anywhere."""

    async def handle(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()
        whole = GOOD_RESPONSES[name]
        for begin in range(0, len(whole), size):
            await stream.send(whole[begin : begin + size])
            await anyio.lowlevel.checkpoint()

    async with serving(handle) as url, opened() as transport:
        response = await transport.send(get(f"{url}/"))

    assert (200, b"{}") == (response.status, response.content)


@pytest.mark.parametrize("length", [b"content-length: 5000\r\n", b"transfer-encoding: chunked\r\n", b""])
async def test_the_response_to_a_head_has_no_body(length: bytes) -> None:
    """Its headers describe the body that a GET would have."""
    response = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n" + length + b"\r\n"
    async with serving(respond_with(response)) as url, opened() as transport:
        received = await transport.send(Request(method="HEAD", url=f"{url}/"))

    assert (200, b"") == (received.status, received.content)


async def test_repeated_headers_are_joined() -> None:
    """Names are in lower case; a value that is not UTF-8 is decoded as Latin-1."""
    head = "HTTP/1.1 200 OK\r\nX-A: 1\r\nX-B: ü\r\nx-a: 2\r\nContent-Length: 0\r\n".encode() + b"X-C: \xfc\r\n\r\n"
    async with serving(respond_with(head)) as url, opened() as transport:
        response = await transport.send(get(f"{url}/"))

    assert {"x-a": "1, 2", "x-b": "ü", "x-c": "ü", "content-length": "0"} == response.headers


async def test_a_callers_response_made_from_bytes_is_decoded() -> None:
    """Mocks create such responses."""
    response = httpx.Response(200, headers={"content-encoding": "gzip"}, content=gzip.compress(b"{}"))
    received = await adapted(httpx.MockTransport(lambda _: response)).send(get("https://hub.docker.com/"))

    assert b"{}" == received.content


async def test_a_callers_response_that_was_already_read_is_not_decoded_again() -> None:
    """By a cache or a logging layer, for example: httpx has decoded it, and its stream is used up."""

    class ReadsResponse(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            async def body() -> AsyncIterator[bytes]:
                yield gzip.compress(b"{}")

            response = httpx.Response(200, headers={"content-encoding": "gzip"}, content=body())
            await response.aread()
            return response

    received = await adapted(ReadsResponse()).send(get("https://hub.docker.com/"))

    assert b"{}" == received.content


async def test_cookies_are_not_stored() -> None:
    """They belong to one identity, and a transport may serve several."""
    requests: list[bytes] = []
    response = OK.replace(b"\r\n\r\n", b"\r\nset-cookie: session=hunter2; Path=/\r\n\r\n")
    async with serving(respond_with(response, requests)) as url, opened() as transport:
        for _ in range(2):
            await transport.send(get(f"{url}/"))

    assert [False, False] == [b"cookie" in request.lower() for request in requests]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    """The token must not be sent to another URL."""
    requests: list[bytes] = []
    response = b"HTTP/1.1 %d Elsewhere\r\nlocation: /v2/y\r\ncontent-length: 0\r\n\r\n" % status
    async with serving(respond_with(response, requests)) as url, opened() as transport:
        received = await transport.send(get(f"{url}/v2/x"))

    assert (status, 1) == (received.status, len(requests))


async def test_a_callers_transport_stays_open() -> None:
    """The caller closes it."""
    script = Script([json({"name": "x"})])
    async with hub_of(script) as hub:
        await hub.repositories.get_tag("library", "python", "x")

    assert 0 == script.closed
    assert 0 == script.open_responses


async def test_a_closed_transport_opens_no_connection() -> None:
    """A call that waited for a retry would leave it open."""
    async with serving(respond_with(OK)) as url, opened() as transport:
        await transport.aclose()
        with pytest.raises(ConfigurationError, match="closed"):
            await transport.send(get(f"{url}/"))


# --- the SSL context


async def test_the_ssl_context_is_built_once_and_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the certificates takes 30 ms; concurrent calls, the hub and its clones share the context."""
    threads: list[int] = []
    build = httpx.create_ssl_context

    def count(*args: Any, **options: Any) -> ssl.SSLContext:
        threads.append(threading.get_ident())
        return build(*args, **options)

    monkeypatch.setattr(httpx, "create_ssl_context", count)
    hub = AsyncHub(StaticToken("x"), base_url=f"https://127.0.0.1:{free_port()}").with_options(max_attempts=1)
    clone = hub.with_options(concurrency=2)

    async def call(hub: AsyncHub) -> None:
        with pytest.raises(NotSentError):
            await hub.repositories.has_tag("library", "python", "x")

    async with hub, anyio.create_task_group() as tasks:
        for each in (hub, clone, hub, clone):
            tasks.start_soon(call, each)

    assert 1 == len(threads)
    assert threading.get_ident() != threads[0]


async def test_two_servers_share_the_ssl_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """It belongs to the transport, not to a server."""
    built: list[ssl.SSLContext] = []
    build = httpx.create_ssl_context

    def count() -> ssl.SSLContext:
        built.append(build())
        return built[-1]

    monkeypatch.setattr(httpx, "create_ssl_context", count)
    async with opened() as transport:
        for _ in range(2):
            with pytest.raises(NotSentError):
                await transport.send(get(f"https://127.0.0.1:{free_port()}/"))

    assert 1 == len(built)


async def test_no_certificates_are_read_for_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as for tests and proxies on loopback."""
    monkeypatch.setattr(httpx, "create_ssl_context", lambda *_: pytest.fail("read certificates"))
    async with opened() as transport:
        with pytest.raises(NotSentError):
            await transport.send(get(f"http://127.0.0.1:{free_port()}/"))


# --- cancellation


@counts_sockets
async def test_later_calls_get_a_connection_after_ten_thousand_cancelled_ones(anyio_backend: str) -> None:
    """httpcore 1.0.9 loses a pool's slots when calls are cancelled; here such a pool has one slot, and is closed."""
    cancelled, at_once, ordinary = (10_000 if anyio_backend == "asyncio" else 2_000), 200, 50
    arrived = 0
    all_arrived = anyio.Event()
    slow = True

    async def handle(stream: anyio.abc.SocketStream) -> None:
        nonlocal arrived
        while True:
            await stream.receive()
            arrived += 1
            if arrived % at_once == 0:
                all_arrived.set()
            if slow:
                await stream.receive()  # until the client closes the connection
            await stream.send(OK)

    async with serving(handle) as url, opened() as transport:
        before = open_sockets()
        for _ in range(cancelled // at_once):
            all_arrived = anyio.Event()
            async with anyio.create_task_group() as tasks:
                for _ in range(at_once):
                    # Without a timeout: on a busy machine, 200 concurrent connections may take seconds.
                    tasks.start_soon(transport.send, get(f"{url}/v2/x", connect_s=1e9, read_s=1e9))
                await all_arrived.wait()
                tasks.cancel_scope.cancel()
        slow = False
        for _ in range(ordinary):
            await transport.send(get(f"{url}/v2/x"))

        assert cancelled + ordinary == arrived
        # The client's ends, the server's ends that are not closed yet, and the one connection that is kept.
        assert open_sockets() - before <= 2 * at_once


async def test_cancelled_calls_of_a_hub_free_their_slots() -> None:
    """With the rate limiter and the concurrency limit, against the fake over real HTTP."""
    fake = FakeHub(seed=7)
    fake.add_repository("library", "python", tags=3)
    async with fake.serve() as url, AsyncHub(base_url=url).with_options(concurrency=2) as hub:
        for _ in range(20):
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as tasks:
                    for _ in range(4):
                        tasks.start_soon(hub.repositories.has_tag, "library", "python", "latest")
                    await anyio.lowlevel.checkpoint()
                    await anyio.lowlevel.checkpoint()
                    scope.cancel()
        found = [await hub.repositories.has_tag("library", "python", "latest") for _ in range(5)]

    assert [True] * 5 == found
