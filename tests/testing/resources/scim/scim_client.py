"""A FakeHub with two organisations that provision users, and a client for one, for the tests of SCIM."""

from typing import Any

import httpx

from hubapi.testing import FakeHub, VirtualClock

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
TOKEN = "scim-acme"
OTHER_TOKEN = "scim-initech"


def scim_fake(clock: VirtualClock | None = None) -> FakeHub:
    fake = FakeHub(seed=7, clock=clock)
    for name in ("moby", "octopus"):
        fake.add_user(name)
    fake.add_org("acme", owners=["moby"], scim_tokens=[TOKEN])
    fake.add_org("initech", owners=["octopus"], scim_tokens=[OTHER_TOKEN])
    return fake


def scim_client(fake: FakeHub, token: str = TOKEN) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=fake.transport(),
        base_url="http://hub.test/v2/scim/2.0",
        headers={"authorization": f"Bearer {token}"},
    )


async def create(client: httpx.AsyncClient, address: str, **name: str) -> dict[str, Any]:
    body = {"schemas": [USER], "userName": address, "name": name}
    response = await client.post("/Users", json=body)
    assert 201 == response.status_code, response.text
    user: dict[str, Any] = response.json()
    return user


async def found(client: httpx.AsyncClient, **query: str | int) -> list[str]:
    """Return the names of the users that a search returns, in its order."""
    response = await client.get("/Users", params=query)
    assert 200 == response.status_code, response.text
    return [user["userName"] for user in response.json()["resources"]]


def scim_error(response: httpx.Response) -> tuple[int, str | None]:
    """Return status and scimType of an error in SCIM's own shape."""
    error = response.json()
    assert "application/scim+json" == response.headers["content-type"]
    assert ["urn:ietf:params:scim:api:messages:2.0:Error"] == error["schemas"]
    assert str(response.status_code) == error["status"]
    assert error["detail"]
    return response.status_code, error.get("scimType")
