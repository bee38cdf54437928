"""One attempt over HTTP, most of it over real sockets on loopback."""

import gzip
import socket
import ssl
import threading
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import httpx
import pytest
import trustme
from anyio.streams.tls import TLSListener
from hypothesis import given
from hypothesis import strategies as st

from hubapi import AsyncHub, ConfigurationError, HubError, NoResponseError, NotSentError, StaticToken
from hubapi._codec.request import target
from hubapi._operation import Operation
from hubapi._secret import Secret
from hubapi._transport.httpx import HttpTransport, _parse, _plain, _split
from hubapi._transport.transport import Request
from hubapi.testing import FakeHub
from tests.pipeline.scripted import Canned, Script, hub_of, json

pytestmark = pytest.mark.anyio

Handler = Callable[[anyio.abc.SocketStream], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A TCP server that does with each connection what *handler* does."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
    shaking = TLSListener(listener, tls, standard_compatible=False) if tls else listener

    async def handle(stream: Any) -> None:
        async with stream:
            with suppress(anyio.BrokenResourceError, anyio.EndOfStream):  # when the client has gone
                await handler(stream)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(shaking.serve, handle)
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        tasks.cancel_scope.cancel()


def answering(answer: bytes, requests: list[bytes] | None = None) -> Handler:
    """Answer each request alike, and remember them."""

    async def handle(stream: anyio.abc.SocketStream) -> None:
        while True:
            request = b""
            while b"\r\n\r\n" not in request:
                request += await stream.receive()
            if requests is not None:
                requests.append(request)
            await stream.send(answer)

    return handle


@asynccontextmanager
async def opened(
    read_s: float = 10.0, injected: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(connect_s=5.0, read_s=read_s, injected=injected)
    try:
        yield transport
    finally:
        await transport.aclose()


def get(url: str, **more: Any) -> Request:
    return Request(method="GET", url=url, **more)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# --- what fails


async def test_a_refused_connection_was_not_sent() -> None:
    """Nobody listens: repeating is safe."""
    async with opened() as transport:
        with pytest.raises(NotSentError, match="nothing was sent"):
            await transport.send(get(f"http://127.0.0.1:{free_port()}/"))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 64 + ".invalid", "a..invalid"])
async def test_a_name_that_does_not_resolve_was_not_sent(host: str) -> None:
    """Not in DNS, or not fit for it."""
    async with opened() as transport:
        with pytest.raises((NotSentError, ConfigurationError)):
            await transport.send(get(f"https://{host}/"))


SPEECHES = {
    "closed at once": b"",
    "garbage": b"\x00\x01\x02 not HTTP at all\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.0\r\n",
    "half a status line": b"HTTP/1.1 20",
    "half the headers": b"HTTP/1.1 200 OK\r\ncontent-le",
    "closed mid-body": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
    "closed mid-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{}",
    "a chunk of no size": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "a length of no number": b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
    "a header without colon": b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n{}",
    "endless headers": b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000,
    "broken gzip": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
    "a status of no number": b"HTTP/1.1 abc OK\r\n\r\n",
}


