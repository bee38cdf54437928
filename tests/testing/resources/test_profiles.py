"""The routes to public profiles."""

import httpx
import pytest

from hubapi.testing import FakeHub

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("path", "key", "kind"),
    [("/v2/users/moby", "username", "User"), ("/v2/orgs/acme", "orgname", "Organization")],
)
async def test_each_kind_has_its_route(anonymous: httpx.AsyncClient, path: str, key: str, kind: str) -> None:
    """A profile has the account's name, id and kind."""
    profile = (await anonymous.get(path)).json()

    assert (path.rpartition("/")[2], kind) == (profile[key], profile["type"])
    assert profile["uuid"].replace("-", "") == profile["id"]
    shared = ["id", "uuid", key, "full_name", "location", "company", "profile_url", "date_joined"]
    assert shared == list(profile)[:8]


@pytest.mark.parametrize(("path", "there"), [("/v2/orgs/moby", "/v2/users/moby"), ("/v2/users/acme", "/v2/orgs/acme")])
async def test_the_other_route_redirects(anonymous: httpx.AsyncClient, path: str, there: str) -> None:
    """An account of the other kind has its profile on the other route."""
    response = await anonymous.get(path)

    assert (308, there) == (response.status_code, response.headers["location"])
    assert 200 == (await anonymous.get(path, follow_redirects=True)).status_code


async def test_an_unknown_namespace_differs_from_an_empty_one(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """An unknown name is a 404 on both routes; a namespace that only holds repositories is an organisation."""
    fake.add_repository("library", "python")

    for kind in ("users", "orgs"):
        assert 404 == (await anonymous.get(f"/v2/{kind}/nobody")).status_code
        assert 200 == (await anonymous.get(f"/v2/{kind}/library", follow_redirects=True)).status_code
