"""Exports over an unreliable network and from an unreliable server: every event is written once all the same."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubapi import AsyncHub, ConfigurationError, OrgAccessToken, Password, Settings
from hubapi.testing import FakeHub, RateLimitPolicy, VirtualClock, faults
from tests.export.folders import contents, finished, ids, read

pytestmark = pytest.mark.anyio

MOBY = Password("moby", "hunter2-hunter2")
NOW = datetime(2026, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)

FAULTS = [
    (faults.Status(503), 0.03),
    (faults.Status(500), 0.01),
    (faults.Html(), 0.02),
    (faults.Truncated(), 0.02),
    (faults.Drop("before"), 0.02),
    (faults.Drop("after"), 0.02),
    (faults.Drop("midway"), 0.02),
    (faults.TooMany(wait_s=3), 0.02),
    (faults.SlowHeaders(20), 0.01),
    (faults.SlowBody(90), 0.01),
]


def orgs(fake: FakeHub, count: int, events: int) -> list[str]:
    fake.add_user("moby", password="hunter2-hunter2")
    names = [f"org-{n}" for n in range(count)]
    for name in names:
        fake.add_org(name, owners=["moby"], tokens=[f"dckr_oat_{name}"], events=events, until=NOW - DAY)
    return names


async def test_fifty_thousand_events_on_a_bad_day(tmp_path: Path) -> None:
    """429s, tokens that expire, 5xx, HTML, half responses, dropped and slow connections, and logs that grow."""
    async with VirtualClock(NOW) as clock:
        fake = FakeHub(seed=1, clock=clock, limit=RateLimitPolicy(180), token_lifetime_s=40)
        names = orgs(fake, 10, 5_000)
        due = finished(fake, names)
        late = [fake.add_event(names[0], at=NOW - 30 * DAY, visible_in_s=n) for n in range(1, 100, 10)]
        for name in names:
            fake.grow(name, events=2)
        for fault, probability in FAULTS:
            fake.inject(fault, operation="audit_logs.list", times=None, probability=probability)
        async with AsyncHub(MOBY, transport=fake.transport(), clock=clock).with_options(max_attempts=10) as hub:
            report = await hub.audit_logs.export(names, to=tmp_path)

    assert ((), []) == (report.failed, fake.unmatched_faults())
    assert report.logins > 1
    assert report.rate_limited > 1
    written = read(tmp_path, names)
    assert due[names[0]] == [line for line in written[names[0]] if not any(new.encode() in line for new in late)]
    assert due | {names[0]: []} == written | {names[0]: []}
    assert len(set(ids(tmp_path / "org-0.jsonl"))) == len(written[names[0]])


async def test_a_bad_day_over_real_connections(tmp_path: Path) -> None:
    """The same on loopback, smaller: with real limits, and real connections that break."""
    fake = FakeHub(seed=2, limit=RateLimitPolicy(20, window_s=0.4), token_lifetime_s=1)
    names = orgs(fake, 8, 330)
    for fault, _ in FAULTS:
        if not isinstance(fault, (faults.SlowHeaders, faults.SlowBody, faults.TooMany)):
            fake.inject(fault, operation="audit_logs.list", after=3)
    fake.inject(faults.TooMany(wait_s=1), operation="audit_logs.list", after=20)
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url, settings=Settings(window_s=0.4)) as hub:
        report = await hub.audit_logs.export(names, to=tmp_path)

    assert ((), []) == (report.failed, fake.unmatched_faults())
    assert report.rate_limited > 0
    assert finished(fake, names) == read(tmp_path, names)


@pytest.mark.parametrize("after", [0, 1, 4])
@pytest.mark.parametrize("times", [1, 2, None])
@pytest.mark.parametrize("size", [25, 10, 37])
async def test_a_page_size_that_is_ignored_for_a_while(
    tmp_path: Path, after: int, times: int | None, size: int
) -> None:
    """The server uses its own instead (D14): its pages shrink, and their numbers mean other events."""
    fake = FakeHub(seed=3)
    names = orgs(fake, 1, 730)
    fake.inject(faults.PageSize(size), operation="audit_logs.list", after=after, times=times)
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        report = await hub.audit_logs.export(names, to=tmp_path)

    assert () == report.failed
    assert finished(fake, names) == read(tmp_path, names)


@pytest.mark.parametrize("size", [25, 10])
@pytest.mark.parametrize("times", [1, None])
async def test_a_log_that_begins_with_a_page_of_the_server_s_own_size(
    tmp_path: Path, size: int, times: int | None
) -> None:
    """It is not taken for a short last page, although pages of other logs are longer."""
    fake = FakeHub(seed=3)
    names = orgs(fake, 2, 230)
    fake.inject(faults.PageSize(size), path="/v2/auditlogs/org-1", operation="audit_logs.list", times=times)
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        await hub.audit_logs.export(names, to=tmp_path, concurrency=1)

    assert finished(fake, names) == read(tmp_path, names)


@pytest.mark.parametrize("offset_s", [-3600, 0, 3600])
@pytest.mark.parametrize("known", [True, False])
async def test_the_end_follows_the_server_s_clock(tmp_path: Path, offset_s: int, known: bool) -> None:
    """The machine's own may be an hour wrong: a minute before the server's present is a minute before."""
    async with VirtualClock(NOW, wall_offset_s=offset_s) as clock:
        fake = FakeHub(seed=4, clock=clock, skew_s=-offset_s)
        orgs(fake, 1, 30)
        settled = fake.add_event("org-0", at=NOW - timedelta(seconds=61))
        fake.add_event("org-0", at=NOW - timedelta(seconds=59))
        async with AsyncHub(MOBY, transport=fake.transport(), clock=clock) as hub:
            if known:
                await hub.audit_logs.list("org-0").first()
            report = await hub.audit_logs.export(["org-0"], to=tmp_path)

    assert NOW - timedelta(seconds=60) == report.until
    assert settled == ids(tmp_path / "org-0.jsonl")[-1]
    assert int(not known) == fake.count(operation="audit_logs.actions")


async def test_each_login_has_its_own_rate_limit(tmp_path: Path) -> None:
    """Twelve organisations of six pages, at ten requests a minute each: all are read within the minute."""
    async with VirtualClock(NOW) as clock:
        fake = FakeHub(seed=5, clock=clock, limit=RateLimitPolicy(10))
        names = orgs(fake, 12, 600)
        credentials = {name: OrgAccessToken(name, f"dckr_oat_{name}") for name in names}
        async with AsyncHub(transport=fake.transport(), clock=clock) as hub:
            report = await hub.audit_logs.export(names, to=tmp_path, credentials=credentials)
        seconds = clock.monotonic()

    assert ((), 12, 0) == (report.failed, report.logins, fake.count(status=429))
    assert seconds < 60
    assert finished(fake, names) == read(tmp_path, names)
    for name in names:
        asked = {record.account for record in fake.requests if record.path.split("/")[3:4] == [name]}
        assert {name} == asked


async def test_a_login_that_fails_fails_its_accounts_alone(tmp_path: Path) -> None:
    """Also if it is the first: the server's time is then requested with another login."""
    fake = FakeHub(seed=6)
    names = orgs(fake, 4, 150)
    bad = OrgAccessToken("org-0", "dckr_oat_wrong")
    credentials = {"org-0": bad, "org-1": bad, "org-2": OrgAccessToken("org-2", "dckr_oat_org-2")}
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        report = await hub.audit_logs.export(names, to=tmp_path, credentials=credentials)
        logins = fake.count(operation="login") + fake.count(operation="auth.token")
        again = await hub.audit_logs.export(
            names,
            to=tmp_path,
            credentials={**credentials, "org-0": MOBY, "org-1": OrgAccessToken("org-1", "dckr_oat_org-1")},
        )

    assert ["org-0", "org-1"] == [failed.account for failed in report.failed]
    assert all("Incorrect authentication credentials" in str(failed.error) for failed in report.failed)
    assert (300, ()) == (report.events, again.failed)
    assert 3 >= logins
    assert finished(fake, names) == read(tmp_path, names)


async def test_nothing_is_begun_if_no_login_works(tmp_path: Path) -> None:
    """The error is that of the login."""
    fake = FakeHub(seed=6)
    names = orgs(fake, 2, 10)
    async with AsyncHub(Password("moby", "wrong"), transport=fake.transport()) as hub:
        with pytest.raises(Exception, match="Incorrect authentication credentials") as raised:
            await hub.audit_logs.export(names, to=tmp_path)

    assert not isinstance(raised.value, ConfigurationError)
    assert [".lock"] == list(contents(tmp_path))
