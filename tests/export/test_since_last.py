"""`since="last"`: run after run, each event once, also late ones and those at the boundary."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hubapi import AsyncHub, ConfigurationError, Password
from hubapi.export import ExportReport, Progress
from hubapi.export.manifest import load
from hubapi.testing import FakeHub, VirtualClock, faults
from tests.export.folders import contents, ids

pytestmark = pytest.mark.anyio

MOBY = Password("moby", "hunter2-hunter2")
NOW = datetime(2026, 2, 1, tzinfo=UTC)
SETTLES = timedelta(minutes=1)
OVERLAP = timedelta(minutes=10)
TICK = timedelta(microseconds=1)


@pytest.fixture
def clock() -> VirtualClock:
    """The server's clock, which is only advanced by hand; the hub has another one."""
    return VirtualClock(NOW)


@pytest.fixture
def fake(clock: VirtualClock) -> FakeHub:
    fake = FakeHub(seed=7, clock=clock)
    fake.add_user("moby", password="hunter2-hunter2")
    fake.add_org("acme", owners=["moby"], events=250, until=NOW - timedelta(days=1))
    fake.add_org("other", owners=["moby"], events=120, until=NOW - timedelta(days=1))
    return fake


async def last(fake: FakeHub, folder: Path, *accounts: str, **options: Any) -> ExportReport:
    async with AsyncHub(MOBY, transport=fake.transport()).with_options(max_attempts=1) as hub:
        return await hub.audit_logs.export(accounts or ["acme"], to=folder, since="last", **options)


def runs(folder: Path, account: str = "acme") -> list[Path]:
    """Return the files of an account, in the order of runs."""
    found = list(folder.glob(f"{account}.jsonl")) + list(folder.glob(f"{account}@*.jsonl"))
    return sorted(found, key=lambda path: int(path.stem.partition("@")[2] or 1))


