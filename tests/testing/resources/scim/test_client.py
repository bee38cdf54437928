"""The SCIM routes through `AsyncHub`."""

import pytest

from hubapi import AsyncHub, BadRequest, Conflict, NotFound, Unauthorized
from hubapi.models import ScimUserName
from hubapi.scim import User
from hubapi.testing import FakeHub
from tests.testing.resources.scim.scim_client import OTHER_TOKEN, TOKEN, scim_fake

pytestmark = pytest.mark.anyio


@pytest.fixture
def fake() -> FakeHub:
    return scim_fake()


async def test_the_lifecycle_of_a_user(fake: FakeHub) -> None:
    """A user is created, read, changed and deactivated over HTTP."""
    async with fake.serve() as url, AsyncHub(base_url=url, scim_token=TOKEN) as hub:
        jon = await hub.scim.create_user("jon@docker.com", name=ScimUserName(given_name="Jon", family_name="Snow"))
        assert jon.id is not None
        assert f"{url}/v2/scim/2.0/Users/{jon.id}" == (jon.meta and jon.meta.location)
        assert jon == await hub.scim.get_user(jon.id)

        changed = await hub.scim.update_user(jon.id, enabled=False, name=ScimUserName(given_name="Aegon"))
        assert (False, "Aegon") == (changed.active, changed.name and changed.name.given_name)
        assert ScimUserName(given_name="Aegon", family_name="Snow") == changed.name

        with pytest.raises(Conflict, match="already exists"):
            await hub.scim.create_user("jon@docker.com")
        with pytest.raises(NotFound):
            await hub.scim.get_user("nobody")

    assert 1 == fake.count(operation="scim.create_user", status=201)
    assert 1 == fake.count(operation="scim.update_user", account="acme")


async def test_users_are_found(fake: FakeHub) -> None:
    """Searches return pages, filtered and sorted, and names with special characters are quoted."""
    names = ['x" or userName pr or "', "back\\slash", "Ünal", "line\nbreak", "日本"]
    async with AsyncHub(transport=fake.transport(), scim_token=TOKEN) as hub:
        for number, name in enumerate(names):
            await hub.scim.create_user(f"{number}@docker.com", name=ScimUserName(family_name=name))

        for number, name in enumerate(names):
            (found,) = await hub.scim.list_users(filter=User.name.family_name == name).collect()
            assert f"{number}@docker.com" == found.user_name

        listed = hub.scim.list_users(
            filter=User.user_name.contains("@DOCKER") & ~(User.user_name == "3@docker.com"),
            sort_by=User.user_name,
            sort_order="descending",
            count=2,
        )
        assert [f"{number}@docker.com" for number in (4, 2, 1, 0)] == [user.user_name async for user in listed]
        (moby,) = await hub.scim.list_users(filter='userName sw "moby"', attributes=["displayName"]).collect()
        assert ("moby", None) == (moby.display_name, moby.user_name)


async def test_errors_are_of_their_kind(fake: FakeHub) -> None:
    """They have the server's message."""
    async with AsyncHub(transport=fake.transport(), scim_token=OTHER_TOKEN) as hub:
        with pytest.raises(BadRequest, match="Field not found: userNam"):
            await hub.scim.list_users(filter='userNam eq "x"').collect()
        with pytest.raises(BadRequest, match="not an email address"):
            await hub.scim.create_user("jon")
    async with AsyncHub(transport=fake.transport(), scim_token="nonsense") as hub:
        with pytest.raises(Unauthorized, match="SCIM token"):
            await hub.scim.list_schemas()


async def test_discovery(fake: FakeHub) -> None:
    """The client reads the server's description of itself."""
    async with AsyncHub(transport=fake.transport(), scim_token=TOKEN) as hub:
        config = await hub.scim.get_service_provider_config()
        assert config.filter is not None
        assert config.filter.supported is True
        assert config.authentication_schemes is not None
        assert "oauthbearertoken" == config.authentication_schemes.type

        (kind,) = await hub.scim.list_resource_types()
        assert kind == await hub.scim.get_resource_type("User")
        (schema,) = await hub.scim.list_schemas()
        assert schema == await hub.scim.get_schema(kind.schema or "")
        assert {"string", "boolean", "complex"} == {attribute.type for attribute in schema.attributes or []}
