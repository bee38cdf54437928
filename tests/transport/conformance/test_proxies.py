"""Through a proxy on loopback to a server elsewhere: CONNECT, passwords, and what goes wrong on the way."""

import anyio
import anyio.lowlevel
import pytest

from hubapi import NoResponseError, NotSentError, TransportError
from hubapi._transport.transport import Limits, Request
from tests.test_secrets import Witness
from tests.transport.conformance.certificates import Authority
from tests.transport.conformance.conftest import Open
from tests.transport.conformance.proxies import Manner, proxying
from tests.transport.conformance.servers import free_port, hold, respond, serving
from tests.transport.conformance.sockets import counted, nothing_left, open_sockets

pytestmark = pytest.mark.anyio

HTTPS = Request(method="GET", url="https://hub.test/v2/x?page=2")


def lines(asked: bytes) -> list[bytes]:
    return asked.lower().splitlines()


async def test_https_goes_through_a_tunnel(opened: Open, authority: Authority) -> None:
    """One for several requests. The proxy sees the server's name and its own password, nothing else."""
    async with serving(respond, authority.server("hub.test")) as server, proxying(server) as proxy:
        url = proxy.url.replace("//", "//moby:hunter2@")
        async with opened(ca=authority.file, proxy=url) as transport:
            contents = [(await transport.send(HTTPS)).content for _ in range(3)]

    assert [b"{}"] * 3 == contents
    assert [b"connect hub.test:443 http/1.1"] == [lines(asked)[0] for _, asked in proxy.requests]
    assert b"proxy-authorization: basic bw9ietpodw50zxiy" in lines(proxy.requests[0][1])
    assert all(b"proxy-authorization" not in sent.lower() for _, sent in server.requests)


async def test_plain_http_asks_the_proxy(opened: Open) -> None:
    """With the whole URL."""
    async with proxying(None) as proxy, opened(proxy=proxy.url) as transport:
        response = await transport.send(Request(method="GET", url="http://hub.test/v2/x?page=2"))

    assert b"{}" == response.content
    assert b"get http://hub.test/v2/x?page=2 http/1.1" == lines(proxy.requests[0][1])[0]
    assert b"host: hub.test" in lines(proxy.requests[0][1])


@pytest.mark.parametrize("manner", ["refuses", "closes", "silent", "asks"])
async def test_a_proxy_that_does_not_connect(opened: Open, authority: Authority, manner: Manner) -> None:
    """Nothing was sent, within `connect_s`."""
    limits = Limits(connect_s=0.1, read_s=1.0)
    async with proxying(None, manner) as proxy, opened(ca=authority.file, proxy=proxy.url) as transport:
        with pytest.raises(NotSentError) as caught:
            await transport.send(Request(method="GET", url=HTTPS.url, limits=limits))
        assert "hub.test" not in str(caught.value)


async def test_a_password_that_the_proxy_asks_for(opened: Open, authority: Authority) -> None:
    """With it, it connects; without, the error says what is missing."""
    async with (
        serving(respond, authority.server("hub.test")) as server,
        proxying(server, "asks") as proxy,
    ):
        async with opened(ca=authority.file, proxy=proxy.url.replace("//", "//moby:hunter2@")) as transport:
            assert b"{}" == (await transport.send(HTTPS)).content
        async with opened(ca=authority.file, proxy=proxy.url) as transport:
            with pytest.raises(NotSentError, match=r"(?i)407|proxy auth"):
                await transport.send(HTTPS)


async def test_a_proxy_that_is_not_there(opened: Open) -> None:
    """Nothing was sent, and its password is in no traceback."""
    async with opened(proxy=f"http://moby:hunter2@127.0.0.1:{free_port()}") as transport:
        with pytest.raises(NotSentError) as caught:
            await transport.send(HTTPS)

    witness = Witness()
    witness.see_error(caught.value)
    witness.see(transport)
    assert "hunter2" not in "".join(witness.shown)


async def test_no_response_in_a_tunnel(opened: Open, authority: Authority) -> None:
    """It may have been processed."""
    limits = Limits(connect_s=60, read_s=0.2)
    async with (
        serving(hold, authority.server("hub.test")) as server,
        proxying(server) as proxy,
        opened(ca=authority.file, proxy=proxy.url) as transport,
    ):
        with pytest.raises(NoResponseError):
            await transport.send(Request(method="GET", url=HTTPS.url, limits=limits))

    assert 1 == len(server.requests)


@counted
async def test_cancelled_anywhere_on_the_way(opened: Open, authority: Authority) -> None:
    """Nothing stays open, and the next request works."""
    async with serving(respond, authority.server("hub.test")) as server, proxying(server) as proxy:
        before = open_sockets()
        for moment in range(0, 60, 3):
            async with opened(ca=authority.file, proxy=proxy.url) as transport:
                async with anyio.create_task_group() as tasks:
                    for _ in range(3):
                        tasks.start_soon(transport.send, HTTPS)
                    for _ in range(moment):
                        await anyio.lowlevel.checkpoint()
                    tasks.cancel_scope.cancel()
                assert b"{}" == (await transport.send(HTTPS)).content
        await nothing_left(proxy, before)


@pytest.mark.needs("closing")
async def test_closing_ends_a_request_in_a_tunnel(opened: Open, authority: Authority) -> None:
    """That waits for its response."""
    failed: list[str] = []
    async with (
        serving(hold, authority.server("hub.test")) as server,
        proxying(server) as proxy,
        opened(ca=authority.file, proxy=proxy.url) as transport,
        anyio.create_task_group() as tasks,
    ):

        async def failing() -> None:
            try:
                await transport.send(HTTPS)
            except TransportError as error:
                failed.append(type(error).__name__)

        tasks.start_soon(failing)
        await server.until(lambda: bool(server.requests))
        await transport.aclose()

    assert ["NoResponseError"] == failed


# --- that the environment names


@pytest.mark.needs("environment")
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_the_environment_names_a_proxy(
    opened: Open, authority: Authority, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As every client reads it."""
    async with serving(respond, authority.server("hub.test")) as server, proxying(server) as proxy:
        monkeypatch.setenv(name, proxy.url)
        async with opened(ca=authority.file) as transport:
            assert b"{}" == (await transport.send(HTTPS)).content

    assert 1 == len(proxy.requests)


@pytest.mark.needs("environment")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_loopback_is_reached_directly(opened: Open, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Whatever the environment says: no proxy leads back to this machine."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    async with serving(respond) as server, opened() as transport:
        response = await transport.send(Request(method="GET", url=server.url.replace("127.0.0.1", host)))

    assert b"{}" == response.content


@pytest.mark.needs("environment")
async def test_an_exempt_host_is_reached_directly(
    opened: Open, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`NO_PROXY` names it: the proxy is not asked."""
    async with proxying(None) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "example.com, .invalid")
        async with opened(ca=authority.file) as transport:
            with pytest.raises(NotSentError):
                await transport.send(Request(method="GET", url="https://hub.invalid/"))

    assert [] == proxy.requests
