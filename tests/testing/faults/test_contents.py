"""Faults that change the content of the right response."""

from typing import Any

import httpx
import pytest

from hubapi.testing import FakeHub, faults
from tests.testing.faults.conftest import AUDIT, TAGS

pytestmark = pytest.mark.anyio


async def test_truncated_json(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """The body is the first part of the right one, and Content-Length is correct."""
    whole = (await anonymous.get(TAGS)).content
    fake.inject(faults.Truncated(keep=0.25))
    cut = await anonymous.get(TAGS)

    assert whole[: len(whole) // 4] == cut.content
    assert str(len(whole) // 4) == cut.headers["content-length"]


async def test_a_wrong_content_type(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """The rest of the response is right."""
    whole = (await anonymous.get(TAGS)).content
    fake.inject(faults.ContentType("text/html"))
    response = await anonymous.get(TAGS)

    assert (["text/html"], whole) == (response.headers.get_list("content-type"), response.content)


async def test_bad_dates(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """All times are replaced, at any depth, and nothing else."""
    expected: Any = (await moby.get(AUDIT)).json()
    for event in expected["logs"]:
        event["timestamp"] = "yesterday"
    fake.inject(faults.BadDates("yesterday"))

    assert expected == (await moby.get(AUDIT)).json()


async def test_rewritten_json(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """A function may change JSON in any way; other bodies stay."""
    fake.inject(faults.Rewrite(lambda page: {**page, "results": None}), times=2)

    assert (30, None) == ((await anonymous.get(TAGS)).json()["count"], (await anonymous.get(TAGS)).json()["results"])
    fake.inject(faults.Rewrite(lambda _: 1 / 0))
    assert 200 == (await anonymous.head(TAGS)).status_code


async def test_wrong_links(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """Each kind applies to responses with a suitable link, and leaves others to the next fault."""
    here = f"http://hub.test{TAGS}"
    link: dict[str, str] = {}
    for kind in ("foreign", "repeated", "without-page-size", "relative"):
        fake.inject(faults.Next(kind))
        await anonymous.get(f"{TAGS}/latest")
        link[kind] = (await anonymous.get(TAGS, params={"page_size": 7, "page": 2})).json()["next"]

    assert {
        "foreign": f"http://elsewhere.example{TAGS}?page_size=7&page=3",
        "repeated": f"{here}?page_size=7&page=2",
        "without-page-size": f"{here}?page=3",
        "relative": f"{TAGS}?page_size=7&page=3",
    } == link


@pytest.mark.parametrize("query", [{"page_size": 20, "page": 2}, {"page_size": 100}])
async def test_a_stale_link(fake: FakeHub, anonymous: httpx.AsyncClient, query: dict[str, int]) -> None:
    """The last page links to a page that does not exist; earlier pages stay."""
    injected = fake.inject(faults.Next("stale"))
    earlier = (await anonymous.get(TAGS)).json()["next"]
    last = (await anonymous.get(TAGS, params=query)).json()

    assert (f"http://hub.test{TAGS}?page=2", 1) == (earlier, injected.matched)
    assert [404] == [(await anonymous.get(last["next"])).status_code]


async def test_another_page_size_than_requested(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """The rest of the query applies."""
    fake.inject(faults.PageSize(4), times=None)
    tags = (await moby.get(TAGS, params={"page_size": 20, "page": 8})).json()
    events = (await moby.get(AUDIT, params={"page_size": 20, "page": 2})).json()

    assert (2, None) == (len(tags["results"]), tags["next"])
    assert fake.event_ids("acme")[4:8] == [event["event_id"] for event in events["logs"]]
