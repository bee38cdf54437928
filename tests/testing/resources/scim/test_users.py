"""Provisioning users."""

from collections.abc import AsyncGenerator
from uuid import UUID

import httpx
import pytest

from hubapi.testing import FakeHub, VirtualClock
from tests.testing.resources.scim.scim_client import (
    OTHER_TOKEN,
    USER,
    create,
    found,
    scim_client,
    scim_error,
    scim_fake,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def fake(clock: VirtualClock) -> FakeHub:
    return scim_fake(clock)


@pytest.fixture
async def acme(fake: FakeHub, anyio_backend: str) -> AsyncGenerator[httpx.AsyncClient]:
    async with scim_client(fake) as client:
        yield client


@pytest.fixture
async def initech(fake: FakeHub, anyio_backend: str) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of another organisation."""
    async with scim_client(fake, OTHER_TOKEN) as client:
        yield client


async def test_owners_are_users_from_the_start(acme: httpx.AsyncClient, fake: FakeHub) -> None:
    """SCIM lists the owners of the organisation."""
    (moby,) = fake.scim_users("acme")

    assert ("moby", "moby@example.com", True) == (moby["displayName"], moby["userName"], moby["active"])
    assert ["moby@example.com"] == await found(acme)


async def test_a_user_is_created(acme: httpx.AsyncClient, clock: VirtualClock) -> None:
    """The response is the whole user, the same as in later responses."""
    clock.advance(0.5)
    body = {"schemas": [USER], "userName": "Jon.Snow@docker.com", "name": {"givenName": "Jon", "familyName": "Snow"}}
    response = await acme.post("/Users", json=body)
    user = response.json()

    assert (201, "application/scim+json") == (response.status_code, response.headers["content-type"])
    location = f"http://hub.test/v2/scim/2.0/Users/{user['id']}"
    assert location == response.headers["location"]
    assert 4 == UUID(user["id"]).version
    time = "2025-01-01T00:00:00Z"
    assert {
        "schemas": [USER],
        "id": user["id"],
        "userName": "Jon.Snow@docker.com",
        "name": {"givenName": "Jon", "familyName": "Snow"},
        "displayName": "jonsnow",
        "active": True,
        "emails": [{"value": "Jon.Snow@docker.com", "display": "Jon.Snow@docker.com", "primary": True}],
        "groups": [{"value": "company", "display": "company"}],
        "meta": {"resourceType": "User", "location": location, "created": time, "lastModified": time},
    } == user
    assert user == (await acme.get(location)).json()
    assert user == (await acme.get("/Users")).json()["resources"][1]


async def test_undescribed_attributes_are_ignored(acme: httpx.AsyncClient) -> None:
    """Identity providers send more than Docker Hub accepts, with attribute names in any case."""
    user = await create(acme, "jon@docker.com")
    body = {
        "schemas": [USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "USERNAME": "arya@docker.com",
        "displayName": "no-one",
        "active": False,
        "id": user["id"],
        "externalId": "17",
        "title": "none",
        "groups": [],
    }
    response = await acme.post("/Users", json=body)

    assert 201 == response.status_code
    arya = response.json()
    assert ("arya@docker.com", "arya", True) == (arya["userName"], arya["displayName"], arya["active"])
    assert user["id"] != arya["id"]
    assert "title" not in arya


@pytest.mark.parametrize(
    "media_type", ["application/scim+json", "application/json", "application/scim+json; charset=utf-8"]
)
async def test_both_media_types_are_accepted(acme: httpx.AsyncClient, media_type: str) -> None:
    """As RFC 7644, section 3.8, requires."""
    body = f'{{"schemas":["{USER}"],"userName":"jön@docker.com"}}'.encode()
    response = await acme.post("/Users", content=body, headers={"content-type": media_type})

    assert (201, "jön@docker.com") == (response.status_code, response.json()["userName"])


@pytest.mark.parametrize("address", ["jon.snow@docker.com", "JON.SNOW@docker.com", "moby@example.com"])
async def test_a_user_is_created_once(acme: httpx.AsyncClient, fake: FakeHub, address: str) -> None:
    """The address identifies the user in any case, whether provisioned or added by the test, even while deactivated."""
    jon = await create(acme, "jon.snow@docker.com")
    await acme.put(f"/Users/{jon['id']}", json={"schemas": [USER]})
    before = fake.scim_users("acme")

    assert (409, "uniqueness") == scim_error(await acme.post("/Users", json={"schemas": [USER], "userName": address}))
    assert before == fake.scim_users("acme")


@pytest.mark.parametrize(
    ("body", "scim_type"),
    [
        (b"", "invalidSyntax"),
        (b"{", "invalidSyntax"),
        (b"[]", "invalidSyntax"),
        (b'{"userName": "\xff"}', "invalidSyntax"),
        (b"[" * 100_000, "invalidSyntax"),
        (b'{"userName": "jon@docker.com"}', "invalidSyntax"),
        (b'{"schemas": [], "userName": "jon@docker.com"}', "invalidSyntax"),
        (b'{"schemas": ["urn:x"], "userName": "jon@docker.com"}', "invalidSyntax"),
        (b'{"schemas": ["%s"]}' % USER.encode(), "invalidValue"),
        (b'{"schemas": ["%s"], "userName": null}' % USER.encode(), "invalidValue"),
        (b'{"schemas": ["%s"], "userName": 5}' % USER.encode(), "invalidValue"),
        (b'{"schemas": ["%s"], "userName": ""}' % USER.encode(), "invalidValue"),
        (b'{"schemas": ["%s"], "userName": "jonsnow"}' % USER.encode(), "invalidValue"),
        (b'{"schemas": ["%s"], "userName": "jon snow@docker.com"}' % USER.encode(), "invalidValue"),
        (b'{"schemas": ["%s"], "userName": "jon@docker.com", "name": "Jon"}' % USER.encode(), "invalidValue"),
        (b'{"schemas": ["%s"], "userName": "a@b", "name": {"givenName": 1}}' % USER.encode(), "invalidValue"),
    ],
)
async def test_an_invalid_user_is_rejected(acme: httpx.AsyncClient, fake: FakeHub, body: bytes, scim_type: str) -> None:
    """The error names the kind of mistake, and nothing changes."""
    assert (400, scim_type) == scim_error(await acme.post("/Users", content=body))
    assert 1 == len(fake.scim_users("acme"))
    assert [] == fake.events("acme")


async def test_omitting_enabled_deactivates(acme: httpx.AsyncClient) -> None:
    """It is false by default, as described; `active` is read-only."""
    jon = await create(acme, "jon@docker.com")

    changed = (await acme.put(f"/Users/{jon['id']}", json={"schemas": [USER], "active": True})).json()
    assert changed["active"] is False
    assert "groups" not in changed
    assert changed == (await acme.get(f"/Users/{jon['id']}")).json()

    changed = (await acme.put(f"/Users/{jon['id']}", json={"schemas": [USER], "enabled": True})).json()
    assert changed["active"] is True
    assert jon["groups"] == changed["groups"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ({"givenName": "Aegon", "familyName": "Targaryen"}, {"givenName": "Aegon", "familyName": "Targaryen"}),
        ({"familyName": "Targaryen"}, {"givenName": "Jon", "familyName": "Targaryen"}),
        ({"givenName": "", "familyName": None}, {"givenName": "Jon", "familyName": "Snow"}),
        ({}, {"givenName": "Jon", "familyName": "Snow"}),
        (None, {"givenName": "Jon", "familyName": "Snow"}),
    ],
)
async def test_a_name_is_changed_but_never_cleared(
    acme: httpx.AsyncClient, name: dict[str, str] | None, expected: dict[str, str]
) -> None:
    """Given and family name are independent."""
    jon = await create(acme, "jon@docker.com", givenName="Jon", familyName="Snow")
    body = {"schemas": [USER], "enabled": True, "name": name, "userName": "other@docker.com"}
    changed = (await acme.put(f"/Users/{jon['id']}", json=body)).json()

    assert expected == changed["name"]
    assert "jon@docker.com" == changed["userName"]


async def test_a_change_sets_last_modified(acme: httpx.AsyncClient, clock: VirtualClock) -> None:
    """A request without effect does not."""
    jon = await create(acme, "jon@docker.com")
    clock.advance(10)
    same = (await acme.put(f"/Users/{jon['id']}", json={"schemas": [USER], "enabled": True})).json()
    other = (await acme.put(f"/Users/{jon['id']}", json={"schemas": [USER], "enabled": False})).json()

    assert jon == same
    assert jon["meta"]["created"] == other["meta"]["created"] < other["meta"]["lastModified"]


@pytest.mark.parametrize(
    ("body", "scim_type"),
    [
        ({"enabled": True}, "invalidSyntax"),
        ({"schemas": [USER], "enabled": "true"}, "invalidValue"),
        ({"schemas": [USER], "enabled": None}, "invalidValue"),
        ({"schemas": [USER], "enabled": False, "name": []}, "invalidValue"),
    ],
)
async def test_an_invalid_change_is_rejected(
    acme: httpx.AsyncClient, fake: FakeHub, body: dict[str, object], scim_type: str
) -> None:
    """The user stays as it was."""
    jon = await create(acme, "jon@docker.com")
    before = fake.scim_users("acme")

    assert (400, scim_type) == scim_error(await acme.put(f"/Users/{jon['id']}", json=body))
    assert before == fake.scim_users("acme")


async def test_an_organisation_sees_only_its_own_users(acme: httpx.AsyncClient, initech: httpx.AsyncClient) -> None:
    """For others the user does not exist."""
    jon = await create(acme, "jon@docker.com")

    assert ["octopus@example.com"] == await found(initech)
    assert [] == await found(initech, filter=f'id eq "{jon["id"]}"')
    assert (404, None) == scim_error(await initech.get(f"/Users/{jon['id']}"))
    assert (404, None) == scim_error(await initech.put(f"/Users/{jon['id']}", json={"schemas": [USER]}))
    assert (await acme.get(f"/Users/{jon['id']}")).json()["active"] is True


async def test_a_user_of_docker_hub_is_assigned(
    acme: httpx.AsyncClient, initech: httpx.AsyncClient, fake: FakeHub
) -> None:
    """An address is the same user in every organisation; the attributes are per organisation."""
    jon = await create(acme, "jon@docker.com", givenName="Jon")
    again = await create(initech, "JON@docker.com", givenName="Jonathan")
    octopus = await create(acme, "octopus@example.com")
    fake.add_user("whale")
    whale = await create(acme, "whale@example.com")
    await initech.put(f"/Users/{jon['id']}", json={"schemas": [USER], "enabled": False})

    assert (jon["id"], "jon") == (again["id"], again["displayName"])
    assert jon == (await acme.get(f"/Users/{jon['id']}")).json()
    assert ["octopus", "whale"] == [octopus["displayName"], whale["displayName"]]
    assert fake.scim_users("initech")[0]["id"] == octopus["id"]


async def test_no_two_addresses_are_one_user(acme: httpx.AsyncClient) -> None:
    """Docker IDs that would be equal get a number."""
    addresses = [
        "jon.snow@docker.com",
        "jonsnow@docker.com",
        "jonsnow@example.com",
        "acme@example.com",
        "日本@docker.com",
    ]
    users = [await create(acme, address) for address in addresses]

    assert ["jonsnow", "jonsnow2", "jonsnow3", "acme2", "user"] == [user["displayName"] for user in users]
    assert len(users) == len({user["id"] for user in users})


async def test_provisioning_is_in_the_audit_log(
    acme: httpx.AsyncClient, initech: httpx.AsyncClient, fake: FakeHub
) -> None:
    """The log has each activation and deactivation, and no other change."""
    jon = await create(acme, "jon@docker.com")
    for enabled in (True, False, False, True):
        await acme.put(f"/Users/{jon['id']}", json={"schemas": [USER], "enabled": enabled})

    events = [(event["action"], event["name"], event["data"]) for event in reversed(fake.events("acme"))]
    joined = ("org.team.member.add", "jon", {"team_name": "company"})
    assert [joined, ("org.member.removed", "jon", {}), joined] == events
    assert [] == fake.events("initech")


async def test_an_unknown_user_is_a_404(acme: httpx.AsyncClient) -> None:
    """For every method."""
    assert (404, None) == scim_error(await acme.get("/Users/d80f7c79-7730-49d8-9a41-7c42fb622d9c"))
    assert (404, None) == scim_error(await acme.put("/Users/nobody", content=b"{"))


async def test_the_same_seed_gives_the_same_users(acme: httpx.AsyncClient, fake: FakeHub) -> None:
    """Including their ids."""
    async with scim_client(scim_fake()) as client:
        assert (await create(acme, "jon@docker.com"))["id"] == (await create(client, "jon@docker.com"))["id"]
