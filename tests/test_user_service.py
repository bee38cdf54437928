"""An asyncio service that uses the package, with pytest-asyncio and respx, but without anyio."""

import asyncio

import httpx
import pytest
import respx

from hubapi import AsyncHub, NotSentError, StaticToken

pytestmark = pytest.mark.asyncio

TAGS = "https://hub.docker.com/v2/namespaces/library/repositories/python/tags"


@respx.mock
async def test_calls_can_be_gathered() -> None:
    """Each gets its own response, with the token, at the real base URL."""
    for minor in range(20):
        response = httpx.Response(200, json={"name": f"3.{minor}", "images": [], "v2": True})
        respx.get(f"{TAGS}/3.{minor}", headers={"authorization": "Bearer a.b.c"}).mock(return_value=response)

    async with AsyncHub(StaticToken("a.b.c")) as hub:
        tags = await asyncio.gather(*(hub.repositories.get_tag("library", "python", f"3.{n}") for n in range(20)))

    assert [f"3.{minor}" for minor in range(20)] == [tag.name for tag in tags]


@respx.mock
async def test_a_call_can_be_cancelled_by_a_timeout() -> None:
    """`asyncio.timeout` ends the call; the hub can be used further."""
    respx.get(f"{TAGS}/slow").mock(side_effect=lambda _: asyncio.sleep(3600))
    respx.head(f"{TAGS}/fast").mock(return_value=httpx.Response(200))

    async with AsyncHub(StaticToken("a.b.c")) as hub:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await hub.repositories.get_tag("library", "python", "slow")
        assert await hub.repositories.has_tag("library", "python", "fast")


async def test_a_patch_of_the_transport_of_httpx_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by pytest-httpx; and only while it is applied."""

    async def respond(_: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"name": request.url.path.rpartition("/")[2], "images": []})

    async with AsyncHub(StaticToken("a.b.c"), base_url="http://127.0.0.1:1").with_options(max_attempts=1) as hub:
        with monkeypatch.context() as patch:
            patch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", respond)
            assert "3.13" == (await hub.repositories.get_tag("library", "python", "3.13")).name
        with pytest.raises(NotSentError):
            await hub.repositories.get_tag("library", "python", "3.13")


async def test_a_request_without_a_mock_fails() -> None:
    """respx sends no request without a route to the network."""
    async with respx.mock, AsyncHub(StaticToken("a.b.c")) as hub:
        with pytest.raises(respx.models.AllMockedAssertionError):
            await hub.repositories.get_tag("library", "python", "3.13")
