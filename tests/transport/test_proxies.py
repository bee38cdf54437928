"""Which proxy the environment names, and the way through it, over real sockets on loopback."""

import ssl
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import httpx
import pytest
import trustme

from hubapi import ConfigurationError, NoResponseError, NotSentError
from hubapi._transport.httpx import HttpTransport
from hubapi._transport.proxies import environment_proxy
from tests.test_secrets import Witness
from tests.transport.test_httpx import OK, answering, get, open_sockets, opened, serving

NAMES = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def set_all(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


# --- which


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ({"https_proxy": "p:1"}, "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, None),
        ({"ALL_PROXY": "socks5://p"}, "socks5://p"),
        ({"ALL_PROXY": "http://a", "HTTPS_PROXY": "http://h"}, "http://h"),
        ({"HTTPS_PROXY": ""}, None),
    ],
)
def test_a_proxy_of_the_scheme_comes_before_one_for_all(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str | None
) -> None:
    """A name without a scheme is one of HTTP."""
    set_all(monkeypatch, environment)

    assert expected == environment_proxy("https", "hub.docker.com", None)


URLS = [
    "https://hub.docker.com",
    "https://docker.com",
    "https://notdocker.com",
    "http://hub.docker.com",
    "https://hub.docker.com:8443",
    "https://localhost",
    "http://127.0.0.1:8080",
    "http://[::1]:8080",
]
EXEMPT = [
    "",
    "*",
    "a.test, *",
    "docker.com",
    ".docker.com",
    "hub.docker.com",
    "a.test,docker.com",
    "docker.com:8443",
    "docker.com:443",
    "https://hub.docker.com",
    "http://hub.docker.com",
    "all://hub.docker.com",
    "https://docker.com",
    "https://hub.docker.com:8443",
    "https://",
    "localhost",
    "127.0.0.1",
    "127.0.0.1:8080",
    "127.0.0.0/8",
    "::1",
    "*.docker.com",
    "DOCKER.com",
    " docker.com ,",
]


@pytest.mark.parametrize("exempt", EXEMPT)
@pytest.mark.parametrize("url", URLS)
def test_no_proxy_is_read_as_httpx_reads_it(monkeypatch: pytest.MonkeyPatch, exempt: str, url: str) -> None:
    """What goes straight with its client goes straight with ours."""
    set_all(monkeypatch, {"ALL_PROXY": "http://p:1", "NO_PROXY": exempt})
    client, there = httpx.AsyncClient(verify=False), httpx.URL(url)  # noqa: S501 - it sends nothing
    straight = client._transport_for_url(there) is client._transport

    assert (None if straight else "http://p:1") == environment_proxy(there.scheme, there.host, there.port)


def test_a_name_that_is_none_exempts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """httpx refuses to work at all with such a name."""
    set_all(monkeypatch, {"ALL_PROXY": "http://p:1", "NO_PROXY": "[::1, hub:x, [::1]:8080"})

    assert "http://p:1" == environment_proxy("https", "hub", None)
    assert "http://p:1" == environment_proxy("http", "::1", None)
    assert environment_proxy("http", "::1", 8080) is None


# --- through


@asynccontextmanager
async def proxy(*, refuses: bool = False) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A proxy that tunnels, or answers a plain request itself; and the heads of what it was asked."""
    heads: list[bytes] = []

    async def handle(stream: anyio.abc.SocketStream) -> None:
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += await stream.receive(1)
            heads.append(head)
            if refuses:
                await stream.send(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            elif head.startswith(b"CONNECT"):
                await tunnel(stream, int(head.split()[1].rpartition(b":")[2]))
                return
            else:
                await stream.send(OK)

    async with serving(handle) as url:
        yield url, heads


async def tunnel(stream: anyio.abc.SocketStream, port: int) -> None:
    async def pump(source: anyio.abc.SocketStream, sink: anyio.abc.SocketStream) -> None:
        async for chunk in source:
            await sink.send(chunk)
        tasks.cancel_scope.cancel()

    await stream.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    async with await anyio.connect_tcp("127.0.0.1", port) as there, anyio.create_task_group() as tasks:
        tasks.start_soon(pump, stream, there)
        tasks.start_soon(pump, there, stream)


@pytest.fixture
def tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ssl.SSLContext:
    """What a server needs whose certificate the environment trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.mark.anyio
async def test_https_goes_through_a_tunnel(monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext) -> None:
    """One for several requests; the proxy sees the server's name and its own password, nothing else."""
    requests: list[bytes] = []
    async with serving(answering(OK, requests), tls) as url, proxy() as (proxy_url, heads):
        set_all(monkeypatch, {"HTTPS_PROXY": proxy_url.replace("//", "//moby:hunter2@")})
        async with opened() as transport:
            answers = [await transport.send(get(f"{url}/v2/x")) for _ in range(3)]

    assert [b"{}"] * 3 == [answer.content for answer in answers]
    assert 3 == len(requests)
    assert [f"CONNECT {url.removeprefix('https://')} HTTP/1.1"] == [head.split(b"\r\n")[0].decode() for head in heads]
    assert b"Proxy-Authorization: Basic bW9ieTpodW50ZXIy" in heads[0].splitlines()
    assert all(b"Proxy-Authorization" not in request for request in requests)


