"""The routes that read repositories' tags."""

import httpx
import pytest

from hubapi.testing import FakeHub
from hubapi.testing._timestamps import parse

pytestmark = pytest.mark.anyio

TAGS = "/v2/namespaces/library/repositories/python/tags"


@pytest.fixture
def fake(fake: FakeHub) -> FakeHub:
    fake.add_repository("library", "python", tags=25)
    fake.add_repository("acme", "secret", tags=["latest", "1.0"], private=True)
    fake.add_repository("acme", "empty", tags=0)
    return fake


async def test_anybody_may_read_public_tags(anonymous: httpx.AsyncClient) -> None:
    """Ten tags come unless asked otherwise, with the count of all and a link to the next."""
    page = (await anonymous.get(TAGS)).json()

    assert list(page) == ["count", "next", "previous", "results"]
    assert (page["count"], len(page["results"]), page["previous"]) == (25, 10, None)
    assert page["results"][0]["name"] == "latest"


async def test_links_lead_through_all_pages(anonymous: httpx.AsyncClient) -> None:
    """`next` is absolute, on the host that was asked, keeps the query, and ends in null."""
    url: str | None = f"http://hub.test:8080{TAGS}?page_size=10&ordering=last_updated"
    seen: list[str] = []
    urls: list[str] = []
    while url:
        page = (await anonymous.get(url)).json()
        seen += [tag["name"] for tag in page["results"]]
        urls.append(url)
        url = page["next"]

    assert len(set(seen)) == len(seen) == 25
    assert urls[1] == f"http://hub.test:8080{TAGS}?page_size=10&ordering=last_updated&page=2"
    assert page["previous"] == urls[1]


@pytest.mark.parametrize(("size", "length"), [("3", 3), ("1000", 25), ("0", 10), ("-1", 10), ("many", 10)])
async def test_page_size_is_forgiving(anonymous: httpx.AsyncClient, size: str, length: int) -> None:
    """A page size that makes no sense is taken as ten, and one over 100 as 100."""
    assert length == len((await anonymous.get(TAGS, params={"page_size": size})).json()["results"])


async def test_at_most_100_tags_come_at_once(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """A page size over 100 gives 100 without a word."""
    fake.add_repository("library", "busy", tags=101)
    page = (await anonymous.get("/v2/namespaces/library/repositories/busy/tags?page_size=1000")).json()

    assert (page["count"], len({tag["name"] for tag in page["results"]})) == (101, 100)


async def test_past_the_end_is_not_found(anonymous: httpx.AsyncClient) -> None:
    """A page past the end is a 404, but the first page of nothing is an empty one."""
    past = await anonymous.get(TAGS, params={"page": 4})
    empty = await anonymous.get("/v2/namespaces/acme/repositories/empty/tags")

    assert (past.status_code, past.json()["message"]) == (404, "Page not found")
    assert empty.json() == {"count": 0, "next": None, "previous": None, "results": []}


async def test_a_missing_namespace_is_an_empty_one(anonymous: httpx.AsyncClient) -> None:
    """Tags of a namespace that nobody has are none; of a missing repository they are not found."""
    namespace = await anonymous.get("/v2/namespaces/nobody/repositories/python/tags")
    repository = await anonymous.get("/v2/namespaces/acme/repositories/nothing/tags")

    assert (namespace.status_code, namespace.json()["count"]) == (200, 0)
    assert (repository.status_code, repository.json()) == (404, {"message": "object not found", "errinfo": {}})


async def test_one_tag(anonymous: httpx.AsyncClient) -> None:
    """A tag is the same alone as in the list, and not found where there is none."""
    listed = (await anonymous.get(TAGS)).json()["results"][1]

    assert listed == (await anonymous.get(f"{TAGS}/{listed['name']}")).json()
    assert (await anonymous.get(f"{TAGS}/missing")).status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (TAGS, 200),
        (f"{TAGS}/latest", 200),
        (f"{TAGS}/missing", 404),
        ("/v2/namespaces/acme/repositories/empty/tags", 404),
        ("/v2/namespaces/nobody/repositories/python/tags", 404),
        ("/v2/namespaces/acme/repositories/secret/tags", 404),
    ],
)
async def test_head_only_says_whether(anonymous: httpx.AsyncClient, path: str, status: int) -> None:
    """HEAD answers 200 or 404 and no body."""
    answer = await anonymous.head(path)

    assert (status, b"") == (answer.status_code, answer.content)


async def test_private_tags_are_for_owners(anonymous: httpx.AsyncClient, moby: httpx.AsyncClient) -> None:
    """Those who may not see a private repository are told that there is none."""
    path = "/v2/namespaces/acme/repositories/secret/tags"

    assert (await anonymous.get(path)).status_code == 404
    assert [tag["name"] for tag in (await moby.get(path)).json()["results"]] == ["latest", "1.0"]


async def test_tags_look_like_the_real_ones(anonymous: httpx.AsyncClient) -> None:
    """Images are a list with nulls and an attestation, `v2` is true, times have fractions of any length."""
    tags = (await anonymous.get(TAGS, params={"page_size": 100})).json()["results"]

    for tag in tags:
        assert tag["v2"] is True
        assert tag["tag_status"] == "active"
        assert "status" not in tag
        assert tag["digest"].startswith("sha256:")
        assert tag["content_type"] == "image"
        assert tag["images"][-1]["architecture"] == "unknown"
        assert {None, "", "v8"} >= {tag["images"][-1]["features"], tag["images"][0]["variant"]}
    assert {len(tag["last_updated"]) for tag in tags} != {len(tags[0]["last_updated"])}
    times = [parse(tag["last_updated"]) for tag in tags]
    assert sorted(times, reverse=True) == times
    assert None in [tag["tag_last_pulled"] for tag in tags]


async def test_a_repository_is_added_once(fake: FakeHub) -> None:
    """A second repository of the same name is refused."""
    with pytest.raises(ValueError, match="library/python"):
        fake.add_repository("library", "python")