@pytest.mark.parametrize("speech", SPEECHES)
async def test_a_server_that_does_not_finish_its_answer_gave_none(speech: str) -> None:
    """The request went out; what it did is not known."""

    async def handle(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()
        if SPEECHES[speech]:
            await stream.send(SPEECHES[speech])

    async with serving(handle) as url, opened() as transport:
        with pytest.raises(NoResponseError, match="no whole answer came"):
            await transport.send(get(f"{url}/"))


async def test_a_server_that_says_nothing_gave_no_answer() -> None:
    """After `read_s` seconds without a byte."""

    async def handle(stream: anyio.abc.SocketStream) -> None:
        await anyio.sleep_forever()

    async with serving(handle) as url, opened(read_s=0.05) as transport:
        with pytest.raises(NoResponseError, match=r"nothing came for 0\.05 s"):
            await transport.send(get(f"{url}/"))


async def test_plain_http_where_tls_is_due_was_not_sent() -> None:
    """The handshake fails before any request goes out."""

    async def handle(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()
        await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(handle) as url, opened() as transport:
        with pytest.raises(NotSentError):
            await transport.send(get(url.replace("http:", "https:") + "/"))


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (httpx.ConnectError("x"), NotSentError),
        (httpx.ConnectTimeout("x"), NotSentError),
        (httpx.PoolTimeout("x"), NotSentError),
        (httpx.ProxyError("x"), NotSentError),
        (UnicodeError("label empty or too long"), NotSentError),
        (httpx.ReadError("x"), NoResponseError),
        (httpx.WriteTimeout("x"), NoResponseError),
        (httpx.CloseError("x"), NoResponseError),
        (httpx.LocalProtocolError("x"), NoResponseError),
        (httpx.RemoteProtocolError("x"), NoResponseError),
        (httpx.DecodingError("x"), NoResponseError),
        (httpx.TooManyRedirects("x"), NoResponseError),
        (httpx.InvalidURL("x"), NoResponseError),
        (httpx.StreamClosed(), NoResponseError),
        (ssl.SSLError("bad record"), NoResponseError),
        (OSError("reset"), NoResponseError),
        (ValueError("x"), NoResponseError),
        (anyio.ClosedResourceError(), NoResponseError),
        (anyio.BrokenResourceError(), NoResponseError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
async def test_no_exception_of_the_layers_below_escapes(raised: Exception, kind: type[HubError]) -> None:
    """Each is one of the two; and no trace of it, whose frames hold the headers, is left."""
    async with opened(injected=Script([raised])) as transport:
        with pytest.raises(kind) as caught:
            await transport.send(get("https://hub.docker.com/"))

    assert (None, None) == (caught.value.__cause__, caught.value.__context__)


async def test_a_bug_in_somebody_elses_transport_is_not_hidden() -> None:
    """What is no failure of HTTP stays what it is."""
    async with opened(injected=Script([KeyError("bug")])) as transport:
        with pytest.raises(KeyError):
            await transport.send(get("https://hub.docker.com/"))


# --- what is never sent


@pytest.mark.parametrize("secret", ["line\nbreak", "break at the end\n", "nul\0", "ümlaut", "half \ud800"])
async def test_a_bearer_that_no_header_can_hold_is_refused_unseen(secret: str) -> None:
    """A token read from a file with its line break: what follows would be another header."""
    script = Script([Canned(200)])
    async with opened(injected=script) as transport:
        with pytest.raises(ConfigurationError, match="the bearer has a character") as caught:
            await transport.send(get("https://hub.docker.com/", bearer=Secret(secret)))

    assert secret not in str(caught.value)
    assert [] == script.requests


@pytest.mark.parametrize(
    "headers", [{"x": "a\r\nb: c"}, {"x": "ü"}, {"": "a"}, {"a b": "c"}, {"a:": "c"}, {"ü": "c"}, {"x": "\x00"}]
)
async def test_a_header_that_no_header_can_be_is_refused(headers: dict[str, str]) -> None:
    """Middleware may have added it."""
    async with opened(injected=Script([Canned(200)])) as transport:
        with pytest.raises(ConfigurationError):
            await transport.send(get("https://hub.docker.com/", headers=headers))


@pytest.mark.parametrize(
    "url", ["https://hub.docker.com/" + "x" * 70_000, "https://hub.docker.com:x/", "https://h/\x00"]
)
async def test_what_is_no_url_is_refused(url: str) -> None:
    """Before anything is sent, and as an error of ours."""
    async with opened(injected=Script([Canned(200)])) as transport:
        with pytest.raises(ConfigurationError):
            await transport.send(get(url))


@pytest.mark.parametrize("method", ["", "GE T", "GET\r\n", "gét"])
async def test_what_is_no_method_is_refused(method: str) -> None:
    """The escape hatch takes any word, but only words."""
    async with opened(injected=Script([Canned(200)])) as transport:
        with pytest.raises(ConfigurationError):
            await transport.send(Request(method=method, url="https://hub.docker.com/"))


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
async def test_path_values_are_encoded_one_by_one(value: str | int, expected: str) -> None:
    """Nothing in a value can end the segment it stands in; and it arrives as it was meant."""
    operation: Operation[bytes] = Operation(
        id="x", method="GET", path="/v2/{name}/y", path_values={"name": value}, result=bytes
    )
    script = Script([Canned(200)])

    async with opened(injected=script) as transport:
        await transport.send(get("https://hub.docker.com" + target(operation)))

    assert f"/v2/{expected}/y" == target(operation)
    assert [f"GET /v2/{expected}/y"] == script.sent


@pytest.mark.parametrize("value", ["", ".", "..", "a/../b", "../x", "x/..", "/..", "\ud800"])
async def test_path_values_that_address_something_else_are_refused(value: str) -> None:
    """Before anything is sent."""
    operation: Operation[bytes] = Operation(
        id="x", method="GET", path="/v2/{name}/y", path_values={"name": value}, result=bytes
    )

    with pytest.raises(ConfigurationError):
        target(operation)


# --- what is sent


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("content", [b"", b'{"name": "x"}'])
@pytest.mark.parametrize("injected", [False, True])
async def test_it_sends_what_an_httpx_client_would(method: str, content: bytes, *, injected: bool) -> None:
    """Byte for byte, but for the order of headers and the case of their names; through somebody's transport too."""
    requests: list[bytes] = []
    headers = {"Accept": "application/json", "user-agent": "hubapi/1", "X-Trace": "1"}
    bearer = {"authorization": "Bearer hunter2"}
    answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    async with serving(answering(answer, requests)) as url, httpx.AsyncHTTPTransport() as theirs:
        there = f"{url}/v2/x?page=2&q=a%2Fb"
        async with opened(injected=theirs if injected else None) as transport:
            bare = Request(method=method, url=there, headers=headers, content=content, bearer=Secret("hunter2"))
            await transport.send(bare)
        async with httpx.AsyncClient() as client:
            await client.request(method, there, headers=headers | bearer, content=content or None)

    ours, its = (request.partition(b"\r\n\r\n") for request in requests)
    assert its[0].splitlines()[0] == ours[0].splitlines()[0]
    assert sorted(its[0].lower().splitlines()) == sorted(ours[0].lower().splitlines())


PIECES = [
    "a",
    "B",
    "0",
    "/",
    ".",
    "..",
    "%",
    "%2f",
    "%2F",
    "%zz",
    "?",
    "&",
    "=",
    "+",
    ":",
    ",",
    "@",
    "~",
    "{",
    "'",
    "!",
    "#",
]


@given(
    st.from_regex(r"https?://[a-z0-9.-]{1,9}(:[0-9]{1,5})?", fullmatch=True),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
)
def test_a_plain_url_is_taken_as_httpx_reads_it(origin: str, path: str) -> None:
    """Without reading it."""
    url = f"{origin}/{path}"
    plain = _plain(url)
    try:
        server, target = _split(_parse(url))
    except ConfigurationError:  # a name or a port that is none, which is found out when it is first connected to
        return

    if plain:
        assert target == plain[1]
        assert _split(_parse(plain[0]))[0] == server


@pytest.mark.parametrize("url", ["ftp://hub.test/", "/v2/x", "http://127.0.0.1:99999/", "http:///v2/x"])
async def test_what_leads_to_no_server_is_refused(url: str) -> None:
    """Whatever it is a URL of."""
    async with opened() as transport:
        with pytest.raises(ConfigurationError):
            await transport.send(get(url))


@pytest.mark.parametrize(
    ("path", "expected"), [("/a b/ü", b"/a%20b/%C3%BC"), ("/a/../b", b"/b"), ('/x?q="y"', b"/x?q=%22y%22")]
)
async def test_what_is_not_plain_is_read_by_httpx(path: str, expected: bytes) -> None:
    """It encodes what has to be encoded."""
    requests: list[bytes] = []
    async with serving(answering(OK, requests)) as url, opened() as transport:
        await transport.send(get(url + path))

    assert [expected] == [request.split(b" ")[1] for request in requests]


# --- what is kept, and what is not


ENCODINGS = {
    "gzip": gzip.compress(b"{}"),
    "deflate": zlib.compress(b"{}"),
    "gzip, gzip": gzip.compress(gzip.compress(b"{}")),
    "identity": b"{}",
    "unheard-of": b"{}",
}


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_content_encodings_are_undone(encoding: str) -> None:
    """Those that httpx knows, as it does."""
    body = ENCODINGS[encoding]
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    async with serving(answering(head.encode() + body)) as url, opened() as transport:
        answer = await transport.send(get(f"{url}/"))

    assert (b"{}", encoding) == (answer.content, answer.headers["content-encoding"])


async def test_a_body_that_is_decoded_already_is_left_alone() -> None:
    """As in an answer that a transport made from bytes: httpx has undone its encoding."""
    answer = httpx.Response(200, headers={"content-encoding": "gzip"}, content=gzip.compress(b"{}"))
    async with opened(injected=httpx.MockTransport(lambda _: answer)) as transport:
        received = await transport.send(get("https://hub.docker.com/"))

    assert b"{}" == received.content


async def test_headers_that_come_twice_are_joined() -> None:
    """Names in lower case; what is no UTF-8 is read as Latin-1."""
    head = "HTTP/1.1 200 OK\r\nX-A: 1\r\nX-B: ü\r\nx-a: 2\r\nContent-Length: 0\r\n".encode() + b"X-C: \xfc\r\n\r\n"
    async with serving(answering(head)) as url, opened() as transport:
        answer = await transport.send(get(f"{url}/"))

    assert {"x-a": "1, 2", "x-b": "ü", "x-c": "ü", "content-length": "0"} == answer.headers


async def test_cookies_are_never_kept() -> None:
    """Neither sent back nor shown: they belong to one identity, and a hub's pool may serve several."""
    script = Script([Canned(200, b"", {"set-cookie": "session=hunter2; Path=/"})])
    async with opened(injected=script) as transport:
        first = await transport.send(get("https://hub.docker.com/"))
        await transport.send(get("https://hub.docker.com/"))

    assert "set-cookie" not in first.headers
    assert [None, None] == [request.headers.get("cookie") for request in script.requests]


async def test_headers_that_may_be_secrets_are_dropped() -> None:
    """Of a redirect's target the host is enough to tell what happened."""
    location = "https://moby:hunter2@login.docker.com/u?token=hunter2"
    script = Script([Canned(302, b"", {"location": location, "www-authenticate": "Bearer hunter2", "date": "now"})])
    async with opened(injected=script) as transport:
        answer = await transport.send(get("https://hub.docker.com/"))

    assert {"location": "//login.docker.com/", "date": "now"} == dict(answer.headers)


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_an_error_that_repeats_the_bearer_is_read_without_it(status: int) -> None:
    """As a debug page does; a success is read as it came."""
    script = Script([Canned(status, b'{"seen": "Bearer hunter2"}')])
    async with opened(injected=script) as transport:
        answer = await transport.send(get("https://hub.docker.com/", bearer=Secret("hunter2")))

    assert (b'{"seen": "Bearer ***"}' if status >= 400 else b'{"seen": "Bearer hunter2"}') == answer.content


async def test_an_injected_transport_stays_open() -> None:
    """It is the caller's."""
    script = Script([json({"name": "x"})])
    async with hub_of(script) as hub:
        await hub.repositories.get_tag("library", "python", "x")

    assert 0 == script.closed


async def test_a_closed_transport_opens_no_new_pool() -> None:
    """A call that waited to try again would leave it open for good."""
    transport = HttpTransport(connect_s=1, read_s=1, injected=Script([Canned(200)]))
    await transport.aclose()

    with pytest.raises(ConfigurationError, match="closed"):
        await transport.send(get("https://hub.docker.com/"))


async def test_the_ssl_context_is_built_once_and_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty milliseconds of reading certificates, shared by the hub and its clones, and by calls at the same time."""
    threads: list[int] = []
    build = httpx.create_ssl_context

    def count(*args: Any, **options: Any) -> ssl.SSLContext:
        threads.append(threading.get_ident())
        return build(*args, **options)

    monkeypatch.setattr(httpx, "create_ssl_context", count)
    hub = AsyncHub(StaticToken("x"), base_url=f"https://127.0.0.1:{free_port()}").with_options(max_attempts=1)
    clone = hub.with_options(concurrency=2)

    async def call(some: AsyncHub) -> None:
        with pytest.raises(NotSentError):
            await some.repositories.has_tag("library", "python", "x")

    async with hub, anyio.create_task_group() as tasks:
        for some in (hub, clone, hub, clone):
            tasks.start_soon(call, some)

    assert 1 == len(threads)
    assert threading.get_ident() != threads[0]


async def test_certificates_of_the_environment_are_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`SSL_CERT_FILE` names them, as for httpx; without it nobody knows this server."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)

    async with serving(answering(OK), tls) as url:
        async with opened() as transport:
            with pytest.raises(NotSentError, match="certificate verify failed"):
                await transport.send(get(f"{url}/"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        async with opened() as transport:
            answers = [await transport.send(get(f"{url}/")) for _ in range(2)]

    assert [b"{}", b"{}"] == [answer.content for answer in answers]


async def test_two_servers_share_the_ssl_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a transport's, not a server's."""
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
    """Tests and proxies on loopback need none."""
    monkeypatch.setattr(httpx, "create_ssl_context", lambda *_: pytest.fail("read certificates"))
    async with opened() as transport:
        with pytest.raises(NotSentError):
            await transport.send(get(f"http://127.0.0.1:{free_port()}/"))


# --- cancellation


def open_sockets() -> int:
    links = list(Path("/proc/self/fd").iterdir())
    return sum(link.is_symlink() and str(link.readlink()).startswith("socket:") for link in links)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts the sockets in /proc")
async def test_ten_thousand_cancelled_calls_do_not_starve_the_pool(anyio_backend: str) -> None:
    """httpcore 1.0.9 leaks a pool's slots when calls are cancelled; here nothing counts them."""
    cancelled, at_once, ordinary = (10_000 if anyio_backend == "asyncio" else 2_000), 200, 50
    arrived = 0
    all_there = anyio.Event()
    slow = True

    async def handle(stream: anyio.abc.SocketStream) -> None:
        nonlocal arrived
        while True:
            await stream.receive()
            arrived += 1
            if arrived % at_once == 0:
                all_there.set()
            if slow:
                await stream.receive()  # nothing comes but the end
            await stream.send(OK)

    async with (
        serving(handle) as url,
        AsyncHub(StaticToken("x"), base_url=url).with_options(concurrency=at_once, max_attempts=1) as hub,
    ):
        before = open_sockets()
        transport = hub._pipeline.session.transport
        for _ in range(cancelled // at_once):
            all_there = anyio.Event()
            async with anyio.create_task_group() as tasks:
                for _ in range(at_once):
                    tasks.start_soon(transport.send, get(f"{url}/v2/x"))
                await all_there.wait()
                tasks.cancel_scope.cancel()
        slow = False
        for _ in range(ordinary):
            await hub.raw.request("GET", "/v2/x")

        assert cancelled + ordinary == arrived
        # Our ends, the server's ends that have not seen theirs close, and the pool's keep-alive.
        assert open_sockets() - before <= 2 * at_once


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts the sockets in /proc")
async def test_calls_cancelled_at_any_moment_leave_no_connection_behind() -> None:
    """While they connect, send, wait or read, on new connections and kept ones; then as many calls get through."""
    at_once, moments = 40, 60

    async def handle(stream: anyio.abc.SocketStream) -> None:
        while True:
            await stream.receive()
            await stream.send(OK)

    async with serving(handle) as url, opened(read_s=5.0) as transport:
        before = open_sockets()
        for moment in range(moments):
            async with anyio.create_task_group() as tasks:
                for _ in range(at_once):
                    tasks.start_soon(transport.send, get(f"{url}/v2/x"))
                for _ in range(moment):
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
        async with anyio.create_task_group() as tasks:
            for _ in range(at_once):
                tasks.start_soon(transport.send, get(f"{url}/v2/x"))

        # Both ends of what is kept alive, no more than were ever needed at once.
        assert open_sockets() - before <= 4 * at_once


async def test_a_cancelled_call_over_the_whole_client_leaves_room_for_others() -> None:
    """Through gate and width, against the fake over real HTTP."""
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