def times(path: Path) -> list[str]:
    return [json.loads(line)["timestamp"] for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("with_ids", [True, False])
async def test_over_all_runs_each_event_comes_once(
    fake: FakeHub, clock: VirtualClock, tmp_path: Path, seed: int, with_ids: bool
) -> None:
    """Whenever a run starts, and with events up to ten minutes late."""
    random = Random(seed)  # noqa: S311 - meant to repeat
    if not with_ids:

        def strip(page: Any) -> Any:
            kept = ("timestamp", "action")
            return {"logs": [{key: event[key] for key in kept} for event in page["logs"]]}

        fake.inject(faults.Rewrite(strip), operation="audit_logs.list", times=None)
    for _ in range(8):
        now = datetime.fromtimestamp(clock.time(), UTC)
        for _ in range(random.choice([0, 5, 130])):
            # Some share a whole second, some are at the very boundary of what this run or the next will read.
            ago = random.choice([*[timedelta(seconds=random.randint(0, 500))] * 5, SETTLES, SETTLES + TICK, OVERLAP])
            late_s = random.choice([0, 0, random.uniform(0, 600 - ago.total_seconds())])
            fake.add_event("acme", at=now - ago, visible_in_s=late_s)
        await last(fake, tmp_path)
        clock.advance(random.choice([1, 30, 61, 600, 86_400]))
    clock.advance(3600)
    await last(fake, tmp_path)

    written = [line for path in runs(tmp_path) for line in path.read_bytes().splitlines()]
    due = fake.raw_events("acme")
    if not with_ids:
        due = [json.dumps(stripped(line), separators=(",", ":")).encode() for line in due]
        written = [json.dumps(json.loads(line), separators=(",", ":")).encode() for line in written]
    assert 9 == len(runs(tmp_path))
    assert Counter(due) == Counter(written)
    for path in runs(tmp_path):
        assert sorted(map(instant, times(path))) == [instant(time) for time in times(path)]


def stripped(line: bytes) -> dict[str, str]:
    event = json.loads(line)
    return {"timestamp": event["timestamp"], "action": event["action"]}


def instant(text: str) -> tuple[datetime, str]:
    """Return a time to compare: Python reads six digits of a second, the rest is compared as text."""
    return datetime.fromisoformat(text[:19] + "+00:00"), text[19:-1].ljust(10, "0") if "." in text else "." + "0" * 9


async def test_events_at_the_boundary_of_two_runs(fake: FakeHub, clock: VirtualClock, tmp_path: Path) -> None:
    """An event at the end belongs to the next run; of equal events, some of them late, each comes once."""
    end = NOW - SETTLES
    before = [fake.add_event("acme", at=end - TICK) for _ in range(3)]
    at = [fake.add_event("acme", at=end) for _ in range(3)]
    first = await last(fake, tmp_path)
    late = [fake.add_event("acme", at=end - TICK) for _ in range(3)]
    edge = fake.add_event("acme", at=end - OVERLAP)
    clock.advance(120)
    second = await last(fake, tmp_path)

    one, two = runs(tmp_path)
    assert before == ids(one)[-3:]
    assert [edge, *late, *at] == ids(two)
    assert (end, end + timedelta(seconds=120)) == (first.until, second.until)
    assert (253, 7) == (first.events, second.events)


async def test_run_again_at_once_there_is_nothing_new(fake: FakeHub, tmp_path: Path) -> None:
    """The file is empty, and the other files stay as they are."""
    fake.add_event("acme", at=NOW - timedelta(minutes=2))
    await last(fake, tmp_path)
    before = contents(tmp_path)
    report = await last(fake, tmp_path)

    after = contents(tmp_path)
    assert (0, b"") == (report.events, after["acme@2.jsonl"])
    assert before["acme.jsonl"] == after["acme.jsonl"]


async def test_an_account_that_comes_later_is_read_from_its_beginning(
    fake: FakeHub, clock: VirtualClock, tmp_path: Path
) -> None:
    """The others continue from their last run."""
    await last(fake, tmp_path)
    new = fake.add_event("acme", at=NOW)
    clock.advance(3600)
    await last(fake, tmp_path, "acme", "other")

    assert [new] == ids(tmp_path / "acme@2.jsonl")
    assert fake.event_ids("other")[::-1] == ids(tmp_path / "other@2.jsonl")


@pytest.mark.parametrize("after", [0, 1, 2])
async def test_an_account_that_failed_holds_up_no_other(
    fake: FakeHub, clock: VirtualClock, tmp_path: Path, after: int
) -> None:
    """It is read from its earlier beginning, whatever was read of it."""
    fake.inject(faults.Status(503), path="/v2/auditlogs/acme", operation="audit_logs.list", after=after)
    first = await last(fake, tmp_path, "acme", "other")
    new = {name: fake.add_event(name, at=NOW) for name in ("acme", "other")}
    clock.advance(3600)
    second = await last(fake, tmp_path, "acme", "other")
    clock.advance(3600)
    third = await last(fake, tmp_path, "acme", "other")

    assert [["acme"], [], []] == [[a.account for a in report.failed] for report in (first, second, third)]
    assert [new["other"]] == ids(tmp_path / "other@2.jsonl")
    assert fake.event_ids("acme")[::-1] == ids(tmp_path / "acme@2.jsonl")
    assert b"" == (tmp_path / "acme@3.jsonl").read_bytes()
    assert not list(tmp_path.glob(".*.part"))


async def test_the_run_after_a_failure_reads_what_is_missing(
    fake: FakeHub, clock: VirtualClock, tmp_path: Path
) -> None:
    """From the end of the last successful run."""
    await last(fake, tmp_path)
    added = [fake.add_event("acme", at=NOW)]
    clock.advance(3600)
    fake.inject(faults.Status(403), operation="audit_logs.list")
    await last(fake, tmp_path)
    added.append(fake.add_event("acme", at=NOW + timedelta(hours=1)))
    clock.advance(3600)
    await last(fake, tmp_path)

    assert ["acme.jsonl", "acme@3.jsonl"] == [path.name for path in runs(tmp_path)]
    assert added == ids(tmp_path / "acme@3.jsonl")


async def test_an_interrupted_run_is_continued_with_its_own_window(
    fake: FakeHub, clock: VirtualClock, tmp_path: Path
) -> None:
    """Newer events belong to the next one."""
    await last(fake, tmp_path, "acme", "other")
    inside = [fake.add_event("acme", at=NOW + timedelta(seconds=n)) for n in range(250)]
    clock.advance(3600)

    def stop(progress: Progress) -> None:
        if progress.events >= 200:
            raise LookupError

    with pytest.raises(LookupError):
        await last(fake, tmp_path, "acme", "other", progress=stop)
    beyond = fake.add_event("acme", at=NOW + timedelta(hours=2))
    clock.advance(86_400)
    resumed = await last(fake, tmp_path, "acme", "other")
    await last(fake, tmp_path, "acme", "other")

    assert NOW + timedelta(hours=1) - SETTLES == resumed.until
    assert (inside, [beyond]) == (ids(tmp_path / "acme@2.jsonl"), ids(tmp_path / "acme@3.jsonl"))
    found = load(tmp_path)
    assert found is not None
    assert [1, 2, 3] == [run.number for run in found.runs]


async def test_an_account_that_was_dropped_holds_up_no_other(
    fake: FakeHub, clock: VirtualClock, tmp_path: Path
) -> None:
    """An interrupted run is over for the accounts that have finished it."""

    def stop(progress: Progress) -> None:
        if progress.account == "other":
            raise LookupError

    with pytest.raises(LookupError):
        await last(fake, tmp_path, "acme", "other", progress=stop, concurrency=1)
    new = fake.add_event("acme", at=NOW)
    clock.advance(3600)
    await last(fake, tmp_path, "acme")
    await last(fake, tmp_path, "other")

    assert [new] == ids(tmp_path / "acme@2.jsonl")
    assert fake.event_ids("other")[::-1] == ids(tmp_path / "other@3.jsonl")


async def test_the_part_file_of_a_killed_run_is_not_used_by_the_next(
    fake: FakeHub, clock: VirtualClock, tmp_path: Path
) -> None:
    """Killed after the manifest was written, before the part file was removed: its events are in the log."""
    recent = [fake.add_event("acme", at=NOW - timedelta(minutes=5, seconds=n)) for n in range(20)]
    await last(fake, tmp_path)
    lines = (tmp_path / "acme.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / ".acme.part").write_bytes(b"".join(lines[::-1]))
    (tmp_path / ".acme.jsonl.whole").write_bytes(b"half")
    new = fake.add_event("acme", at=NOW - timedelta(seconds=30))
    clock.advance(60)
    await last(fake, tmp_path)

    assert ([new], recent[::-1]) == (ids(tmp_path / "acme@2.jsonl"), ids(tmp_path / "acme.jsonl")[-20:])
    assert [".lock", "acme.jsonl", "acme@2.jsonl", "manifest.json"] == list(contents(tmp_path))


async def test_an_export_with_a_window_can_be_followed_by_since_last(
    fake: FakeHub, clock: VirtualClock, tmp_path: Path
) -> None:
    """From its end; accounts that failed, from its beginning."""
    since = NOW - timedelta(days=20)
    for name in ("acme", "other"):
        fake.add_event(name, at=since - timedelta(minutes=5))
    fake.inject(faults.Status(403), path="/v2/auditlogs/other", operation="audit_logs.list")
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        await hub.audit_logs.export(["acme", "other"], to=tmp_path, since=since, until=date(2026, 1, 20))
    await last(fake, tmp_path, "acme", "other")

    assert not set(ids(tmp_path / "acme.jsonl")) & set(ids(tmp_path / "acme@2.jsonl"))
    for name in ("acme", "other"):
        assert since_then(fake, name, since) == ids(*runs(tmp_path, name))


def since_then(fake: FakeHub, account: str, since: datetime) -> list[str]:
    events: Iterable[Any] = reversed(fake.events(account))
    return [event["event_id"] for event in events if datetime.fromisoformat(event["timestamp"]) >= since]


async def test_an_end_before_the_last_one_is_refused(fake: FakeHub, tmp_path: Path) -> None:
    """The window would be empty, and nothing is begun."""
    await last(fake, tmp_path)
    before = contents(tmp_path)

    with pytest.raises(ConfigurationError, match=r"the window is empty: since is 2026-01-31T23:59:00Z, and until is"):
        await last(fake, tmp_path, until=NOW - timedelta(days=1))
    assert before == contents(tmp_path)


async def test_by_day_each_run_has_its_own_files(fake: FakeHub, clock: VirtualClock, tmp_path: Path) -> None:
    """Late events of a day are in a file next to that of the run before."""
    late = fake.add_event("acme", at=NOW - SETTLES - TICK, visible_in_s=30)
    await last(fake, tmp_path, partition="day")
    new = fake.add_event("acme", at=NOW + timedelta(hours=1))
    clock.advance(86_400)
    await last(fake, tmp_path, partition="day")

    days = sorted((tmp_path / "acme").glob("*@2.jsonl"))
    assert ["2026-01-31@2.jsonl", "2026-02-01@2.jsonl"] == [day.name for day in days]
    assert ([late], [new]) == (ids(days[0]), ids(days[1]))
    assert sorted(fake.event_ids("acme")) == sorted(ids(*(tmp_path / "acme").iterdir()))
