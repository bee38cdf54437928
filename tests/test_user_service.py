"""As an asyncio service uses the package, with pytest-asyncio and respx: no anyio in sight."""

import asyncio

import httpx
import pytest
import respx

from hubapi import AsyncHub, NotSentError, StaticToken

pytestmark = pytest.mark.asyncio

TAGS = "https://hub.docker.com/v2/namespaces/library/repositories/python/tags"


@respx.mock
async def test_many_calls_are_awaited_together() -> None:
    """Calls gathered from one hub each get their own answer, with the bearer, on the real base URL."""
    for minor in range(20):
        answer = httpx.Response(200, json={"name": f"3.{minor}", "images": [], "v2": True})
        respx.get(f"{TAGS}/3.{minor}", headers={"authorization": "Bearer a.b.c"}).mock(return_value=answer)

    async with AsyncHub(StaticToken("a.b.c")) as hub:
        tags = await asyncio.gather(*(hub.repositories.get_tag("library", "python", f"3.{n}") for n in range(20)))

    assert [f"3.{minor}" for minor in range(20)] == [tag.name for tag in tags]


@respx.mock
async def test_a_task_can_be_cancelled_with_a_timeout() -> None:
    """asyncio's own timeout ends a call; the hub goes on."""
    respx.get(f"{TAGS}/slow").mock(side_effect=lambda _: asyncio.sleep(3600))
    respx.head(f"{TAGS}/fast").mock(return_value=httpx.Response(200))

    async with AsyncHub(StaticToken("a.b.c")) as hub:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await hub.repositories.get_tag("library", "python", "slow")
        assert await hub.repositories.has_tag("library", "python", "fast")


async def test_what_takes_the_place_of_httpx_s_transport_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As pytest-httpx does; and only as long as it does."""

    async def answer(_: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"name": request.url.path.rpartition("/")[2], "images": []})

    async with AsyncHub(StaticToken("a.b.c"), base_url="http://127.0.0.1:1").with_options(max_attempts=1) as hub:
        with monkeypatch.context() as patch:
            patch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", answer)
            assert "3.13" == (await hub.repositories.get_tag("library", "python", "3.13")).name
        with pytest.raises(NotSentError):
            await hub.repositories.get_tag("library", "python", "3.13")


async def test_what_is_not_mocked_says_so() -> None:
    """respx lets nothing through to the network that no route is for."""
    async with respx.mock, AsyncHub(StaticToken("a.b.c")) as hub:
        with pytest.raises(respx.models.AllMockedAssertionError):
            await hub.repositories.get_tag("library", "python", "3.13")
