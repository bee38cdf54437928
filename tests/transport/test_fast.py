"""The options of FastTransport, and its own behaviour; the rest is in `conformance`."""

import sys
from pathlib import Path

import anyio
import pytest

from hubapi import AsyncHub, ConfigurationError, FastTransport, NotSentError, StaticToken
from hubapi._transport import fast
from hubapi._transport.transport import Limits, Request
from tests.transport.conformance.certificates import Authority
from tests.transport.conformance.proxies import proxying
from tests.transport.conformance.servers import respond, serving

pytestmark = pytest.mark.anyio


def get(url: str, identity: str = "", limits: Limits | None = None) -> Request:
    return Request(method="GET", url=url, identity=identity, limits=limits or Limits())


async def test_the_error_without_pyqwest_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a user knows what to install."""
    fast._load.cache_clear()
    monkeypatch.setitem(sys.modules, "pyqwest", None)
    with pytest.raises(ConfigurationError, match=r"pip install hubapi-client\[fast\]"):
        FastTransport()


async def test_a_hub_uses_it_and_leaves_it_open() -> None:
    """The next hub has another identity, and shares no connection."""
    async with serving(respond) as server, FastTransport() as transport:
        for _ in range(2):
            async with AsyncHub(StaticToken("x"), base_url=server.url, transport=transport) as hub:
                assert {} == await hub.raw.request("GET", "/v2/x")

    assert [0, 1] == server.over


async def test_a_client_certificate_is_sent(tmp_path: Path) -> None:
    """To a server that requires one."""
    ours, theirs = Authority(tmp_path / "ours.pem"), Authority(tmp_path / "theirs.pem")
    certificate, key = theirs.client("moby@example.com")
    async with serving(respond, ours.server_for(theirs, "127.0.0.1")) as server:
        ca = ours.file.read_bytes()
        async with FastTransport(ca=ca, client_certificate=certificate, client_key=key) as transport:
            assert b"{}" == (await transport.send(get(server.url))).content
            assert key not in repr(transport)


@pytest.mark.parametrize("options", [{"ca": b"no PEM"}, {"client_certificate": b"x", "client_key": "hunter2"}])
async def test_invalid_certificates_are_refused(options: dict[str, bytes | str]) -> None:
    """Before anything is sent."""
    async with FastTransport(**options) as transport:  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError) as caught:
            await transport.send(get("https://127.0.0.1/"))

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("proxy", ["gopher://moby:hunter2@p", "http://p:x", "http://"])
async def test_an_invalid_proxy_is_refused(proxy: str) -> None:
    """Its password is not shown."""
    async with FastTransport(proxy=proxy) as transport:
        with pytest.raises((ConfigurationError, NotSentError)) as caught:
            await transport.send(get("http://hub.test/"))

    assert "hunter2" not in str(caught.value)


async def test_a_proxy_without_a_scheme_is_an_http_proxy() -> None:
    """As for the default transport."""
    async with proxying(None) as proxy, FastTransport(proxy=proxy.url.partition("//")[2]) as transport:
        assert b"{}" == (await transport.send(get("http://hub.test/"))).content


async def test_at_most_64_identities_are_kept() -> None:
    """Each has its own connections."""
    async with serving(respond) as server, FastTransport() as transport:
        for number in range(70):
            await transport.send(get(server.url, identity=str(number)))
        assert 64 == len(transport._clients)
        await server.until(lambda: len(server.ended) >= 6)


async def test_requests_with_equal_time_limits_share_a_connection() -> None:
    """Each set of limits has its own client."""
    async with serving(respond) as server, FastTransport() as transport:
        for seconds in (5, 5, 6, 6):
            await transport.send(get(server.url, limits=Limits(read_s=seconds)))

    assert [0, 0, 1, 1] == server.over


EXITING = """
import sys
import anyio
from hubapi import FastTransport
from hubapi._transport.transport import Request

async def main():
    transport = FastTransport()
    async with anyio.create_task_group() as tasks:
        for _ in range(40):
            tasks.start_soon(transport.send, Request(method="GET", url=sys.argv[1]))

anyio.run(main)
"""


async def test_a_process_exits_cleanly_right_after_its_last_request() -> None:
    """pyqwest's threads are still busy: without a wait at exit some of these processes crash."""
    async with serving(respond) as server:
        for _ in range(4):
            await anyio.run_process([sys.executable, "-c", EXITING, server.url])
