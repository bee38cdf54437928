"""The parts of `Settings` that configure the transport."""

import math
from typing import Any

import pytest
import trustme

from hubapi import AsyncHub, ConfigurationError, DecodeError, Settings, StaticToken
from tests.transport.servers import (
    OK,
    client_context,
    free_port,
    respond_with,
    running,
    server_context,
    serving,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", ["connect_s", "read_s", "window_s", "max_response_bytes"])
@pytest.mark.parametrize("value", [0, -1, math.nan, None, "10", True])
def test_an_invalid_limit_is_refused_at_once(name: str, value: object) -> None:
    """Otherwise a call would hang or fail."""
    options: dict[str, Any] = {name: value}
    with pytest.raises(ConfigurationError, match=rf"^Settings\({name}=\) is .*: give a number above 0$"):
        Settings(**options)


def test_valid_limits() -> None:
    """A time may be infinite, but a size is a whole number."""
    Settings(connect_s=1, read_s=math.inf, window_s=0.5, max_response_bytes=1)
    with pytest.raises(ConfigurationError, match="max_response_bytes"):
        Settings(max_response_bytes=1e6)  # type: ignore[arg-type]


@pytest.mark.parametrize("context", [True, "ca.pem", object()])
def test_an_object_that_is_no_ssl_context_is_refused(context: Any) -> None:
    """Such as the `verify` of httpx."""
    with pytest.raises(ConfigurationError, match=r"Settings\(ssl_context=\) is a \w+: give an ssl.SSLContext"):
        Settings(ssl_context=context)


async def test_the_size_of_a_response_is_limited() -> None:
    """A larger one is an error, without a retry."""
    requests: list[bytes] = []
    large = b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + b"x" * 5000
    async with (
        serving(respond_with(large, requests)) as url,
        AsyncHub(StaticToken("x"), base_url=url, settings=Settings(max_response_bytes=4999)) as hub,
    ):
        with pytest.raises(DecodeError, match=r"more than 4,999 bytes, the limit of Settings\(max_response_bytes=\)"):
            await hub.raw.request("GET", "/v2/x")

    assert 1 == len(requests)


async def test_an_ssl_context_is_used() -> None:
    """For example, for a CA of your own."""
    authority = trustme.CA()
    async with (
        serving(respond_with(OK), server_context(authority, "127.0.0.1")) as url,
        AsyncHub(StaticToken("x"), base_url=url, settings=Settings(ssl_context=client_context(authority))) as hub,
    ):
        assert {} == await hub.raw.request("GET", "/v2/x")


async def test_a_proxy_is_used() -> None:
    """For every request."""
    heads: list[bytes] = []
    server = f"http://127.0.0.1:{free_port()}"
    async with (
        serving(respond_with(OK, heads)) as url,
        AsyncHub(StaticToken("x"), base_url=server, settings=Settings(proxy=url)) as hub,
    ):
        assert {} == await hub.raw.request("GET", "/v2/x")

    assert heads[0].startswith(f"GET {server}/v2/x HTTP/1.1\r\n".encode())


async def test_clones_with_other_credentials_share_no_connection() -> None:
    """They share only the transport."""
    async with running() as server, AsyncHub(StaticToken("a"), base_url=server.url) as hub:
        other = hub.with_credentials(StaticToken("b"))
        for each in (hub, other, hub, other):
            await each.raw.request("GET", "/v2/x")

    assert [0, 1, 0, 1] == server.requests
