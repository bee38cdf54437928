"""The choice of a proxy, and requests through it, over real sockets on loopback."""

import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.abc
import httpx
import pytest
import trustme

from hubapi import AsyncHub, ConfigurationError, NoResponseError, NotSentError, Settings
from hubapi._secret import Secret
from hubapi._transport import proxy as proxy_module
from hubapi._transport.exchange import exchange
from hubapi._transport.httpx import HttpxTransport
from hubapi._transport.proxy import environment_proxy, is_loopback, parse_proxy
from tests.test_secrets import Witness
from tests.transport.servers import (
    OK,
    client_context,
    counts_sockets,
    get,
    open_sockets,
    opened,
    respond_with,
    server_context,
    serving,
)

NAMES = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def set_all(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def proxy_for(url: str) -> str | None:
    found = environment_proxy(httpx.URL(url))
    return None if found is None else found.reveal()


# --- choice


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ({"https_proxy": "p:1"}, "p:1"),
        ({"HTTP_PROXY": "http://p:1"}, None),
        ({"ALL_PROXY": "socks5://p"}, "socks5://p"),
        ({"ALL_PROXY": "http://a", "HTTPS_PROXY": "http://h"}, "http://h"),
        ({"HTTPS_PROXY": ""}, None),
    ],
)
def test_the_proxy_of_a_scheme_precedes_the_general_one(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str | None
) -> None:
    """As in other clients."""
    set_all(monkeypatch, environment)

    assert expected == proxy_for("https://hub.docker.com")


@pytest.mark.parametrize(
    ("exempt", "url", "direct"),
    [
        ("", "https://hub.docker.com", False),
        ("*", "https://hub.docker.com", True),
        ("docker.com", "https://hub.docker.com", True),
        (".docker.com", "https://hub.docker.com", True),
        ("docker.com", "https://docker.com", True),
        ("docker.com", "https://notdocker.com", False),
        ("hub.docker.com", "https://docker.com", False),
        ("a.test, docker.com", "https://hub.docker.com", True),
        (" docker.com ,", "https://hub.docker.com", True),
        ("DOCKER.com", "https://hub.docker.com", True),
        ("docker.com:8443", "https://hub.docker.com:8443", True),
        ("docker.com:8443", "https://hub.docker.com", False),
        ("10.1.2.3", "http://10.1.2.3:8080", True),
        ("10.1.2.3:8080", "http://10.1.2.3:8080", True),
        ("fd00::1", "http://[fd00::1]:8080", True),
        ("fd00::2", "http://[fd00::1]:8080", False),
    ],
)
def test_no_proxy_exempts_servers(monkeypatch: pytest.MonkeyPatch, exempt: str, url: str, *, direct: bool) -> None:
    """With the rules of the standard library."""
    set_all(monkeypatch, {"ALL_PROXY": "http://p:1", "NO_PROXY": exempt})

    assert (None if direct else "http://p:1") == proxy_for(url)


@pytest.mark.parametrize(
    ("url", "direct"),
    [
        ("http://localhost:8080", True),
        ("http://LOCALHOST", True),
        ("http://localhost.", True),
        ("http://hub.localhost", True),
        ("http://127.0.0.1:8080", True),
        ("http://127.8.9.10", True),
        ("http://[::1]:8080", True),
        ("http://128.0.0.1", False),
        ("http://localhost.example.com", False),
        ("http://notlocalhost", False),
        ("http://[fd00::1]", False),
    ],
)
def test_loopback_servers_need_no_proxy(monkeypatch: pytest.MonkeyPatch, url: str, *, direct: bool) -> None:
    """Requests to `hubapi fake` must not go to a company's proxy."""
    set_all(monkeypatch, {"ALL_PROXY": "http://p:1"})

    assert direct == is_loopback(httpx.URL(url).host)
    assert (None if direct else "http://p:1") == proxy_for(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://p:3128", "http://p:3128"),
        ("p:3128", "http://p:3128"),
        ("p", "http://p"),
        ("https://p", "https://p"),
        ("socks5://p:1080", "socks5://p:1080"),
        ("socks5h://p:1080", "socks5h://p:1080"),
    ],
)
def test_the_url_of_a_proxy_is_parsed(url: str, expected: str) -> None:
    """Without a scheme it is an HTTP proxy."""
    assert expected == str(parse_proxy(Secret(url), "it").url)


# --- invalid proxies


INVALID = [
    "gopher://p",
    "http://p:x",
    "http://",
    "https://moby:hunter2@p:x",
    "ftp://moby:hunter2@p",
    "http://hunter2\n@p",
]


