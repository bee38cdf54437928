"""The routes that tell whether there is an account of a name."""

import httpx
import pytest

from hubapi.testing import FakeHub

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("path", "key", "kind"),
    [("/v2/users/moby", "username", "User"), ("/v2/orgs/acme", "orgname", "Organization")],
)
async def test_each_kind_has_its_route(anonymous: httpx.AsyncClient, path: str, key: str, kind: str) -> None:
    """A profile has the account's name, identity and kind."""
    profile = (await anonymous.get(path)).json()

    assert (path.rpartition("/")[2], kind) == (profile[key], profile["type"])
    assert profile["uuid"].replace("-", "") == profile["id"]
    shared = ["id", "uuid", key, "full_name", "location", "company", "profile_url", "date_joined"]
    assert shared == list(profile)[:8]


@pytest.mark.parametrize(("path", "there"), [("/v2/orgs/moby", "/v2/users/moby"), ("/v2/users/acme", "/v2/orgs/acme")])
async def test_the_other_route_redirects(anonymous: httpx.AsyncClient, path: str, there: str) -> None:
    """What is of the other kind is elsewhere."""
    answer = await anonymous.get(path)

    assert (308, there) == (answer.status_code, answer.headers["location"])
    assert 200 == (await anonymous.get(path, follow_redirects=True)).status_code


async def test_a_missing_namespace_is_told_from_an_empty_one(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """Nobody's name is a 404 on both routes; one that only holds repositories is an organisation's."""
    fake.add_repository("library", "python")

    for kind in ("users", "orgs"):
        assert 404 == (await anonymous.get(f"/v2/{kind}/nobody")).status_code
        assert 200 == (await anonymous.get(f"/v2/{kind}/library", follow_redirects=True)).status_code
