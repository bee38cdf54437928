"""The routes to repositories and their tags."""

import httpx
import pytest

from hubapi import AsyncHub
from hubapi.testing import FakeHub, VirtualClock
from hubapi.testing._setup.timestamps import parse_rfc3339
from tests.testing.conftest import PASSWORD

pytestmark = pytest.mark.anyio

TAGS = "/v2/namespaces/library/repositories/python/tags"


@pytest.fixture
def fake(fake: FakeHub) -> FakeHub:
    fake.add_repository("library", "python", tags=25)
    fake.add_repository("acme", "secret", tags=["latest", "1.0"], private=True)
    fake.add_repository("acme", "empty", tags=0)
    return fake


async def test_public_tags_require_no_token(anonymous: httpx.AsyncClient) -> None:
    """By default a page has ten tags, the total count and a link to the next."""
    page = (await anonymous.get(TAGS)).json()

    assert list(page) == ["count", "next", "previous", "results"]
    assert (page["count"], len(page["results"]), page["previous"]) == (25, 10, None)
    assert page["results"][0]["name"] == "latest"


async def test_links_connect_all_pages(anonymous: httpx.AsyncClient) -> None:
    """`next` is absolute, on the requested host, keeps the query, and ends in null."""
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
    """An invalid page size is taken as 10, and one over 100 as 100."""
    assert length == len((await anonymous.get(TAGS, params={"page_size": size})).json()["results"])