@pytest.mark.anyio
@pytest.mark.parametrize("url", INVALID)
async def test_an_invalid_proxy_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """With an error of hubapi, without its password."""
    set_all(monkeypatch, {"ALL_PROXY": url})
    async with opened() as transport:
        with pytest.raises(ConfigurationError, match="the proxy set in the environment is not the URL") as caught:
            await exchange(transport, get("https://hub.test/v2/x"))

    witness = Witness()
    witness.see_error(caught.value)
    assert "hunter2" not in "".join(witness.shown)


@pytest.mark.parametrize("url", INVALID)
def test_an_invalid_proxy_in_the_settings_is_refused_at_once(url: str) -> None:
    """With an error of hubapi, without its password; also if another setting is invalid."""
    for settings in (Settings(proxy=url), Settings(proxy=url, read_s=0)):
        with pytest.raises(ConfigurationError) as caught:
            AsyncHub(settings=settings)

    witness = Witness()
    witness.see_error(caught.value)
    assert "hunter2" not in "".join(witness.shown)


def test_settings_do_not_show_the_password_of_a_proxy() -> None:
    """It is wrapped in a `Secret` at once."""
    settings = Settings(proxy="http://moby:hunter2@p:3128")

    assert "hunter2" not in repr(settings)
    assert "http://moby:hunter2@p:3128" == (settings.proxy or pytest.fail("none")).reveal()


def test_a_socks_proxy_needs_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes before anything is sent."""
    monkeypatch.setattr(proxy_module, "find_spec", lambda _: None)

    with pytest.raises(ConfigurationError, match=r"Settings\(proxy=\) is a SOCKS proxy, .* pip install httpx\[socks\]"):
        AsyncHub(settings=Settings(proxy="socks5://p"))


# --- requests


async def head_of(stream: anyio.abc.ByteStream) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await stream.receive(1)
    return head


async def tunnel(stream: anyio.abc.ByteStream, port: int) -> None:
    """Forward bytes in both directions, until one end closes."""

    async def pump(source: anyio.abc.ByteStream, sink: anyio.abc.ByteStream) -> None:
        with suppress(anyio.BrokenResourceError):
            async for chunk in source:
                await sink.send(chunk)
        tasks.cancel_scope.cancel()

    async with await anyio.connect_tcp("127.0.0.1", port) as server, anyio.create_task_group() as tasks:
        tasks.start_soon(pump, stream, server)
        tasks.start_soon(pump, server, stream)


def proxying(heads: list[bytes], *, port: int | None = None) -> Callable[[anyio.abc.SocketStream], Awaitable[None]]:
    """Return a handler that tunnels, to *port* or the requested one, and responds to plain requests itself."""

    async def handle(stream: anyio.abc.SocketStream) -> None:
        while True:
            heads.append(head := await head_of(stream))
            if head.startswith(b"CONNECT"):
                await stream.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await tunnel(stream, port or int(head.split()[1].rpartition(b":")[2]))
                return
            await stream.send(OK)

    return handle


@asynccontextmanager
async def proxy() -> AsyncIterator[tuple[str, list[bytes]]]:
    """Run a proxy; yield its URL and the heads of its requests."""
    heads: list[bytes] = []
    async with serving(proxying(heads)) as url:
        yield url, heads


async def socks(stream: anyio.abc.SocketStream) -> None:
    """Handle a connection as a SOCKS proxy that requires a user name and a password (RFC 1928, RFC 1929)."""

    async def receive(size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += await stream.receive(size - len(data))
        return data

    _, methods = await receive(2)
    assert 2 in await receive(methods)
    await stream.send(b"\x05\x02")
    _, length = await receive(2)
    user = await receive(length)
    (length,) = await receive(1)
    allowed = (user, await receive(length)) == (b"moby", b"hunter2")
    await stream.send(b"\x01" + bytes([not allowed]))
    if allowed:
        *_, kind = await receive(4)
        await receive((await receive(1))[0] if kind == 3 else 4)
        port = int.from_bytes(await receive(2), "big")
        await stream.send(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        await tunnel(stream, port)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.anyio
async def test_https_goes_through_a_tunnel(authority: trustme.CA) -> None:
    """Several requests share one; the proxy gets only the server's name and its own password."""
    requests: list[bytes] = []
    tls = server_context(authority, "127.0.0.1")
    async with serving(respond_with(OK, requests), tls) as url, proxy() as (proxy_url, heads):
        through = Secret(proxy_url.replace("//", "//moby:hunter2@"))
        async with opened(proxy=through, ssl_context=client_context(authority)) as transport:
            responses = [await transport.send(get(f"{url}/v2/x", bearer=Secret("a.b.c"))) for _ in range(3)]

    assert [b"{}"] * 3 == [response.content for response in responses]
    assert 3 == len(requests)
    assert [f"CONNECT {url.removeprefix('https://')} HTTP/1.1"] == [head.split(b"\r\n")[0].decode() for head in heads]
    assert b"Proxy-Authorization: Basic bW9ieTpodW50ZXIy" in heads[0].splitlines()
    assert b"a.b.c" not in heads[0]
    assert all(b"proxy-authorization" not in request.lower() for request in requests)


