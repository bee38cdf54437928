"""The groups of a hub over real HTTP on loopback, on asyncio and trio."""

from datetime import UTC, date, datetime, timedelta

import pytest

from hubapi import (
    Anonymous,
    AsyncHub,
    AuthenticationError,
    ConfigurationError,
    Forbidden,
    NotFound,
    OrgAccessToken,
    Password,
    PersonalAccessToken,
    Unauthorized,
)
from hubapi.testing import FakeHub, RateLimitPolicy, VirtualClock

pytestmark = pytest.mark.anyio

MOBY = Password("moby", "hunter2-hunter2")


async def test_audit_logs_are_listed_newest_first(fake: FakeHub) -> None:
    """Every event once, in the server's order, decoded."""
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        events = await hub.audit_logs.list("acme").collect()

    assert fake.event_ids("acme") == [event.event_id for event in events]
    moments = [event.timestamp for event in events if event.timestamp]
    assert sorted(moments, reverse=True) == moments
    assert {UTC} == {moment.tzinfo for moment in moments}


async def test_a_smaller_page_size_lists_the_same(fake: FakeHub) -> None:
    """The result does not depend on the page size."""
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        by_seven = [event.event_id async for event in hub.audit_logs.list("acme", page_size=7)]

    assert fake.event_ids("acme") == by_seven


async def test_audit_logs_are_filtered(fake: FakeHub) -> None:
    """Action, actor and time reach the server under its own parameter names."""
    known = fake.events("acme")
    action, actor = known[3]["action"], known[3]["actor"]
    noon = datetime.fromisoformat(known[100]["timestamp"])
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        done = [e.event_id async for e in hub.audit_logs.list("acme", action=action, actor=actor)]
        late = [e.event_id async for e in hub.audit_logs.list("acme", since=noon + timedelta(seconds=1))]

    assert [e["event_id"] for e in known if (e["action"], e["actor"]) == (action, actor)] == done
    assert [
        e["event_id"] for e in known if datetime.fromisoformat(e["timestamp"]) >= noon + timedelta(seconds=1)
    ] == late


async def test_a_date_is_sent_as_the_start_of_the_day_in_utc(fake: FakeHub) -> None:
    """Midnight."""
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        await hub.audit_logs.list("acme", until=date(2030, 1, 2)).first()

    assert "to=2030-01-02T00%3A00%3A00Z" in fake.requests[-1].query


async def test_a_datetime_without_a_time_zone_is_refused(fake: FakeHub) -> None:
    """Before anything is sent, because it is ambiguous."""
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        with pytest.raises(ConfigurationError, match="no time zone"):
            hub.audit_logs.list("acme", since=datetime(2026, 1, 1))  # noqa: DTZ001 - the point

    assert [] == fake.requests


async def test_the_actions_of_an_account_are_grouped(fake: FakeHub) -> None:
    """Groups contain actions, and actions have names."""
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        response = await hub.audit_logs.actions("acme")

    groups = response.actions or {}
    assert {"org", "repo"} <= groups.keys()
    assert all(action.name for group in groups.values() for action in group.actions or [])


async def test_tags_are_read_without_credentials(fake: FakeHub) -> None:
    """Public repositories can be listed, by following links, and looked up."""
    async with fake.serve() as url, AsyncHub(Anonymous(), base_url=url) as hub:
        names = {tag.name async for tag in hub.repositories.list_tags("library", "python")}
        tag = await hub.repositories.get_tag("library", "python", "3.13")
        assert await hub.repositories.has_tag("library", "python", "3.13")
        assert not await hub.repositories.has_tag("library", "python", "2.7")
        assert await hub.repositories.has_tags("library", "python")
        assert [] == await hub.repositories.list_tags("nobody", "nothing").collect()

    assert {f"3.{n}" for n in range(120)} == names
    assert ("3.13", True, "active") == (tag.name, tag.v2, tag.tag_status)
    assert all(image.digest for image in tag.images or [])
    assert tag.last_updated
    assert {None} == {record.account for record in fake.requests}


async def test_a_missing_tag_is_a_not_found(fake: FakeHub) -> None:
    """The error has the operation, the status and the number of attempts."""
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        with pytest.raises(NotFound) as caught:
            await hub.repositories.get_tag("library", "python", "2.7")

    assert ("repositories.get_tag", 404, 1) == (caught.value.operation, caught.value.status, caught.value.attempts)