async def test_a_page_has_at_most_100_tags(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """A page size over 100 is silently taken as 100."""
    fake.add_repository("library", "busy", tags=101)
    page = (await anonymous.get("/v2/namespaces/library/repositories/busy/tags?page_size=1000")).json()

    assert (page["count"], len({tag["name"] for tag in page["results"]})) == (101, 100)


async def test_past_the_end_is_not_found(anonymous: httpx.AsyncClient) -> None:
    """A page past the end is a 404, but page 1 of an empty list is empty."""
    past = await anonymous.get(TAGS, params={"page": 4})
    empty = await anonymous.get("/v2/namespaces/acme/repositories/empty/tags")

    assert (past.status_code, past.json()["message"]) == (404, "Page not found")
    assert empty.json() == {"count": 0, "next": None, "previous": None, "results": []}


async def test_a_missing_namespace_is_an_empty_one(anonymous: httpx.AsyncClient) -> None:
    """The tags of an unknown namespace are an empty list, those of an unknown repository a 404."""
    namespace = await anonymous.get("/v2/namespaces/nobody/repositories/python/tags")
    repository = await anonymous.get("/v2/namespaces/acme/repositories/nothing/tags")

    assert (namespace.status_code, namespace.json()["count"]) == (200, 0)
    assert (repository.status_code, repository.json()) == (404, {"message": "object not found", "errinfo": {}})


async def test_one_tag(anonymous: httpx.AsyncClient) -> None:
    """A tag is the same as in the list, and a 404 if it does not exist."""
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
async def test_head_returns_only_the_status(anonymous: httpx.AsyncClient, path: str, status: int) -> None:
    """HEAD returns 200 or 404, and no body."""
    response = await anonymous.head(path)

    assert (status, b"") == (response.status_code, response.content)


async def test_private_tags_are_for_owners(anonymous: httpx.AsyncClient, moby: httpx.AsyncClient) -> None:
    """For others a private repository does not exist."""
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
    times = [parse_rfc3339(tag["last_updated"]) for tag in tags]
    assert sorted(times, reverse=True) == times
    assert None in [tag["tag_last_pulled"] for tag in tags]


async def test_a_repository_is_added_once(fake: FakeHub) -> None:
    """A second repository with the same name is rejected."""
    with pytest.raises(ValueError, match="library/python"):
        fake.add_repository("library", "python")


async def names(client: httpx.AsyncClient, path: str = TAGS, **query: str | int) -> list[str]:
    response = await client.get(path, params={"page_size": 100, **query})
    return [tag["name"] for tag in response.json()["results"]]


async def test_tags_are_found_by_part_of_their_name(anonymous: httpx.AsyncClient) -> None:
    """`name` selects tags whose name contains it, and the count is of those."""
    assert ["0.0.5", "0.1.5"] == await names(anonymous, name=".5")
    page = (await anonymous.get(TAGS, params={"name": "0.1.", "page_size": 4})).json()
    assert (10, 4) == (page["count"], len(page["results"]))
    assert "name=0.1.&page_size=4&page=2" == page["next"].partition("?")[2]
    assert [] == await names(anonymous, name="nothing")


async def test_tags_are_sorted(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """Newest first and Z to A; reversed with a minus; an unknown order is the default."""
    fake.add_repository("library", "few", tags=["b", "c", "a"])
    path = TAGS.replace("python", "few")
    orders = {ordering: await names(anonymous, path, ordering=ordering) for ordering in ORDERS}

    assert orders == ORDERS


ORDERS = {
    "": ["b", "c", "a"],
    "last_updated": ["b", "c", "a"],
    "-last_updated": ["a", "c", "b"],
    "name": ["c", "b", "a"],
    "-name": ["a", "b", "c"],
    "size": ["b", "c", "a"],
}


async def test_a_push_comes_first(fake: FakeHub, moby: httpx.AsyncClient, clock: VirtualClock) -> None:
    """A pushed tag is first in the list, an existing one moves there with a new digest, and the log has both."""
    path = "/v2/namespaces/acme/repositories/secret/tags"
    old = (await moby.get(f"{path}/1.0")).json()
    clock.advance(60)
    fake.push_tag("acme", "secret", "2.0", actor="octopus")
    fake.push_tag("acme", "secret", "1.0")
    new = (await moby.get(f"{path}/1.0")).json()
    events = fake.events("acme")[:2]

    assert ["1.0", "2.0", "latest"] == await names(moby, path)
    assert ("2025-01-01T00:01:00Z", "moby") == (new["last_updated"], new["last_updater_username"])
    assert old["digest"] != new["digest"]
    assert [("repo.tag.push", "acme/secret", "moby"), ("repo.tag.push", "acme/secret", "octopus")] == [
        (event["action"], event["name"], event["actor"]) for event in events
    ]
    assert {"digest": new["digest"], "tag": "1.0"} == events[0]["data"]
    text = f"pushed the tag 1.0 with the digest {new['digest'][:19]} to the repository acme/secret"
    assert text == events[0]["action_description"]


async def test_a_push_creates_the_repository(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """The repository exists, and an account has an event; a namespace without an account has no log."""
    fake.push_tag("acme", "new", "latest")
    fake.push_tag("nobody", "new", "latest")

    assert ["latest"] == await names(anonymous, "/v2/namespaces/acme/repositories/new/tags")
    assert ["latest"] == await names(anonymous, "/v2/namespaces/nobody/repositories/new/tags")
    assert ["repo.tag.push", "repo.create"] == [event["action"] for event in fake.events("acme")[:2]]


async def test_setup_is_not_in_the_audit_log(fake: FakeHub) -> None:
    """The log has changes by clients, not by `add_repository`."""
    before = fake.event_ids("acme")
    fake.add_repository("acme", "another", tags=3)

    assert before == fake.event_ids("acme")


async def test_a_deleted_tag_is_gone(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """Deleted by the test or by a client, it is a 404 and in the log."""
    path = "/v2/namespaces/acme/repositories/secret/tags"
    fake.remove_tag("acme", "secret", "latest")
    assert ["1.0"] == await names(moby, path)
    deleted = await moby.delete(f"{path}/1.0")

    assert (204, b"") == (deleted.status_code, deleted.content)
    assert [] == await names(moby, path)
    assert (404, 404) == ((await moby.get(f"{path}/1.0")).status_code, (await moby.delete(f"{path}/1.0")).status_code)
    events = fake.events("acme")[:2]
    assert [{"tag": "1.0"}, {"tag": "latest"}] == [event["data"] for event in events]
    assert {("repo.tag.delete", "moby", "acme/secret")} == {
        (event["action"], event["actor"], event["name"]) for event in events
    }
    with pytest.raises(KeyError, match=r"acme/secret:1\.0"):
        fake.remove_tag("acme", "secret", "1.0")
    with pytest.raises(KeyError, match=r"acme/nothing:1\.0"):
        fake.remove_tag("acme", "nothing", "1.0")


async def test_only_administrators_delete_tags(
    fake: FakeHub, anonymous: httpx.AsyncClient, moby: httpx.AsyncClient
) -> None:
    """Other users are forbidden, and so are tokens without the scope; the log names a token with it."""
    fake.add_repository("acme", "open", tags=["a", "b"])
    path = "/v2/namespaces/acme/repositories/open/tags/a"

    async def delete(secret: str, username: str = "moby", path: str = path) -> int:
        login = {"username": username, "password": secret}
        bearer = (await anonymous.post("/v2/users/login", json=login)).json()["token"]
        return (await anonymous.delete(path, headers={"authorization": f"Bearer {bearer}"})).status_code

    scopes = ["repo:write"]
    writer = (await moby.post("/v2/access-tokens", json={"token_label": "ci", "scopes": scopes})).json()["token"]
    assert 401 == (await anonymous.delete(path)).status_code
    assert [403, 403] == [await delete(PASSWORD, "octopus"), await delete(writer)]
    assert 403 == await delete(PASSWORD, path=f"{TAGS}/latest")
    assert 204 == await delete("dckr_pat_moby")
    assert 'moby - access token "token 1"' == fake.events("acme")[0]["actor"]


async def test_deleting_does_not_reveal_a_private_repository(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """For others the tag is a 404, not a 403."""
    login = {"username": "octopus", "password": PASSWORD}
    bearer = (await anonymous.post("/v2/users/login", json=login)).json()["token"]
    path = "/v2/namespaces/acme/repositories/secret/tags/1.0"

    response = await anonymous.delete(path, headers={"authorization": f"Bearer {bearer}"})
    assert (404, {"message": "object not found", "errinfo": {}}) == (response.status_code, response.json())
    assert 0 == fake.count(status=204)


async def test_pushed_tags_through_the_client(fake: FakeHub, clock: VirtualClock) -> None:
    """The client reads a pushed tag."""
    fake.push_tag("library", "python", "3.14")
    async with AsyncHub(transport=fake.transport(), clock=clock) as hub:
        tag = await hub.repositories.list_tags("library", "python").first()
        assert tag == await hub.repositories.get_tag("library", "python", "3.14")
