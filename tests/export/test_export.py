"""The bulk export over real HTTP on loopback, on asyncio and trio."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubapi import AsyncHub, ConfigurationError, Forbidden, HubError, Password
from hubapi.export import Progress
from hubapi.testing import FakeHub

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
    assert sorted(f"{name}.jsonl" for name in orgs) == sorted(path.name for path in tmp_path.iterdir())


async def test_pages_are_not_read_past_the_end(fake: FakeHub, orgs: list[str], tmp_path: Path) -> None:
    """A log of some pages costs its pages, no more; one within a page is confirmed by a second request."""
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        report = await hub.audit_logs.export(orgs, to=tmp_path)

    # 0, 130, 260, 390 and 520 events, in pages of 100.
    assert [1, 2, 3, 4, 6] == [account.pages for account in report.accounts]


async def test_files_are_for_their_owner_only(fake: FakeHub, orgs: list[str], tmp_path: Path) -> None:
    """Audit events name people: nobody else may read them."""
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        await hub.audit_logs.export(orgs, to=tmp_path / "new" / "folder")

    files = list((tmp_path / "new" / "folder").iterdir())
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in files}


async def test_events_of_the_last_minute_are_left_for_the_next_run(fake: FakeHub, tmp_path: Path) -> None:
    """`until` is frozen a minute back: a late event can't be missed, and a new one shifts no page."""
    before = fake.event_ids("acme")
    fake.add_event("acme")
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        await hub.audit_logs.export(["acme"], to=tmp_path)

    written = [json.loads(line)["event_id"] for line in (tmp_path / "acme.jsonl").read_bytes().splitlines()]
    frozen = datetime.now(UTC) - timedelta(minutes=1)
    due = [e["event_id"] for e in fake.events("acme") if datetime.fromisoformat(e["timestamp"]) <= frozen]
    assert set(written) <= set(before)
    assert list(reversed(due)) == written


async def test_late_events_at_the_seam_are_not_written_twice(fake: FakeHub, tmp_path: Path) -> None:
    """Events that appear while the log is read push others over the seam: these come twice, and are written once."""
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
    assert ("theirs", Forbidden, None) == (failed.account, type(failed.error), failed.file)
    assert 1300 == report.events
    assert sorted(f"{name}.jsonl" for name in orgs) == sorted(path.name for path in tmp_path.iterdir())


async def test_a_folder_that_cannot_be_written_is_an_error_with_its_name(
    fake: FakeHub, orgs: list[str], tmp_path: Path
) -> None:
    """Where a file stands in the way of the folder, each account says so."""
    (tmp_path / "taken").write_text("mine")
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        report = await hub.audit_logs.export(orgs[:2], to=tmp_path / "taken")

    assert [True, True] == ["taken" in str(account.error) for account in report.failed]
    assert "mine" == (tmp_path / "taken").read_text()


async def test_a_log_that_cannot_be_finished_leaves_nothing_half_done(
    fake: FakeHub, orgs: list[str], tmp_path: Path
) -> None:
    """A folder stands where the log should be: the error names it, and no part stays to fill the disk."""
    (tmp_path / "org-2.jsonl" / "mine").mkdir(parents=True)
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        report = await hub.audit_logs.export(orgs[2:4], to=tmp_path)

    assert ["org-2"] == [failed.account for failed in report.failed]
    assert "org-2.jsonl: can't be written" in str(report.failed[0].error)
    assert ["org-2.jsonl", "org-3.jsonl"] == sorted(path.name for path in tmp_path.iterdir())


async def test_progress_is_told_page_by_page(fake: FakeHub, orgs: list[str], tmp_path: Path) -> None:
    """The callback hears of each page, and once of the end."""
    told: list[Progress] = []
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        await hub.audit_logs.export(orgs[2:3], to=tmp_path, progress=told.append)

    assert [(100, 1, False), (200, 2, False), (260, 3, False), (260, 3, True)] == [
        (news.events, news.pages, news.done) for news in told
    ]


@pytest.mark.parametrize(
    ("accounts", "since", "until", "words"),
    [
        ([], None, None, "no accounts"),
        (["../etc"], None, None, "no account name"),
        (["acme"], LONG_AGO, LONG_AGO, "nothing lies between"),
        (["acme"], datetime(2999, 1, 1, tzinfo=UTC), None, "nothing lies between"),
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


async def test_a_cancelled_export_leaves_no_half_written_log(fake: FakeHub, orgs: list[str], tmp_path: Path) -> None:
    """What is in place is whole: a log that was being read is not there."""
    import anyio

    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        with anyio.CancelScope() as scope:

            def stop(progress: Progress) -> None:
                if progress.events >= 300:
                    scope.cancel()

            await hub.audit_logs.export(orgs[::-1], to=tmp_path, progress=stop, concurrency=2)

    for path in tmp_path.glob("*.jsonl"):
        assert list(reversed(fake.raw_events(path.stem))) == path.read_bytes().splitlines()
    assert not (tmp_path / "org-0.jsonl").exists()


async def test_what_a_callback_raises_reaches_the_caller_as_it_is(
    fake: FakeHub, orgs: list[str], tmp_path: Path
) -> None:
    """Not wrapped in a group, and nothing half-written is in place."""

    def fail(progress: Progress) -> None:
        if progress.events == 200:
            raise LookupError("mine")

    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        with pytest.raises(LookupError, match="mine"):
            await hub.audit_logs.export(orgs[2:], to=tmp_path, progress=fail)

    assert [] == list(tmp_path.glob("*.jsonl"))


async def test_a_404_after_a_full_page_fails_the_account(tmp_path: Path) -> None:
    """A log that breaks off is not taken for a whole one."""
    import httpx

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v2/users/login":
            return httpx.Response(200, json={"token": "a.b.c"})
        if request.url.params["page"] == "1":
            return httpx.Response(200, json={"logs": [{"event_id": str(n)} for n in range(100)]})
        return httpx.Response(404, json={"message": "Page not found"})

    async with AsyncHub(MOBY, transport=httpx.MockTransport(answer)) as hub:
        report = await hub.audit_logs.export(["acme"], to=tmp_path)

    (failed,) = report.failed
    assert "404 Page not found" in str(failed.error)
    assert [] == list(tmp_path.iterdir())


async def test_an_answer_that_is_no_page_is_a_decode_error_of_that_account(tmp_path: Path) -> None:
    """HTML with status 200 is tried again, then reported; nothing is written."""
    import httpx

    def html(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v2/users/login":
            return httpx.Response(200, json={"token": "a.b.c"})
        return httpx.Response(200, html="<html><title>Sorry</title></html>")

    async with AsyncHub(MOBY, transport=httpx.MockTransport(html)).with_options(max_attempts=1) as hub:
        report = await hub.audit_logs.export(["acme"], to=tmp_path)

    (failed,) = report.failed
    assert isinstance(failed.error, HubError)
    assert "it is an HTML page" in str(failed.error)
    assert [] == list(tmp_path.iterdir())
