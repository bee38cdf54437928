"""Organisations' settings."""

import httpx
import pytest

from hubapi import AsyncHub, NotFound, Password
from hubapi.models import UpdateRestrictedImages
from hubapi.testing import FakeHub, VirtualClock
from tests.testing.conftest import PASSWORD

pytestmark = pytest.mark.anyio

SETTINGS = "/v2/orgs/acme/settings"
STRICT = {"restricted_images": {"enabled": True, "allow_official_images": True, "allow_verified_publishers": False}}


async def test_settings_are_kept(moby: httpx.AsyncClient) -> None:
    """The response to a change has the new settings, and so have later responses."""
    before = (await moby.get(SETTINGS)).json()
    changed = await moby.put(SETTINGS, json={**STRICT, "colour": "red"})

    off = {"enabled": False, "allow_official_images": True, "allow_verified_publishers": True}
    assert {"restricted_images": off} == before
    assert (200, STRICT) == (changed.status_code, changed.json())
    assert STRICT == (await moby.get(SETTINGS)).json()


async def test_each_organisation_has_its_own_settings(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """A change applies to one organisation."""
    fake.add_org("umbrella", owners=["moby"])
    await moby.put(SETTINGS, json=STRICT)

    assert not (await moby.get("/v2/orgs/umbrella/settings")).json()["restricted_images"]["enabled"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", set[str]()),
        (b"{}", {"restricted_images"}),
        (b'{"restricted_images": true}', {"restricted_images"}),
        (
            b'{"restricted_images": {"enabled": true}}',
            {"restricted_images.allow_official_images", "restricted_images.allow_verified_publishers"},
        ),
        (
            b'{"restricted_images":{"enabled":"yes","allow_official_images":true,"allow_verified_publishers":null}}',
            {"restricted_images.enabled", "restricted_images.allow_verified_publishers"},
        ),
    ],
)
async def test_an_incomplete_change_is_rejected(moby: httpx.AsyncClient, body: bytes, fields: set[str]) -> None:
    """All three switches are required; a 400 names the invalid ones, and nothing changes."""
    before = (await moby.get(SETTINGS)).json()
    response = await moby.put(SETTINGS, content=body)

    assert (400, fields) == (response.status_code, set(response.json()["fields"]))
    assert before == (await moby.get(SETTINGS)).json()


async def test_only_owners_have_access(anonymous: httpx.AsyncClient, moby: httpx.AsyncClient) -> None:
    """Another user and the organisation's own token are forbidden; a user is a 404."""
    login = {"username": "octopus", "password": PASSWORD}
    stranger = (await anonymous.post("/v2/users/login", json=login)).json()["token"]
    secret = {"identifier": "acme", "secret": "dckr_oat_acme"}
    itself = (await anonymous.post("/v2/auth/token", json=secret)).json()["access_token"]

    for method in ("GET", "PUT"):
        for bearer in (stranger, itself):
            headers = {"authorization": f"Bearer {bearer}"}
            assert 403 == (await anonymous.request(method, SETTINGS, json=STRICT, headers=headers)).status_code
        assert 401 == (await anonymous.request(method, SETTINGS, json=STRICT)).status_code
        for name in ("nobody", "moby"):
            assert 404 == (await moby.request(method, f"/v2/orgs/{name}/settings", json=STRICT)).status_code


@pytest.mark.parametrize(
    ("secret", "actor", "data"),
    [
        (PASSWORD, "moby", {"restricted_images"}),
        (
            "dckr_pat_moby",
            'moby - access token "token 1"',
            {"restricted_images", "access_token_id", "access_token_label", "access_token_type"},
        ),
    ],
)
async def test_a_change_is_in_the_audit_log(
    fake: FakeHub, anonymous: httpx.AsyncClient, secret: str, actor: str, data: set[str]
) -> None:
    """The event has the actor and the token."""
    login = {"username": "moby", "password": secret}
    bearer = (await anonymous.post("/v2/users/login", json=login)).json()["token"]
    await anonymous.put(SETTINGS, json=STRICT, headers={"authorization": f"Bearer {bearer}"})
    event = fake.events("acme")[0]

    assert ("org.settings.update", "acme", actor) == (event["action"], event["name"], event["actor"])
    assert data == set(event["data"])
    assert STRICT["restricted_images"] == event["data"]["restricted_images"]


async def test_settings_through_the_client(fake: FakeHub, clock: VirtualClock) -> None:
    """The client reads what it wrote."""
    switches = UpdateRestrictedImages(enabled=True, allow_official_images=False, allow_verified_publishers=True)
    async with AsyncHub(Password("moby", PASSWORD), transport=fake.transport(), clock=clock) as hub:
        changed = await hub.org_settings.update("acme", switches)
        assert changed == await hub.org_settings.get("acme")
        with pytest.raises(NotFound):
            await hub.org_settings.get("nobody")

    assert changed.restricted_images
    assert (True, False) == (changed.restricted_images.enabled, changed.restricted_images.allow_official_images)
