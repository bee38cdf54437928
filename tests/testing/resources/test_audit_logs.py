"""The routes of audit logs, and their events."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from hubapi.testing import FakeHub, VirtualClock
from hubapi.testing._setup.timestamps import format_protobuf, parse_rfc3339
from tests.testing.conftest import PASSWORD

pytestmark = pytest.mark.anyio

AUDIT_LOG = "/v2/auditlogs/acme"


async def ids(client: httpx.AsyncClient, **query: str | int) -> list[str]:
    response = await client.get(AUDIT_LOG, params=query)
    assert response.status_code == 200
    assert list(response.json()) == ["logs"]
    return [event["event_id"] for event in response.json()["logs"]]


async def walk(client: httpx.AsyncClient, **query: str | int) -> list[str]:
    found: list[str] = []
    page = 1
    while batch := await ids(client, page=page, page_size=100, **query):
        found += batch
        page += 1
    return found


async def test_a_page_is_25_events_newest_first(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """By default a page has 25 events, newest first."""
    assert fake.event_ids("acme")[:25] == await ids(moby)


async def test_pages_add_up_to_the_log(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """The pages up to the first empty one have every event once."""
    assert fake.event_ids("acme") == await walk(moby)
    assert len(set(fake.event_ids("acme"))) == 250


@pytest.mark.parametrize(("size", "length"), [(1, 1), (99, 99), (100, 100), (101, 100), (1000, 100), (0, 25), ("", 25)])
async def test_page_size_is_clamped(moby: httpx.AsyncClient, size: int | str, length: int) -> None:
    """More than 100 is silently taken as 100, and 0 or none as 25."""
    assert length == len(await ids(moby, page_size=size))


async def test_past_the_end_is_empty(moby: httpx.AsyncClient) -> None:
    """A page past the end is empty."""
    assert await ids(moby, page=11) == []


@pytest.mark.parametrize("query", [{"page": "x"}, {"page_size": "-1"}, {"from": "yesterday"}, {"to": "2025-01-01"}])
async def test_invalid_arguments_are_rejected(moby: httpx.AsyncClient, query: dict[str, str]) -> None:
    """An invalid number or time is a 400 in the described shape of these routes."""
    response = await moby.get(AUDIT_LOG, params=query)

    assert response.status_code == 400
    assert {"code", "message", "details"} == set(response.json())


async def test_from_and_to_are_inclusive(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """Events at exactly `from` and exactly `to` belong to the window, to the nanosecond."""
    events = fake.events("acme")
    newest, oldest = events[60]["timestamp"], events[180]["timestamp"]
    within = [
        event["event_id"]
        for event in events
        if parse_rfc3339(oldest) <= parse_rfc3339(event["timestamp"]) <= parse_rfc3339(newest)
    ]

    assert within == await walk(moby, **{"from": oldest, "to": newest})
    just_inside = {"from": format_protobuf(parse_rfc3339(oldest) + 1), "to": format_protobuf(parse_rfc3339(newest) - 1)}
    ends = {parse_rfc3339(oldest), parse_rfc3339(newest)}
    assert [
        event["event_id"]
        for event in events
        if event["event_id"] in within and parse_rfc3339(event["timestamp"]) not in ends
    ] == await walk(moby, **just_inside)


async def test_a_window_that_ends_before_it_starts_is_empty(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """No event matches if `from` is after `to`."""
    newest, oldest = fake.events("acme")[0]["timestamp"], fake.events("acme")[-1]["timestamp"]

    assert await ids(moby, **{"from": newest, "to": oldest}) == []


@pytest.mark.parametrize("facets", [("action",), ("name",), ("actor",), ("action", "actor")])
async def test_filters_by_facets(fake: FakeHub, moby: httpx.AsyncClient, facets: tuple[str, ...]) -> None:
    """`action`, `name` and `actor` select events with equal values, also within a window."""
    events = fake.events("acme")
    query = {facet: events[100][facet] for facet in facets}
    matching = [event for event in events if all(event[facet] == query[facet] for facet in facets)]

    assert 0 < len(matching) < 250
    assert [event["event_id"] for event in matching] == await walk(moby, **query)
    until = matching[len(matching) // 2]["timestamp"]
    assert [
        event["event_id"] for event in matching if parse_rfc3339(event["timestamp"]) <= parse_rfc3339(until)
    ] == await walk(moby, **query, to=until)


async def test_a_new_event_comes_first(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """An event added now moves the others down, so that the next page repeats one."""
    first = await ids(moby, page_size=50, action="repo.tag.push")
    added = fake.add_event("acme", "repo.tag.push", name="acme/web", actor="moby", data={"tag": "latest"})
    second = await ids(moby, page=2, page_size=50, action="repo.tag.push")

    assert first[-1] == second[0]
    assert added == (await ids(moby, page_size=1))[0]
    assert fake.events("acme")[0]["data"] == {"tag": "latest"}


async def test_an_event_is_inserted_by_its_time(fake: FakeHub, clock: VirtualClock) -> None:
    """An event of the past is not the newest, and of two with the same time the one added last is the newer."""
    past = datetime.fromtimestamp(clock.time(), UTC) - timedelta(days=30)
    late, later = fake.add_event("acme", at=past), fake.add_event("acme", at=past)

    found = fake.event_ids("acme")
    assert found.index(later) + 1 == found.index(late)
    times = [parse_rfc3339(event["timestamp"]) for event in fake.events("acme")]
    assert sorted(times, reverse=True) == times


async def test_lists_the_actions(moby: httpx.AsyncClient) -> None:
    """The actions come in groups with labels, and include those of repositories."""
    response = (await moby.get(AUDIT_LOG + "/actions")).json()

    assert {"org", "repo", "user"} == set(response["actions"])
    for group in response["actions"].values():
        assert {"actions", "label"} == set(group)
        assert all({"name", "description", "label"} == set(action) for action in group["actions"])
    assert "tag.push" in [action["name"] for action in response["actions"]["repo"]["actions"]]


async def test_only_owners_have_access_read(anonymous: httpx.AsyncClient) -> None:
    """For other users a log is forbidden, and an unknown account a 404; users may read their own log."""
    login = {"username": "octopus", "password": PASSWORD}
    token = (await anonymous.post("/v2/users/login", json=login)).json()["token"]
    headers = {"authorization": f"Bearer {token}"}

    for path in (AUDIT_LOG, AUDIT_LOG + "/actions"):
        forbidden = await anonymous.get(path, headers=headers)
        assert (forbidden.status_code, forbidden.json()) == (403, {"message": "forbidden", "errinfo": {}})
    assert (await anonymous.get("/v2/auditlogs/nobody", headers=headers)).status_code == 404
    assert (await anonymous.get("/v2/auditlogs/octopus", headers=headers)).json() == {"logs": []}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v2/users/login", {"username": "moby", "password": PASSWORD}, 200),
        ("/v2/users/login", {"username": "moby", "password": "dckr_pat_moby"}, 403),
        ("/v2/auth/token", {"identifier": "moby", "secret": "dckr_pat_moby"}, 200),
        ("/v2/auth/token", {"identifier": "acme", "secret": "dckr_oat_acme"}, 200),
    ],
)
async def test_access_depends_on_the_login(
    anonymous: httpx.AsyncClient, path: str, body: dict[str, str], status: int
) -> None:
    """Only a personal access token on the login route is forbidden, even for an owner."""
    response = (await anonymous.post(path, json=body)).json()
    headers = {"authorization": f"Bearer {response.get('token') or response['access_token']}"}

    for log in (AUDIT_LOG, AUDIT_LOG + "/actions"):
        read = await anonymous.get(log, headers=headers)
        assert status == read.status_code
        if status == 403:
            assert {"message": "forbidden", "errinfo": {}} == read.json()


async def test_a_log_grows_while_it_is_read(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """New events follow each read, so that the next page repeats as many."""
    before = fake.event_ids("acme")
    fake.grow("acme", events=3, times=2)
    first = await ids(moby, page_size=50)
    second = await ids(moby, page=2, page_size=50)
    third = await ids(moby, page=3, page_size=50)

    assert before[:50] == first
    assert first[-3:] == second[:3]
    assert second[-3:] == third[:3]
    assert (256, before) == (len(fake.event_ids("acme")), fake.event_ids("acme")[6:])
    assert fake.event_ids("acme")[:50] == await ids(moby, page_size=50)


async def test_a_log_grows_without_limit(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """Without a number of reads it does not stop; 0 events stop it; other logs stay."""
    fake.add_org("umbrella", owners=["moby"], events=1)
    fake.grow("acme", events=2)
    for _ in range(5):
        await ids(moby)
    await moby.get("/v2/auditlogs/umbrella")
    await moby.get(AUDIT_LOG, params={"page": "x"})
    assert (260, 1) == (len(fake.events("acme")), len(fake.events("umbrella")))

    fake.grow("acme", events=0)
    await ids(moby)
    assert 260 == len(fake.events("acme"))
    assert {"moby"} >= {event["actor"].partition(" - ")[0] for event in fake.events("acme")[:10]}
    with pytest.raises(ValueError, match="-1 events"):
        fake.grow("acme", events=-1)
    with pytest.raises(KeyError, match="nobody"):
        fake.grow("nobody")


async def test_a_late_event_becomes_visible(fake: FakeHub, moby: httpx.AsyncClient, clock: VirtualClock) -> None:
    """Before, neither clients nor the test see it; then it is in its place, after newer ones."""
    past = datetime.fromtimestamp(clock.time(), UTC)
    clock.advance(300)
    newer = fake.add_event("acme")
    late = fake.add_event("acme", at=past, visible_in_s=90)
    sooner = fake.add_event("acme", at=past, visible_in_s=30)

    clock.advance(89)
    assert [newer, sooner] == (await ids(moby))[:2]
    assert late not in fake.event_ids("acme")
    clock.advance(1)
    assert [newer, late, sooner] == fake.event_ids("acme")[:3] == (await ids(moby))[:3]


async def test_every_recorded_action_is_listed(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """The actions of recorded events are among those to filter by."""
    switches = {"enabled": True, "allow_official_images": True, "allow_verified_publishers": True}
    await moby.put("/v2/orgs/acme/settings", json={"restricted_images": switches})
    token = (await moby.post("/v2/access-tokens", json={"token_label": "ci", "scopes": []})).json()
    await moby.patch(f"/v2/access-tokens/{token['uuid']}", json={})
    await moby.delete(f"/v2/access-tokens/{token['uuid']}")
    fake.push_tag("acme", "web", "1.0")
    fake.remove_tag("acme", "web", "1.0")
    caused = {event["action"] for event in (*fake.events("moby"), *fake.events("acme")[:4])}
    groups = (await moby.get(AUDIT_LOG + "/actions")).json()["actions"]
    known = {f"{group}.{action['name']}" for group, listed in groups.items() for action in listed["actions"]}

    assert 7 == len(caused)
    assert set() == caused - known


async def test_events_look_like_the_real_ones(fake: FakeHub) -> None:
    """Events have the described keys and an id, fractions of all lengths, some equal times, and mostly strings."""
    events = fake.events("acme")
    keys = ["account", "action", "name", "actor", "data", "timestamp", "action_description", "event_id"]

    assert all(keys == list(event) for event in events)
    assert {0, 3, 6, 9} == {len(event["timestamp"].removesuffix("Z").partition(".")[2]) for event in events}
    assert len({event["timestamp"] for event in events}) < 250
    assert any(' - access token "ci"' in event["actor"] for event in events)
    assert {} in [event["data"] for event in events]
    assert {str, bool} == {type(value) for event in events for value in event["data"].values()}


async def test_the_same_seed_gives_the_same_events() -> None:
    """Events follow from the seed and the name, and are within their period."""
    since, until = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC)

    def made(seed: int, name: str) -> list[bytes]:
        fake = FakeHub(seed=seed)
        fake.add_org(name, events=500, since=since, until=until)
        return fake.raw_events(name)

    assert made(1, "acme") == made(1, "acme")
    assert made(1, "acme") != made(2, "acme")
    assert made(1, "acme") != made(1, "umbrella")
    times = [json.loads(raw)["timestamp"] for raw in made(1, "acme")]
    assert all("2025-01-01T" <= time < "2025-01-02T" for time in times)


async def test_invalid_times_and_accounts_are_rejected(fake: FakeHub) -> None:
    """Times must be aware and in order, and the account must exist."""
    day = datetime(2025, 1, 1, tzinfo=UTC)

    with pytest.raises(ValueError, match="is not before"):
        fake.add_org("late", events=1, since=day, until=day)
    with pytest.raises(ValueError, match="time zone"):
        fake.add_org("naive", events=1, since=day.replace(tzinfo=None))
    with pytest.raises(KeyError, match="nobody"):
        fake.add_event("nobody")
    with pytest.raises(KeyError, match="nobody"):
        fake.events("nobody")
