"""The bulk export over real HTTP on loopback, on asyncio and trio."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from hubapi import AsyncHub, ConfigurationError, DecodeError, Forbidden, Password
from hubapi.export import Progress
from hubapi.testing import FakeHub, RateLimitPolicy, VirtualClock, faults
from tests.export.folders import contents

pytestmark = pytest.mark.anyio

MOBY = Password("moby", "hunter2-hunter2")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def orgs(fake: FakeHub) -> list[str]:
    names = [f"org-{n}" for n in range(5)]
    for n, name in enumerate(names):
        fake.add_org(name, owners=["moby"], events=n * 130, until=LONG_AGO)
    return names


async def test_every_event_is_written_once_oldest_first(fake: FakeHub, orgs: list[str], tmp_path: Path) -> None:
    """The files hold the server's bytes, line by line, in the order of time."""
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        report = await hub.audit_logs.export(orgs, to=tmp_path)

    for name in orgs:
        assert list(reversed(fake.raw_events(name))) == (tmp_path / f"{name}.jsonl").read_bytes().splitlines()
    assert (orgs, 1300, ()) == ([a.account for a in report.accounts], report.events, report.failed)
    assert (1, 0) == (report.logins, report.rate_limited)
    assert [".lock", "manifest.json", *(f"{name}.jsonl" for name in orgs)] == sorted(contents(tmp_path))


async def test_pages_are_not_read_past_the_end(fake: FakeHub, orgs: list[str], tmp_path: Path) -> None:
    """A log of some pages costs its pages, no more; one within a page is confirmed by a second request."""
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        report = await hub.audit_logs.export(orgs, to=tmp_path)

    # 0, 130, 260, 390 and 520 events, in pages of 100.
    assert [1, 2, 3, 4, 6] == [account.pages for account in report.accounts]


async def test_events_of_the_last_minute_are_left_for_the_next_run(fake: FakeHub, tmp_path: Path) -> None:
    """`until` is fixed a minute back: a late event can't be missed, and a new one shifts no page."""
    before = fake.event_ids("acme")
    fake.add_event("acme")
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        await hub.audit_logs.export(["acme"], to=tmp_path)

    written = [json.loads(line)["event_id"] for line in (tmp_path / "acme.jsonl").read_bytes().splitlines()]
    frozen = datetime.now(UTC) - timedelta(minutes=1)
    due = [e["event_id"] for e in fake.events("acme") if datetime.fromisoformat(e["timestamp"]) <= frozen]
    assert set(written) <= set(before)
    assert list(reversed(due)) == written


async def test_late_events_at_a_page_boundary_are_not_written_twice(fake: FakeHub, tmp_path: Path) -> None:
    """Late events push others over a page boundary: these come twice, and are written once."""
    fake.add_org("busy", owners=["moby"], events=450, until=LONG_AGO)
    before = fake.event_ids("busy")

    def disturb(progress: Progress) -> None:
        if not progress.done:
            fake.add_event("busy", at=LONG_AGO - timedelta(microseconds=1))

    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        report = await hub.audit_logs.export(["busy"], to=tmp_path, progress=disturb)

    written = [json.loads(line)["event_id"] for line in (tmp_path / "busy.jsonl").read_bytes().splitlines()]
    assert len(set(written)) == len(written)
    assert list(reversed(before)) == [event for event in written if event in set(before)]
    assert report.accounts[0].repeated > 0


async def test_an_account_that_fails_stops_no_other(fake: FakeHub, orgs: list[str], tmp_path: Path) -> None:
    """One 403 is in the report, with its error; the rest is exported."""
    fake.add_org("theirs", events=10, until=LONG_AGO)
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        report = await hub.audit_logs.export(["theirs", *orgs], to=tmp_path)

    (failed,) = report.failed
    assert ("theirs", Forbidden, (), 0) == (failed.account, type(failed.error), failed.files, failed.events)
    assert 1300 == report.events
    assert [".lock", "manifest.json", *(f"{name}.jsonl" for name in orgs)] == sorted(contents(tmp_path))


async def test_progress_is_reported_page_by_page(fake: FakeHub, orgs: list[str], tmp_path: Path) -> None:
    """The callback is called after each page, and once at the end."""
    reported: list[Progress] = []
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        await hub.audit_logs.export(orgs[2:3], to=tmp_path, progress=reported.append)

    assert [(100, 1, False), (200, 2, False), (260, 3, False), (260, 3, True)] == [
        (progress.events, progress.pages, progress.done) for progress in reported
    ]


@pytest.mark.parametrize(
    ("accounts", "since", "until", "words"),
    [
        ([], None, None, "no accounts"),
        (["../etc"], None, None, "not an account name"),
        (["acme"], LONG_AGO, LONG_AGO, "the window is empty"),
        (["acme"], LONG_AGO, date(2025, 12, 31), "the window is empty"),
        (["acme"], LONG_AGO.replace(tzinfo=None), None, "no time zone"),
    ],
)
async def test_what_cannot_work_is_refused_before_anything_is_sent(  # noqa: PLR0917 - a table
    fake: FakeHub, tmp_path: Path, accounts: list[str], since: datetime | None, until: datetime | None, words: str
) -> None:
    """A mistake in the request is named, and neither the server nor the disk is touched."""
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        with pytest.raises(ConfigurationError, match=words):
            await hub.audit_logs.export(accounts, to=tmp_path / "out", since=since, until=until)

    assert ([], []) == (fake.requests, list(tmp_path.iterdir()))


