"""Every operation of the description with its method, over real HTTP on loopback, on asyncio and trio.

`docs/operations.md` has the table; a test here checks that it is complete.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from attrs import frozen

from hubapi import AsyncHub, Forbidden, NotFound, OrgAccessToken, Password, Totp
from hubapi.models import RestrictedImages, ScimUserName
from hubapi.scim import User
from hubapi.testing import FakeHub
from tests.testing.description.corrected import OPERATIONS
from tests.testing.description.world import PASSWORD, SCIM_TOKEN, TOTP_SECRET, filled

pytestmark = pytest.mark.anyio

TABLE = Path(__file__).parents[2] / "docs" / "operations.md"
USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"


@frozen
class World:
    """A filled fake on loopback, and a hub logged in as one of its owners."""

    fake: FakeHub
    hub: AsyncHub
    url: str


@pytest.fixture
async def world(anyio_backend: str) -> AsyncIterator[World]:
    fake = filled()
    async with (
        fake.serve() as url,
        AsyncHub(Password("moby", PASSWORD), scim_token=SCIM_TOKEN, base_url=url) as hub,
    ):
        yield World(fake, hub, url)


async def login(world: World) -> None:
    await world.hub.audit_logs.actions("acme")
    await world.hub.reauthenticate()
    await world.hub.audit_logs.actions("acme")

    assert 2 == world.fake.count(operation="login", status=200)


async def two_factor_login(world: World) -> None:
    async with AsyncHub(Password("whale", PASSWORD, two_factor=Totp(TOTP_SECRET)), base_url=world.url) as whale:
        await whale.audit_logs.actions("acme")

    assert (1, 1) == (world.fake.count(operation="login", status=401), world.fake.count(operation="two_factor_login"))


async def exchange(world: World) -> None:
    async with AsyncHub(OrgAccessToken("acme", "dckr_oat_acme"), base_url=world.url) as acme:
        await acme.audit_logs.actions("acme")

    assert 1 == world.fake.count(operation="exchange", status=200)


async def create_token(world: World) -> None:
    created = await world.hub.access_tokens.create("ci", ["repo:read"])

    assert ("ci", ["repo:read"], True) == (created.token_label, created.scopes, created.is_active)
    assert (created.token or "").startswith("dckr_pat_")
    assert created.created_at is not None
    assert created.created_at.tzinfo is not None


async def list_tokens(world: World) -> None:
    listed = await world.hub.access_tokens.list(page_size=3).collect()

    assert ["", "", "", ""] == [token.token for token in listed]
    assert 2 == world.fake.count(operation="access_tokens.list")


async def get_token(world: World) -> None:
    created = await world.hub.access_tokens.create("ci", ["repo:read"])

    got = await world.hub.access_tokens.get(str(created.uuid))

    assert (created.uuid, "ci", "") == (got.uuid, got.token_label, got.token)


async def update_token(world: World) -> None:
    created = await world.hub.access_tokens.create("ci", ["repo:read"])

    renamed = await world.hub.access_tokens.update(str(created.uuid), token_label="deploy")
    switched_off = await world.hub.access_tokens.update(str(created.uuid), is_active=False)

    assert ("deploy", True) == (renamed.token_label, renamed.is_active)
    assert ("deploy", False) == (switched_off.token_label, switched_off.is_active)


async def delete_token(world: World) -> None:
    created = await world.hub.access_tokens.create("ci", ["repo:read"])

    await world.hub.access_tokens.delete(str(created.uuid))

    with pytest.raises(NotFound):
        await world.hub.access_tokens.get(str(created.uuid))


async def list_events(world: World) -> None:
    events = await world.hub.audit_logs.list("acme", page_size=40).collect()

    assert world.fake.event_ids("acme") == [event.event_id for event in events]
    assert {"nested": {"list": [1, None, True]}} in [event.data for event in events]


async def list_actions(world: World) -> None:
    response = await world.hub.audit_logs.actions("acme")

    assert {"org", "repo"} <= set(response.actions or {})


async def get_settings(world: World) -> None:
    images = (await world.hub.org_settings.get("acme")).restricted_images

    assert images is not None
    assert isinstance(images.enabled, bool)


async def update_settings(world: World) -> None:
    switches = RestrictedImages(enabled=True, allow_official_images=True, allow_verified_publishers=False)

    response = await world.hub.org_settings.update("acme", switches)

    assert switches == response.restricted_images
    assert switches == (await world.hub.org_settings.get("acme")).restricted_images


async def list_tags(world: World) -> None:
    tags = await world.hub.repositories.list_tags("library", "python", page_size=10).collect()

    assert (25, "latest") == (len({tag.name for tag in tags}), tags[0].name)
    assert all(tag.images and tag.digest and tag.tag_status and tag.content_type and tag.media_type for tag in tags)


async def has_tags(world: World) -> None:
    found = [await world.hub.repositories.has_tags("library", name) for name in ("python", "empty", "nothing")]

    assert [True, False, False] == found


async def get_tag(world: World) -> None:
    tag = await world.hub.repositories.get_tag("library", "python", "latest")

    assert ("latest", True) == (tag.name, tag.v2)
    assert "unknown" in [image.architecture for image in tag.images or []]


async def has_tag(world: World) -> None:
    found = [await world.hub.repositories.has_tag("library", "python", name) for name in ("latest", "nothing")]

    assert [True, False] == found


async def get_service_provider_config(world: World) -> None:
    config = await world.hub.scim.get_service_provider_config()

    assert config.filter is not None
    assert config.filter.supported


async def list_resource_types(world: World) -> None:
    assert "User" in [kind.name for kind in await world.hub.scim.list_resource_types()]


async def get_resource_type(world: World) -> None:
    assert USER_SCHEMA == (await world.hub.scim.get_resource_type("User")).schema


async def list_schemas(world: World) -> None:
    assert USER_SCHEMA in [schema.id for schema in await world.hub.scim.list_schemas()]


async def get_schema(world: World) -> None:
    schema = await world.hub.scim.get_schema(USER_SCHEMA)

    assert "userName" in [attribute.name for attribute in schema.attributes or []]


async def list_users(world: World) -> None:
    for number, name in enumerate(['o"brien', "o'brien", "back\\slash"]):
        await world.hub.scim.create_user(f"{number}@x.org", name=ScimUserName(family_name=name))

    users = await world.hub.scim.list_users(count=2).collect()
    one = await world.hub.scim.list_users(filter=User.name.family_name == 'o"brien').collect()

    assert 5 == len(users)
    assert ['o"brien'] == [user.name.family_name for user in one if user.name]


async def create_user(world: World) -> None:
    user = await world.hub.scim.create_user("jon.snow@docker.com", name=ScimUserName(given_name="Jon"))

    assert ("jon.snow@docker.com", True) == (user.user_name, user.active)
    assert user.meta is not None
    assert user.meta.created is not None


async def get_user(world: World) -> None:
    created = await world.hub.scim.create_user("jon.snow@docker.com")

    whole = await world.hub.scim.get_user(str(created.id))
    part = await world.hub.scim.get_user(str(created.id), attributes=[User.user_name])

    assert created == whole
    assert ("jon.snow@docker.com", None, None) == (part.user_name, part.active, part.meta)


async def update_user(world: World) -> None:
    created = await world.hub.scim.create_user("jon.snow@docker.com", name=ScimUserName(given_name="Jon"))

    gone = await world.hub.scim.update_user(str(created.id), enabled=False)
    back = await world.hub.scim.update_user(str(created.id), enabled=True, name=ScimUserName(given_name="Aegon"))

    assert (False, "Jon") == (gone.active, gone.name and gone.name.given_name)
    assert (True, "Aegon") == (back.active, back.name and back.name.given_name)


Check: TypeAlias = Callable[[World], Awaitable[None]]

CHECKS: dict[str, tuple[str, Check]] = {
    "authentication.login": ("AsyncHub", login),
    "authentication.two_factor_login": ("AsyncHub", two_factor_login),
    "authentication.exchange": ("AsyncHub", exchange),
    "access_tokens.create": ("access_tokens.create", create_token),
    "access_tokens.list": ("access_tokens.list", list_tokens),
    "access_tokens.get": ("access_tokens.get", get_token),
    "access_tokens.update": ("access_tokens.update", update_token),
    "access_tokens.delete": ("access_tokens.delete", delete_token),
    "audit_logs.list": ("audit_logs.list", list_events),
    "audit_logs.actions": ("audit_logs.actions", list_actions),
    "org_settings.get": ("org_settings.get", get_settings),
    "org_settings.update": ("org_settings.update", update_settings),
    "repositories.list_tags": ("repositories.list_tags", list_tags),
    "repositories.has_tags": ("repositories.has_tags", has_tags),
    "repositories.get_tag": ("repositories.get_tag", get_tag),
    "repositories.has_tag": ("repositories.has_tag", has_tag),
    "scim.get_service_provider_config": ("scim.get_service_provider_config", get_service_provider_config),
    "scim.list_resource_types": ("scim.list_resource_types", list_resource_types),
    "scim.get_resource_type": ("scim.get_resource_type", get_resource_type),
    "scim.list_schemas": ("scim.list_schemas", list_schemas),
    "scim.get_schema": ("scim.get_schema", get_schema),
    "scim.list_users": ("scim.list_users", list_users),
    "scim.create_user": ("scim.create_user", create_user),
    "scim.get_user": ("scim.get_user", get_user),
    "scim.update_user": ("scim.update_user", update_user),
}


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_each_operation_has_a_method_that_works(operation: str, world: World) -> None:
    """A new operation of the description fails here until it has a method, and the method a check."""
    method, check = CHECKS[operation]
    found: Any = world.hub
    for name in method.split(".") if method != "AsyncHub" else ():
        found = getattr(found, name)

    await check(world)

    name = operation.removeprefix("authentication.")
    served = [r for r in world.fake.requests if r.operation == name and 200 <= r.status < 300]
    assert callable(found) or method == "AsyncHub"
    assert [] != served


def test_the_table_has_every_operation() -> None:
    """With its route, method and test."""
    rows = re.findall(r"^\| `(\w+) (\S+)` \| `(.+?)` \| `(\w+)` \|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(
        (operation.method, operation.path, CHECKS[name][1].__name__) for name, operation in OPERATIONS.items()
    ) == sorted((verb, path, check) for verb, path, _, check in rows)
    methods = {(verb, path): method.removeprefix("hub.").partition("(")[0] for verb, path, method, _ in rows}
    assert {(o.method, o.path): CHECKS[name][0] for name, o in OPERATIONS.items()} == methods


async def test_empty_and_missing_repositories_are_distinguished(world: World) -> None:
    """The server lists nothing for a namespace that does not exist, unless `must_exist` asks (D17)."""
    repositories = world.hub.repositories
    found = [
        await repositories.exists(*name) for name in (("library", "python"), ("library", "empty"), ("nobody", "x"))
    ]

    assert [True, True, False] == found
    assert [] == await repositories.list_tags("nobody", "x").collect()
    assert [] == await repositories.list_tags("library", "empty", must_exist=True).collect()
    with pytest.raises(NotFound, match="nobody/x does not exist"):
        await repositories.list_tags("nobody", "x", must_exist=True).first()


async def test_a_forbidden_names_the_kind_of_credentials(world: World) -> None:
    """The server refuses logins with a personal access token on some routes (D18)."""
    from hubapi import PersonalAccessToken

    async with AsyncHub(PersonalAccessToken("moby", "dckr_pat_moby"), base_url=world.url) as hub:
        with pytest.raises(Forbidden, match="logged in with a personal access token"):
            await hub.access_tokens.list().collect()


async def test_a_clone_can_have_other_credentials(world: World) -> None:
    """With its own token and rate limiter, over the same connections."""
    clone = world.hub.with_credentials(Password("octopus", PASSWORD))
    await world.hub.audit_logs.actions("acme")

    with pytest.raises(Forbidden):
        await clone.audit_logs.actions("acme")

    assert clone.limiter is not world.hub.limiter
    assert {"moby", "octopus"} == {record.account for record in world.fake.requests if record.account}


async def test_an_exchanged_token_reads_audit_logs(world: World) -> None:
    """A login with a personal access token may not read them, an exchanged token may (D18)."""
    from hubapi import PersonalAccessToken

    token = PersonalAccessToken("moby", "dckr_pat_moby", exchange=True)
    async with AsyncHub(token, base_url=world.url) as hub:
        assert 251 == len(await hub.audit_logs.list("acme").collect())
        with pytest.raises(Forbidden, match="access token"):
            await hub.access_tokens.list().first()
    async with AsyncHub(PersonalAccessToken("moby", "dckr_pat_moby"), base_url=world.url) as hub:
        with pytest.raises(Forbidden, match="exchange=True"):
            await hub.audit_logs.list("acme").first()