@pytest.mark.parametrize(
    "credentials", [PersonalAccessToken("moby", "dckr_pat_moby"), OrgAccessToken("acme", "dckr_oat_acme")]
)
async def test_each_kind_of_token_has_its_login_route(
    fake: FakeHub, credentials: PersonalAccessToken | OrgAccessToken
) -> None:
    """A personal access token replaces the password; an organisation access token is exchanged."""
    async with fake.serve() as url, AsyncHub(credentials, base_url=url) as hub:
        assert "3.13" == (await hub.repositories.get_tag("library", "python", "3.13")).name

    route = "login" if isinstance(credentials, PersonalAccessToken) else "exchange"
    assert (1, 2) == (fake.count(operation=route), len(fake.requests))


async def test_a_wrong_password_is_tried_once(fake: FakeHub) -> None:
    """The refusal is remembered, so that further attempts do not lock the account."""
    async with fake.serve() as url, AsyncHub(Password("moby", "guess"), base_url=url) as hub:
        for _ in range(10):
            with pytest.raises(AuthenticationError, match="login of moby was refused"):
                await hub.audit_logs.list("acme").first()

    assert 1 == len(fake.requests)


async def test_missing_credentials_are_an_error_before_anything_is_sent(fake: FakeHub) -> None:
    """The error says which to pass."""
    async with AsyncHub(transport=fake.transport()) as hub:
        with pytest.raises(ConfigurationError, match="needs credentials") as caught:
            await hub.org_settings.get("acme")
        with pytest.raises(ConfigurationError, match="scim_token"):
            await hub.scim.get_user("1")

    assert ([], 0) == (fake.requests, caught.value.attempts)


async def test_the_log_of_another_account_is_forbidden(fake: FakeHub) -> None:
    """A login that may not read a log gets a 403."""
    fake.add_user("eve", password="hunter3-hunter3")
    async with fake.serve() as url, AsyncHub(Password("eve", "hunter3-hunter3"), base_url=url) as hub:
        with pytest.raises(Forbidden, match="forbidden"):
            await hub.audit_logs.list("acme").first()


async def test_a_listing_continues_after_its_token_is_revoked(fake: FakeHub) -> None:
    """Tokens are renewed without the caller noticing."""
    seen: list[str | None] = []
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        async for event in hub.audit_logs.list("acme", page_size=50):
            if len(seen) in {60, 160}:
                fake.revoke_tokens()
            seen.append(event.event_id)

    assert fake.event_ids("acme") == seen
    assert (3, 2) == (fake.count(operation="login"), fake.count(status=401))


async def test_a_listing_waits_for_the_rate_limit() -> None:
    """A listing with more pages than the window allows waits, in virtual time, and is complete."""
    async with VirtualClock() as clock:
        fake = FakeHub(seed=3, limit=RateLimitPolicy(limit=4), clock=clock)
        fake.add_user("moby", password="hunter2-hunter2")
        fake.add_org("acme", owners=["moby"], events=250)
        async with AsyncHub(MOBY, transport=fake.transport(), clock=clock) as hub:
            seen = [event.event_id async for event in hub.audit_logs.list("acme", page_size=25)]

    assert fake.event_ids("acme") == seen
    assert 0 == fake.count(status=429)


async def test_any_route_can_be_requested(fake: FakeHub) -> None:
    """`raw` uses the same login and decodes JSON, also on routes that the description lacks."""
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        response = await hub.raw.request("GET", "/v2/auditlogs/acme", query={"page_size": 1})
        with pytest.raises(NotFound):
            await hub.raw.request("DELETE", "/v2/namespaces/library/repositories/python/tags/3.1/images/of/mine")

    assert fake.event_ids("acme")[:1] == [event["event_id"] for event in response["logs"]]


async def test_a_refused_static_token_is_an_unauthorized(fake: FakeHub) -> None:
    """It can't be renewed."""
    from hubapi import StaticToken

    async with fake.serve() as url, AsyncHub(StaticToken("a.b.c"), base_url=url) as hub:
        with pytest.raises(Unauthorized):
            await hub.audit_logs.list("acme").first()

    assert 1 == len(fake.requests)