async def test_a_window_that_has_not_come_is_refused(fake: FakeHub, tmp_path: Path) -> None:
    """One request is sent for the server's time, and no log is begun."""
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        with pytest.raises(ConfigurationError, match=r"the window is empty: since is 2999-01-01T00:00:00Z"):
            await hub.audit_logs.export(["acme"], to=tmp_path, since=datetime(2999, 1, 1, tzinfo=UTC))

    assert (1, 0) == (fake.count(operation="audit_logs.actions"), fake.count(operation="audit_logs.list"))
    assert [".lock"] == list(contents(tmp_path))


async def test_what_a_callback_raises_reaches_the_caller_as_it_is(
    fake: FakeHub, orgs: list[str], tmp_path: Path
) -> None:
    """Not wrapped in a group, and no unfinished file is in place."""

    def fail(progress: Progress) -> None:
        if progress.events == 200:
            raise LookupError("mine")

    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        with pytest.raises(LookupError, match="mine"):
            await hub.audit_logs.export(orgs[2:], to=tmp_path, progress=fail)

    assert [] == list(tmp_path.glob("*.jsonl"))


async def test_a_404_after_a_full_page_fails_the_account(fake: FakeHub, tmp_path: Path) -> None:
    """An incomplete log is not taken for a complete one; what was read is kept, to be continued."""
    fake.inject(faults.Status(404), operation="audit_logs.list", after=1, times=None)
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        report = await hub.audit_logs.export(["acme"], to=tmp_path)

    (failed,) = report.failed
    assert "404" in str(failed.error)
    assert fake.raw_events("acme")[:100] == (tmp_path / ".acme.part").read_bytes().splitlines()
    assert [".acme.part", ".lock", "manifest.json"] == list(contents(tmp_path))


async def test_a_response_that_is_not_a_page_is_a_decode_error_of_that_account(fake: FakeHub, tmp_path: Path) -> None:
    """HTML with status 200 is requested again, then reported; no part file is left if nothing was read."""
    fake.inject(faults.Html(), operation="audit_logs.list", times=None)
    async with AsyncHub(MOBY, transport=fake.transport()).with_options(max_attempts=1) as hub:
        report = await hub.audit_logs.export(["acme"], to=tmp_path)

    (failed,) = report.failed
    assert isinstance(failed.error, DecodeError)
    assert "it is an HTML page" in str(failed.error)
    assert [".lock", "manifest.json"] == list(contents(tmp_path))


async def test_malformed_events_are_kept_as_they_are(tmp_path: Path) -> None:
    """Text that is not UTF-8, invalid times, and an event that is not an object: all of it may be evidence."""
    import httpx

    events = [b'{"event_id":"\xff","action":"\xfe"}', b'{"timestamp":"\xff"}', b"[1, 2]", b'{"timestamp":"soon"}']

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v2/users/login":
            return httpx.Response(200, json={"token": "a.b.c"})
        page = events if request.url.params.get("page") == "1" else []
        return httpx.Response(200, content=b'{"logs":[%b]}' % b",".join(page))

    async with AsyncHub(MOBY, transport=httpx.MockTransport(respond)) as hub:
        report = await hub.audit_logs.export(["acme"], to=tmp_path)

    assert events[::-1] == (tmp_path / "acme.jsonl").read_bytes().splitlines()
    assert (4, {"undated": 4}) == (report.events, report.days)


async def test_the_report_counts_by_action_and_by_day(fake: FakeHub, orgs: list[str], tmp_path: Path) -> None:
    """Of all accounts together, also if an earlier run has finished them."""
    due = [event for name in orgs for event in fake.events(name)]
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        first = await hub.audit_logs.export(orgs, to=tmp_path)
        again = await hub.audit_logs.export(orgs, to=tmp_path)

    assert Counter(event["action"] for event in due) == first.actions == again.actions
    assert Counter(event["timestamp"][:10] for event in due) == first.days == again.days
    assert (1300, 0) == (again.events, sum(account.pages for account in again.accounts))


async def test_what_was_waited_before_is_not_in_the_report(tmp_path: Path) -> None:
    """If the hub has waited for the rate limit earlier, for something else."""
    async with VirtualClock() as clock:
        fake = FakeHub(clock=clock, limit=RateLimitPolicy(4))
        fake.add_user("moby", password="hunter2-hunter2")
        fake.add_org("acme", owners=["moby"], events=250)
        async with AsyncHub(MOBY, transport=fake.transport(), clock=clock) as hub:
            await hub.audit_logs.list("acme", page_size=25).collect()
            before = clock.monotonic()
            report = await hub.audit_logs.export(["acme"], to=tmp_path)

    assert before > 60
    assert 0 <= report.paused_s <= clock.monotonic() - before