@pytest.mark.anyio
async def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, authority: trustme.CA) -> None:
    """Unless the settings name one, or the server is exempt."""
    tls = server_context(authority, "hub.test")
    heads: list[bytes] = []
    async with serving(respond_with(OK), tls) as server, serving(proxying(heads, port=_port(server))) as url:
        set_all(monkeypatch, {"HTTPS_PROXY": url, "NO_PROXY": "docker.com"})
        async with opened(ssl_context=client_context(authority)) as transport:
            response = await transport.send(get("https://hub.test/v2/x"))
        async with opened(proxy=Secret("http://127.0.0.1:1")) as transport:
            with pytest.raises(NotSentError):
                await transport.send(get("https://hub.test/v2/x"))

    assert b"{}" == response.content
    assert [b"CONNECT hub.test:443 HTTP/1.1"] == [head.split(b"\r\n")[0] for head in heads]


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


@pytest.mark.anyio
async def test_a_loopback_server_is_reached_without_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A proxy of the settings is used for every server."""
    async with serving(respond_with(OK)) as url, proxy() as (proxy_url, heads):
        set_all(monkeypatch, {"HTTP_PROXY": proxy_url})
        async with opened() as transport:
            await transport.send(get(f"{url}/v2/x"))
        assert [] == heads
        async with opened(proxy=Secret(proxy_url)) as transport:
            await transport.send(get(f"{url}/v2/x"))

    assert [f"GET {url}/v2/x HTTP/1.1".encode()] == [head.split(b"\r\n")[0] for head in heads]


@pytest.mark.anyio
async def test_plain_http_is_sent_to_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the whole URL."""
    async with proxy() as (proxy_url, heads):
        set_all(monkeypatch, {"HTTP_PROXY": proxy_url})
        async with opened() as transport:
            await transport.send(get("http://hub.test/v2/x?page=2"))

    assert b"GET http://hub.test/v2/x?page=2 HTTP/1.1" == heads[0].split(b"\r\n")[0]
    assert b"host: hub.test" in heads[0].lower().splitlines()


@pytest.mark.anyio
async def test_a_proxy_may_speak_tls_itself(monkeypatch: pytest.MonkeyPatch, authority: trustme.CA) -> None:
    """It is verified like any server, with the same certificates, which are read once and off the event loop."""
    heads: list[bytes] = []
    threads: list[int] = []
    trusted = client_context(authority)

    def count() -> ssl.SSLContext:
        threads.append(threading.get_ident())
        return trusted

    monkeypatch.setattr(httpx, "create_ssl_context", count)
    tls = server_context(authority, "127.0.0.1")
    async with serving(respond_with(OK, heads), tls) as proxy_url, opened(proxy=Secret(proxy_url)) as transport:
        for _ in range(2):
            await transport.send(get("http://hub.test/v2/x"))

    assert b"GET http://hub.test/v2/x HTTP/1.1" == heads[0].split(b"\r\n")[0]
    assert 1 == len(threads)
    assert threading.get_ident() != threads[0]


@pytest.mark.anyio
async def test_a_socks_proxy_is_used(authority: trustme.CA) -> None:
    """With a password."""
    pytest.importorskip("socksio")
    requests: list[bytes] = []
    tls = server_context(authority, "127.0.0.1")
    async with serving(respond_with(OK, requests), tls) as url, serving(socks) as proxy_url:
        through = proxy_url.replace("http://", "socks5://moby:hunter2@")
        async with opened(proxy=Secret(through), ssl_context=client_context(authority)) as transport:
            responses = [await transport.send(get(f"{url}/v2/x")) for _ in range(2)]
        through = proxy_url.replace("http://", "socks5://moby:wrong@")
        async with opened(proxy=Secret(through), ssl_context=client_context(authority)) as transport:
            with pytest.raises(NotSentError, match="nothing was sent"):
                await transport.send(get(f"{url}/v2/x"))

    assert [b"{}", b"{}"] == [response.content for response in responses]
    assert 2 == len(requests)


# --- failures


Fault = Callable[[anyio.abc.SocketStream], Awaitable[None]]


