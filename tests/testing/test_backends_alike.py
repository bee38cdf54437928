"""Client and FakeHub do the same on asyncio and trio: the same requests at the same times, the same responses."""

import random
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import anyio
import pytest
from attrs import frozen

from hubapi import AsyncHub, HubError, OrgAccessToken, Password, Totp
from hubapi.models import RestrictedImages, ScimUserName
from hubapi.scim import User
from hubapi.testing import FakeHub, RateLimitPolicy, RequestRecord, VirtualClock, faults
from tests.testing.description.corrected import OPERATIONS
from tests.testing.description.world import PASSWORD, SCIM_TOKEN, TOTP_SECRET, filled

WHALE, MOBY = Password("whale", PASSWORD, two_factor=Totp(TOTP_SECRET)), Password("moby", PASSWORD)
ACME = OrgAccessToken("acme", "dckr_oat_acme")
USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"


async def everything(hub: AsyncHub, moby: AsyncHub) -> list[Any]:
    """Request every operation, logins included, and return the client's results."""
    tokens, logs, settings = hub.access_tokens, hub.audit_logs, hub.org_settings
    repositories, scim = hub.repositories, hub.scim
    created = await tokens.create("ci", ["repo:read"])
    uuid = str(created.uuid)
    hired = await scim.create_user("jon.snow@example.org", name=ScimUserName(given_name="Jon"))
    user = str(hired.id)
    switches = RestrictedImages(enabled=True, allow_official_images=True, allow_verified_publishers=False)
    listed = await tokens.list(page_size=2).collect()
    got = await tokens.get(uuid)
    updated = await tokens.update(uuid, token_label="renamed", is_active=False)
    await tokens.delete(uuid)
    return [
        created,
        hired,
        listed,
        got,
        updated,
        await error_of(tokens.get(uuid)),
        await logs.list("acme", page_size=40).collect(),
        await logs.actions("acme"),
        await hub.with_credentials(ACME).audit_logs.actions("acme"),
        await error_of(moby.audit_logs.actions("octopus")),
        await settings.get("acme"),
        await settings.update("acme", switches),
        await settings.get("acme"),
        await repositories.list_tags("library", "python", page_size=10).collect(),
        await repositories.get_tag("library", "python", "latest"),
        await repositories.has_tags("library", "python"),
        await repositories.has_tag("library", "python", "nothing"),
        await repositories.has_tag("acme", "secret", "latest"),
        await scim.get_service_provider_config(),
        await scim.list_resource_types(),
        await scim.get_resource_type("User"),
        await scim.list_schemas(),
        await scim.get_schema(USER_SCHEMA),
        await scim.update_user(user, enabled=False, name=ScimUserName(family_name="Snow")),
        await scim.get_user(user),
        await scim.list_users(filter=User.active.is_(True), sort_by=User.user_name, count=1).collect(),
        await error_of(scim.create_user("jon.snow@example.org")),
    ]


async def error_of(call: Awaitable[object]) -> tuple[type[HubError], str]:
    """Return the client's error."""
    with pytest.raises(HubError) as caught:
        await call
    return type(caught.value), str(caught.value)


def break_some(fake: FakeHub) -> None:
    """Inject faults that the client recovers from."""
    fake.inject(faults.Status(503), operation="audit_logs.list", after=1, times=2)
    fake.inject(faults.Drop("after"), operation="repositories.get_tag")
    fake.inject(faults.Drop("midway"), operation="scim.list_schemas")
    fake.inject(faults.TooMany(30), operation="org_settings.get", after=1)
    fake.inject(faults.SlowHeaders(7), operation="repositories.has_tags")
    fake.inject(faults.SlowBody(3), operation="audit_logs.actions")
    fake.inject(faults.Truncated(), operation="access_tokens.list")
    fake.inject(faults.Html(502), method="PUT", operation="scim.*")


@frozen
class Run:
    """The result of one run."""

    responses: list[Any]
    requests: list[RequestRecord]
    seconds: float


async def run() -> Run:
    random.seed(4)  # what the pauses between two attempts are drawn from
    async with VirtualClock() as clock:
        fake = filled(clock=clock, limit=RateLimitPolicy(limit=12), token_lifetime_s=90)
        break_some(fake)
        async with (
            AsyncHub(WHALE, scim_token=SCIM_TOKEN, transport=fake.transport(), clock=clock) as hub,
            AsyncHub(MOBY, transport=fake.transport(), clock=clock) as moby,
        ):
            responses = await everything(hub, moby)
        assert [] == fake.unmatched_faults()
        return Run(responses, fake.requests, clock.monotonic())


def test_both_backends_do_the_same() -> None:
    """With faults, a low limit and an expired token, to the second."""
    on_asyncio, on_trio = anyio.run(run), anyio.run(run, backend="trio")

    assert on_asyncio.requests == on_trio.requests
    assert on_asyncio.responses == on_trio.responses
    assert on_asyncio.seconds == on_trio.seconds
    assert on_asyncio.seconds > timedelta(minutes=1).total_seconds()


@pytest.mark.anyio
async def test_every_operation_is_served_over_http() -> None:
    """Each described operation succeeds over loopback at least once."""
    fake = filled()
    async with (
        fake.serve() as url,
        AsyncHub(WHALE, scim_token=SCIM_TOKEN, base_url=url) as hub,
        AsyncHub(MOBY, base_url=url) as moby,
    ):
        await everything(hub, moby)

    served = {(record.method, record.operation) for record in fake.requests if 200 <= record.status < 300}
    described = {(each.method, each.name.removeprefix("authentication.")) for each in OPERATIONS.values()}
    assert described <= served