@pytest.mark.anyio
async def test_a_server_in_no_proxy_is_reached_without(monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext) -> None:
    """Straight."""
    async with serving(answering(OK), tls) as url, proxy() as (proxy_url, heads):
        set_all(monkeypatch, {"HTTPS_PROXY": proxy_url, "NO_PROXY": "127.0.0.1"})
        async with opened() as transport:
            answer = await transport.send(get(f"{url}/v2/x"))

    assert (b"{}", []) == (answer.content, heads)


@pytest.mark.anyio
async def test_plain_http_asks_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the whole URL."""
    async with proxy() as (proxy_url, heads):
        set_all(monkeypatch, {"HTTP_PROXY": proxy_url})
        async with opened() as transport:
            await transport.send(get("http://hub.test/v2/x?page=2"))

    assert b"GET http://hub.test/v2/x?page=2 HTTP/1.1" == heads[0].split(b"\r\n")[0]
    assert b"host: hub.test" in heads[0].splitlines()


@pytest.mark.anyio
async def test_a_proxy_may_speak_tls_itself(monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext) -> None:
    """Verified like any server, with the same certificates, which are read once and off the event loop."""
    heads: list[bytes] = []
    threads: list[int] = []
    build = ssl.create_default_context

    def count(*args: Any, **options: Any) -> ssl.SSLContext:
        threads.append(threading.get_ident())
        return build(*args, **options)

    monkeypatch.setattr(ssl, "create_default_context", count)
    async with serving(answering(OK, heads), tls) as proxy_url:
        set_all(monkeypatch, {"HTTP_PROXY": proxy_url})
        async with opened() as transport:
            await transport.send(get("http://hub.test/v2/x"))

    assert b"GET http://hub.test/v2/x HTTP/1.1" == heads[0].split(b"\r\n")[0]
    assert 1 == len(threads)
    assert threading.get_ident() != threads[0]


@pytest.mark.anyio
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts the sockets in /proc")
async def test_cancelled_anywhere_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext) -> None:
    """httpcore 1.0.9 forgets the socket where a handshake in a tunnel is cancelled."""
    async with serving(answering(OK), tls) as url, proxy() as (proxy_url, _):
        set_all(monkeypatch, {"HTTPS_PROXY": proxy_url})
        before = open_sockets()
        for moment in range(0, 80, 4):
            async with opened() as transport:
                async with anyio.create_task_group() as tasks:
                    for _ in range(3):
                        tasks.start_soon(transport.send, get(f"{url}/v2/x"))
                    for _ in range(moment):
                        await anyio.lowlevel.checkpoint()
                    tasks.cancel_scope.cancel()
                answer = await transport.send(get(f"{url}/v2/x"))
                assert b"{}" == answer.content
            await anyio.wait_all_tasks_blocked()

        assert 0 == open_sockets() - before


@pytest.mark.anyio
async def test_closing_ends_a_request_in_a_tunnel(monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext) -> None:
    """In the handshake, or waiting for the answer."""
    there = anyio.Event()

    async def silent(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()
        there.set()
        await anyio.sleep_forever()

    async def failing(transport: HttpTransport, url: str) -> None:
        with pytest.raises(NoResponseError, match="closed meanwhile"):
            await transport.send(get(f"{url}/v2/x"))

    for encrypted in (tls, None):
        there = anyio.Event()
        async with serving(silent, encrypted) as url, proxy() as (proxy_url, _):
            set_all(monkeypatch, {"HTTPS_PROXY": proxy_url})
            async with opened() as transport, anyio.create_task_group() as tasks:
                tasks.start_soon(failing, transport, url.replace("http:", "https:"))
                await there.wait()
                await transport.aclose()


@pytest.mark.anyio
async def test_a_proxy_that_refuses_sends_nothing_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one that wants a password."""
    async with proxy(refuses=True) as (proxy_url, _):
        set_all(monkeypatch, {"HTTPS_PROXY": proxy_url})
        async with opened() as transport:
            with pytest.raises(NotSentError, match="407 Proxy Authentication Required"):
                await transport.send(get("https://hub.test/v2/x"))


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["gopher://p", "http://p:x", "http://", "https://moby:hunter2@p:x"])
async def test_what_is_no_proxy_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As an error of ours, without its password."""
    set_all(monkeypatch, {"ALL_PROXY": name})
    async with opened() as transport:
        with pytest.raises(ConfigurationError, match="the environment's proxy can't be used") as caught:
            await transport.send(get("https://hub.test/v2/x"))

    witness = Witness()
    witness.see_error(caught.value)
    assert "hunter2" not in "".join(witness.shown)


@pytest.mark.anyio
@pytest.mark.skipif(find_spec("socksio") is not None, reason="socksio is installed")
async def test_a_socks_proxy_needs_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before anything is sent."""
    set_all(monkeypatch, {"ALL_PROXY": "socks5://p"})
    async with opened() as transport:
        with pytest.raises(ConfigurationError, match=r"pip install httpx\[socks\]"):
            await transport.send(get("https://hub.test/v2/x"))