async def refuse(stream: anyio.abc.SocketStream) -> None:
    await stream.receive()
    await stream.send(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")


async def close(stream: anyio.abc.SocketStream) -> None:
    await stream.receive()


async def hang(stream: anyio.abc.SocketStream) -> None:
    async for _ in stream:
        pass


async def hang_in_the_response(stream: anyio.abc.SocketStream) -> None:
    await stream.receive()
    await stream.send(b"HTTP/1.1 200 Conn")
    await hang(stream)


async def hang_in_the_handshake(stream: anyio.abc.SocketStream) -> None:
    await stream.receive()
    await stream.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await hang(stream)


async def speak_no_http(stream: anyio.abc.SocketStream) -> None:
    await stream.receive()
    await stream.send(b"SSH-2.0-OpenSSH_9.0\r\n")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (refuse, "407 Proxy Authentication Required"),
        (close, "."),
        (speak_no_http, "."),
        (hang, r"no connection within 0\.1 s"),
        (hang_in_the_response, r"no connection within 0\.1 s"),
        (hang_in_the_handshake, r"no connection within 0\.1 s"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_nothing_was_sent_if_the_tunnel_fails(fault: Fault, words: str, scheme: str) -> None:
    """However the proxy fails, within `connect_s`; so the request may be retried."""
    if scheme == "socks5":
        pytest.importorskip("socksio")
        if fault in {refuse, hang_in_the_response, hang_in_the_handshake}:
            pytest.skip("speaks HTTP")
    async with serving(fault) as proxy_url:
        through = Secret(proxy_url.replace("http:", f"{scheme}:"))
        async with opened(proxy=through) as transport:
            with pytest.raises(NotSentError, match=words):
                await transport.send(get("https://hub.test/v2/x", connect_s=0.1 if "0" in words[-8:] else 10))


@pytest.mark.anyio
async def test_a_request_that_fails_in_a_tunnel_was_sent(authority: trustme.CA) -> None:
    """Once the tunnel is open, it is like a direct connection."""

    async def drop(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()

    async with (
        serving(drop, server_context(authority, "127.0.0.1")) as url,
        proxy() as (proxy_url, _),
        opened(proxy=Secret(proxy_url), ssl_context=client_context(authority)) as transport,
    ):
        with pytest.raises(NoResponseError):
            await transport.send(get(f"{url}/v2/x"))


@pytest.mark.anyio
@counts_sockets
@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_request_cancelled_at_any_step_leaves_no_socket_open(authority: trustme.CA, scheme: str) -> None:
    """httpcore 1.0.9 does not close the socket if a handshake in a tunnel is cancelled."""
    if scheme == "socks5":
        pytest.importorskip("socksio")
    handler = proxying([]) if scheme == "http" else socks
    tls = server_context(authority, "127.0.0.1")
    async with serving(respond_with(OK), tls) as url, serving(handler) as proxy_url:
        through = Secret(proxy_url.replace("http://", f"{scheme}://moby:hunter2@"))
        trusted = client_context(authority)
        before = open_sockets()
        for steps in range(0, 80, 4):
            async with opened(proxy=through, ssl_context=trusted) as transport:
                async with anyio.create_task_group() as tasks:
                    for _ in range(3):
                        tasks.start_soon(transport.send, get(f"{url}/v2/x"))
                    for _ in range(steps):
                        await anyio.lowlevel.checkpoint()
                    tasks.cancel_scope.cancel()
                response = await transport.send(get(f"{url}/v2/x"))
                assert b"{}" == response.content
            await anyio.wait_all_tasks_blocked()

        assert 0 == open_sockets() - before


@pytest.mark.anyio
async def test_closing_ends_a_request_in_a_tunnel(authority: trustme.CA) -> None:
    """During the handshake, or while it waits for the response."""
    received = anyio.Event()

    async def silent(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()
        received.set()
        await anyio.sleep_forever()

    async def failing(transport: HttpxTransport, url: str, kind: type[Exception]) -> None:
        with pytest.raises(kind, match="the hub was closed during this call"):
            await transport.send(get(f"{url}/v2/x"))

    cases: list[tuple[Any, type[Exception]]] = [
        (server_context(authority, "127.0.0.1"), NoResponseError),
        (None, NotSentError),
    ]
    for encrypted, kind in cases:
        received = anyio.Event()
        async with serving(silent, encrypted) as url, proxy() as (proxy_url, _):
            options: dict[str, Any] = {"proxy": Secret(proxy_url), "ssl_context": client_context(authority)}
            async with opened(**options) as transport, anyio.create_task_group() as tasks:
                tasks.start_soon(failing, transport, url.replace("http:", "https:"), kind)
                await received.wait()
                await transport.aclose()
