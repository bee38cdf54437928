"""Following a log: every event once, despite failures, and from any cursor."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import anyio
import httpx
import pytest
from attrs import define, field

from hubapi import (
    AsyncHub,
    ConfigurationError,
    DecodeError,
    Forbidden,
    HubError,
    NoResponseError,
    Password,
    ServerError,
)
from hubapi.export.follow import Follow
from hubapi.models import AuditLog
from hubapi.testing import FakeHub, RateLimitPolicy, VirtualClock, faults
from tests.auth.logins import Interceptor
from tests.pipeline.stepping import Steps
from tests.transport.distant import Silent

pytestmark = pytest.mark.anyio

MOBY = Password("moby", "hunter2-hunter2")
START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = 3600.0


@pytest.fixture
async def clock(anyio_backend: str) -> AsyncIterator[VirtualClock]:
    async with VirtualClock(START) as clock:
        yield clock


@pytest.fixture
def log(clock: VirtualClock) -> FakeHub:
    """A log of 30 events, in the two days before the start."""
    return log_of(clock, 30)


def log_of(clock: VirtualClock, events: int, *, days: int = 2, **options: Any) -> FakeHub:
    fake = FakeHub(seed=7, clock=clock, **options)
    fake.add_user("moby", password="hunter2-hunter2")
    fake.add_org("acme", owners=["moby"], events=events, since=START - timedelta(days=days), until=START)
    return fake


def hub_on(fake: FakeHub, clock: VirtualClock) -> AsyncHub:
    return AsyncHub(MOBY, transport=fake.transport(), clock=clock)


async def take(events: Follow, count: int) -> list[str | None]:
    return [(await anext(events)).event_id for _ in range(count)]


async def follow_for(seconds: float, events: Follow, clock: VirtualClock) -> list[AuditLog]:
    """Return the events that come within a time."""
    found: list[AuditLog] = []
    with clock.move_on_after(seconds):
        while True:
            found.append(await anext(events))
    return found


def ids(events: list[AuditLog]) -> list[str | None]:
    return [event.event_id for event in events]


# --- what comes


async def test_only_what_happens_from_now_on_comes(log: FakeHub, clock: VirtualClock) -> None:
    """Without `since`; by the server's clock, which is right when ours is an hour wrong."""
    clock.wall_offset_s, log.skew_s = HOUR, -HOUR
    async with hub_on(log, clock) as hub, anyio.create_task_group() as tasks:
        events = hub.audit_logs.follow("acme")
        found: list[AuditLog] = []

        async def follow() -> None:
            found.extend(await follow_for(2 * HOUR, events, clock))

        tasks.start_soon(follow)
        added: list[str] = []
        for _ in range(5):
            await clock.sleep(1000)
            added.append(log.add_event("acme"))

    assert added == ids(found)


async def test_a_server_without_rate_limit_headers_has_a_date(log: FakeHub, clock: VirtualClock) -> None:
    """That is enough: by our own clock, an hour fast, nothing would be new for an hour."""
    clock.wall_offset_s, log.skew_s = HOUR, -HOUR
    async with AsyncHub(MOBY, transport=Silent(log.transport()), clock=clock) as hub:
        events = hub.audit_logs.follow("acme")
        await follow_for(10, events, clock)
        added = log.add_event("acme")

        assert [added] == ids(await follow_for(0.5 * HOUR, events, clock))


async def test_first_comes_what_there_is_since(log: FakeHub, clock: VirtualClock) -> None:
    """The oldest first; then what is new."""
    since = START - timedelta(days=1)
    before = [e["event_id"] for e in reversed(log.events("acme")) if datetime.fromisoformat(e["timestamp"]) >= since]
    async with hub_on(log, clock) as hub:
        events = hub.audit_logs.follow("acme", since=since)

        assert before == await take(events, len(before))
        new = log.add_event("acme")
        assert [new] == await take(events, 1)
        assert [] == await follow_for(HOUR, events, clock)


async def test_a_date_will_do_and_a_future_one_is_waited_for(log: FakeHub, clock: VirtualClock) -> None:
    """What happens before it does not come."""
    async with hub_on(log, clock) as hub:
        events = hub.audit_logs.follow("acme", since=date(2026, 3, 2), every=600)
        assert [] == await follow_for(2 * HOUR, events, clock)
        log.add_event("acme")
        assert [] == await follow_for(22 * HOUR, events, clock)
        new = log.add_event("acme")
        assert [new] == ids(await follow_for(HOUR, events, clock))


@pytest.mark.parametrize(("late_s", "comes"), [(1, True), (300, True), (599, True), (HOUR, False)])
async def test_late_events_come_up_to_ten_minutes(
    late_s: float, comes: bool, log: FakeHub, clock: VirtualClock
) -> None:
    """Out of order, but once."""
    async with hub_on(log, clock) as hub:
        events = hub.audit_logs.follow("acme")
        await follow_for(100, events, clock)
        late = log.add_event("acme", visible_in_s=late_s)
        between = log.add_event("acme", at=START + timedelta(seconds=101))

        found = ids(await follow_for(3 * HOUR, events, clock))

    # What is visible before the next poll comes in its place.
    assert ([late, between] if late_s == 1 else [between, late] if comes else [between]) == found


async def test_a_burst_over_some_pages_comes_whole(log: FakeHub, clock: VirtualClock) -> None:
    """Also while the log grows between two pages, and if all events have the same time."""
    async with hub_on(log, clock) as hub:
        events = hub.audit_logs.follow("acme")
        await follow_for(61, events, clock)
        burst = [log.add_event("acme") for _ in range(350)]
        log.grow("acme", events=7, times=20)

        found = ids(await follow_for(HOUR, events, clock))

    assert burst == found[:350]
    assert 350 + 7 * 20 == len(set(found)) == len(found)
    assert set(log.event_ids("acme")[: 350 + 140]) == set(found)


async def test_events_that_appear_during_a_poll_come_in_order(log: FakeHub, clock: VirtualClock) -> None:
    """If the server gives 25 events a page, the walk restarts after each, and finds newer events."""

    async def slowly(_: httpx.Request) -> None:
        await clock.sleep(0.3)

    log.inject(faults.PageSize(25), operation="audit_logs.list", times=None)
    async with AsyncHub(MOBY, transport=Interceptor(log.transport(), slowly), clock=clock) as hub:
        events = hub.audit_logs.follow("acme")
        await follow_for(59.9, events, clock)
        for _ in range(60):
            log.add_event("acme")
        log.grow("acme", events=1, times=10)
        await anext(events)
        waiting = [time_ns for time_ns, _ in events._coming]
        found = await follow_for(HOUR, events, clock)

    assert len(waiting) > 60
    assert sorted(waiting) == waiting
    assert 60 + 10 - 1 == len(set(ids(found))) == len(found)


async def test_events_without_an_id_may_be_alike(log: FakeHub, clock: VirtualClock) -> None:
    """Two of the same time and kind are two; each comes as often as it happened."""

    def nameless(page: Any) -> Any:
        return {"logs": [{**event, "event_id": None} for event in page["logs"]]}

    log.inject(faults.Rewrite(nameless), operation="audit_logs.list", times=None)
    async with hub_on(log, clock) as hub:
        events = hub.audit_logs.follow("acme")
        await follow_for(10, events, clock)
        at = START + timedelta(seconds=20)
        found: list[AuditLog] = []
        for alike in (3, 2, 4):
            for _ in range(alike):
                log.add_event("acme", at=at)
            found += await follow_for(70, events, clock)
            events = hub.audit_logs.follow("acme", cursor=events.cursor)

    assert [at] * 9 == [event.timestamp for event in found]


async def test_an_event_that_does_not_say_when_comes_once(log: FakeHub, clock: VirtualClock) -> None:
    """Next to its neighbours; also if a poll begins just after it."""

    def timeless(page: Any) -> Any:
        return {"logs": [{**e, "timestamp": None if e["actor"] == "nobody" else e["timestamp"]} for e in page["logs"]]}

    log.inject(faults.Rewrite(timeless), operation="audit_logs.list", times=None)
    async with hub_on(log, clock) as hub:
        events = hub.audit_logs.follow("acme", every=1)
        await follow_for(10, events, clock)
        added = [log.add_event("acme", actor=actor) for actor in ("octavia", "nobody", "octavia", "nobody")]

        assert added == ids(await follow_for(1000, events, clock))


@pytest.mark.parametrize("every", [1, 60, 3600])
async def test_polls_are_as_far_apart_as_asked_for(every: float, log: FakeHub, clock: VirtualClock) -> None:
    """However long an event takes its reader; a poll of an empty log is one request."""
    async with hub_on(log, clock) as hub:
        assert [] == await follow_for(24.5 * every, hub.audit_logs.follow("acme", every=every), clock)

    assert 25 == log.count(operation="audit_logs.list")


# --- much to catch up with


async def test_a_long_history_is_not_held_in_memory(clock: VirtualClock) -> None:
    """A year's 30,000 events come in the order of time, some at a time, at less than twice the pages they fill."""
    fake = log_of(clock, 20_000, days=300)
    fake.add_org("other", events=0)
    for second in range(10_000):  # within three hours, months later
        fake.add_event("acme", at=START - timedelta(days=20) + timedelta(seconds=second))
    expected = [*reversed(fake.event_ids("acme"))]
    async with hub_on(fake, clock) as hub:
        events = hub.audit_logs.follow("acme", since=date(2015, 1, 1))
        found: list[str | None] = []
        held = 0
        for _ in expected:
            held = max(held, len(events._coming))
            found += await take(events, 1)

        assert expected == found
        assert 300 < held <= 1000
        assert fake.count(operation="audit_logs.list") < 600
        assert len(events.cursor) < 70 * 100
        assert len(events._delivered) < 2000


async def test_more_than_a_poll_holds_within_ten_minutes(clock: VirtualClock) -> None:
    """Comes all the same: no shorter time is read by itself."""
    fake = log_of(clock, 0)
    for number in range(3000):
        fake.add_event("acme", at=START - timedelta(milliseconds=number))
    async with hub_on(fake, clock) as hub:
        events = hub.audit_logs.follow("acme", since=START - timedelta(hours=1))

        assert [*reversed(fake.event_ids("acme"))] == await take(events, 3000)
        assert [] == await follow_for(HOUR, events, clock)


# --- left, and taken up again


async def test_the_rest_follows_from_any_cursor(clock: VirtualClock) -> None:
    """Taken before the first event, after each, and after the last; nothing comes twice."""
    fake = log_of(clock, 0)
    times = [0, 0, 0, 1, 2, 2, 700, 1300, 1300, 5000, 5001, 5400]
    for seconds in times:
        fake.add_event("acme", at=START - timedelta(seconds=seconds))
    expected = [*reversed(fake.event_ids("acme"))]
    async with hub_on(fake, clock) as hub:
        events = hub.audit_logs.follow("acme", since=START - timedelta(hours=2))
        cursors = [events.cursor]
        for event_id in expected:
            assert [event_id] == await take(events, 1)
            cursors.append(events.cursor)
        late = fake.add_event("acme", at=START - timedelta(seconds=590))
        for number, cursor in enumerate(cursors):
            rest = expected[number:]
            rest.insert(max(0, expected.index(next_newer(fake, late)) - number), late)
            resumed = hub.audit_logs.follow("acme", cursor=cursor)
            assert rest == await take(resumed, len(rest))
            await clock.sleep(1)


def next_newer(fake: FakeHub, event_id: str) -> str:
    newest_first = fake.event_ids("acme")
    return newest_first[newest_first.index(event_id) - 1]


async def test_breaking_off_loses_nothing(log: FakeHub, clock: VirtualClock) -> None:
    """The same object can be continued, and so can its cursor; nothing is left open."""
    expected = [*reversed(log.event_ids("acme"))]
    async with hub_on(log, clock) as hub:
        events = hub.audit_logs.follow("acme", since=START - timedelta(days=3))
        found: list[str | None] = []
        while len(found) < 30:
            async for event in events:
                found.append(event.event_id)
                break

        assert expected == found
        assert [] == await follow_for(HOUR, hub.audit_logs.follow("acme", cursor=events.cursor), clock)


async def test_cancelled_at_any_step_it_loses_nothing(anyio_backend: str) -> None:
    """In a poll or between two, whether the same object or another one continues."""
    step, taken = 0, 0
    while taken >= step:
        step += 1
        for resumed in (False, True):
            async with VirtualClock(START) as clock:
                log = log_of(clock, 30)
                expected = [*reversed(log.event_ids("acme"))]
                expected.append(log.add_event("acme", visible_in_s=70))
                async with hub_on(log, clock) as hub:
                    events = hub.audit_logs.follow("acme", since=START - timedelta(days=3))
                    found: list[str | None] = []
                    with anyio.CancelScope() as scope:
                        steps = Steps(step, scope.cancel)
                        await steps.follow(into(found, events, 31))
                    taken = steps.taken
                    if resumed:
                        events = hub.audit_logs.follow("acme", cursor=events.cursor)
                    found += await take(events, 31 - len(found))
                assert expected == found

    assert step > 10


async def into(found: list[str | None], events: Follow, count: int) -> None:
    for _ in range(count):
        found += await take(events, 1)


async def test_two_tasks_may_share_the_work(log: FakeHub, clock: VirtualClock) -> None:
    """Each event comes to one of them."""
    found: list[str | None] = []
    async with hub_on(log, clock) as hub:
        events = hub.audit_logs.follow("acme", since=START - timedelta(days=3))
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(into, found, events, 10)

    assert [*reversed(log.event_ids("acme"))] == found


# --- what goes wrong


async def test_a_failure_that_lasts_is_raised_and_iterating_can_continue(log: FakeHub, clock: VirtualClock) -> None:
    """With the cursor; the next poll is a minute later."""
    async with hub_on(log, clock) as hub:
        events = hub.audit_logs.follow("acme")
        await follow_for(30, events, clock)
        new = log.add_event("acme")
        log.inject(faults.Status(503), operation="audit_logs.*", times=100)
        with pytest.raises(ServerError) as caught:
            await anext(events)
        log.clear_faults()
        failed, asked = clock.monotonic(), log.count()

        assert ("audit_logs.follow", events.cursor) == (caught.value.operation, caught.value.cursor)
        assert [new] == await take(hub.audit_logs.follow("acme", cursor=caught.value.cursor), 1)
        assert [new] == await take(events, 1)
        assert asked + 6 >= log.count()
        assert failed + 30 < clock.monotonic() <= failed + 60


async def test_a_poll_that_failed_is_continued(clock: VirtualClock) -> None:
    """No page that was read is requested again."""
    fake = log_of(clock, 0)
    for number in range(1500):
        fake.add_event("acme", at=START - timedelta(milliseconds=number))
    fake.inject(faults.Status(503), operation="audit_logs.list", after=8, times=4)
    async with hub_on(fake, clock) as hub:
        events = hub.audit_logs.follow("acme", since=START - timedelta(minutes=5))
        with pytest.raises(ServerError):
            await anext(events)
        fake.clear_faults()

        assert [*reversed(fake.event_ids("acme"))] == await take(events, 1500)
    assert 16 == fake.count(operation="audit_logs.list", status=200)


async def test_the_request_for_the_time_may_fail(log: FakeHub, clock: VirtualClock) -> None:
    """Its response has a date all the same."""
    log.inject(faults.Status(404), operation="audit_logs.actions", times=None)
    async with hub_on(log, clock) as hub:
        assert [] == await follow_for(HOUR, hub.audit_logs.follow("acme"), clock)

    assert [] == log.unmatched_faults()


async def test_a_login_that_is_refused_is_raised_as_it_is(log: FakeHub, clock: VirtualClock) -> None:
    """So is a log that may not be read; each with the cursor."""
    log.add_org("theirs")
    async with hub_on(log, clock) as hub:
        events = hub.audit_logs.follow("theirs")
        for _ in range(2):
            with pytest.raises(Forbidden) as forbidden:
                await anext(events)
            assert events.cursor == forbidden.value.cursor
    async with AsyncHub(Password("moby", "wrong"), transport=log.transport(), clock=clock) as hub:
        with pytest.raises(HubError) as refused:
            await anext(hub.audit_logs.follow("acme"))

    assert ("AuthenticationError", True) == (type(refused.value).__name__, refused.value.cursor is not None)


async def test_an_event_that_cannot_be_read_is_an_error_once(log: FakeHub, clock: VirtualClock) -> None:
    """The events about it come; so does the one after it from the error's cursor."""

    def broken(page: Any) -> Any:
        return {"logs": [{**e, "data": ["?"] if e["actor"] == "nobody" else e["data"]} for e in page["logs"]]}

    log.inject(faults.Rewrite(broken), operation="audit_logs.list", times=None)
    async with hub_on(log, clock) as hub:
        events = hub.audit_logs.follow("acme")
        await follow_for(10, events, clock)
        before, _, after = (log.add_event("acme", actor=actor) for actor in ("octavia", "nobody", "octavia"))

        assert [before] == await take(events, 1)
        with pytest.raises(DecodeError, match=r"\$.data") as caught:
            await anext(events)
        assert [after] == await take(events, 1)
        assert [] == await follow_for(HOUR, events, clock)
        assert [after] == await take(hub.audit_logs.follow("acme", cursor=caught.value.cursor), 1)


async def test_pages_that_make_no_sense_are_an_error_and_then_forgotten(log: FakeHub, clock: VirtualClock) -> None:
    """A server that returns the same page again and again, of events at one time; the next poll starts over."""
    first: list[Any] = []

    def the_same(page: Any) -> Any:
        first.append(page)
        return first[0]

    async with hub_on(log, clock) as hub:
        events = hub.audit_logs.follow("acme")
        await follow_for(30, events, clock)
        new = [log.add_event("acme") for _ in range(250)]
        log.inject(faults.Rewrite(the_same), operation="audit_logs.list", times=None)
        with pytest.raises(HubError, match="does not continue the pages before it"):
            await anext(events)
        log.clear_faults()
        new += [log.add_event("acme", at=START + timedelta(seconds=30)) for _ in range(150)]

        assert new == await take(events, 400)


async def test_closing_the_hub_ends_the_wait(log: FakeHub, clock: VirtualClock) -> None:
    """With the error that every call ends with, and the cursor."""
    hub = hub_on(log, clock)
    events = hub.audit_logs.follow("acme")
    raised: list[HubError] = []

    async def follow() -> None:
        with pytest.raises(NoResponseError) as caught:
            await anext(events)
        raised.append(caught.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follow)
        await clock.sleep(90)
        await hub.aclose()

    assert [("audit_logs.follow", events.cursor)] == [(error.operation, error.cursor) for error in raised]
    assert 90 == clock.monotonic()
    with pytest.raises(ConfigurationError, match="this hub is closed"):
        await anext(events)


@pytest.mark.parametrize("at", range(8))
async def test_one_response_from_a_server_with_a_wrong_clock_loses_nothing(
    at: int, log: FakeHub, clock: VirtualClock
) -> None:
    """Its `Date` would settle the next hour."""
    log.inject(faults.Skew(HOUR), operation="audit_logs.list", after=at)
    async with hub_on(log, clock) as hub:
        events = hub.audit_logs.follow("acme")
        found = await follow_for(30, events, clock)
        added: list[str] = []
        for _ in range(10):
            added.append(log.add_event("acme"))
            found += await follow_for(60, events, clock)

    assert [] == log.unmatched_faults()
    assert added == ids(found)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"since": START.replace(tzinfo=None)}, "no time zone"),
        ({"every": 0.5}, "1 second or more"),
        ({"every": float("nan")}, "1 second or more"),
        ({"since": START, "cursor": '{"follows":"acme","since_ns":1,"delivered":[]}'}, "both given"),
        ({"cursor": "nonsense"}, "not a cursor"),
        ({"cursor": '{"walk":"audit_logs.list","state":{}}'}, "not a cursor"),
        ({"cursor": "\ud800"}, "not a cursor"),
        ({"cursor": '{"follows":"umbrella","since_ns":1,"delivered":[]}'}, "'umbrella', not of 'acme'"),
    ],
)
async def test_what_cannot_work_is_refused_at_once(
    options: dict[str, Any], words: str, log: FakeHub, clock: VirtualClock
) -> None:
    """Before any request is sent."""
    async with hub_on(log, clock) as hub:
        with pytest.raises(ConfigurationError, match=words):
            hub.audit_logs.follow("acme", **options)


# --- everything at once


@define
class Day:
    """Some hours of a busy organisation, from a seed: a task writes its log, and another one follows it."""

    clock: VirtualClock
    fake: FakeHub
    writer: Random
    reader: Random
    hours: float = 2
    added: list[str] = field(factory=list[str])
    late: set[str] = field(factory=set[str])
    found: list[AuditLog] = field(factory=list[AuditLog])
    restarts: int = 0
    failures: int = 0

    async def write(self) -> None:
        """Add events one at a time, in bursts, at the same time, and late."""
        random = self.writer
        while self.clock.monotonic() < self.hours * HOUR:
            await self.clock.sleep(random.expovariate(1 / 120))
            for _ in range(random.choice([1, 1, 1, 1, 2, 5, random.randrange(300)])):
                late_s = random.uniform(1, 590) if random.random() < 0.2 else 0
                self.added.append(self.fake.add_event("acme", visible_in_s=late_s))
                if late_s:
                    self.late.add(self.added[-1])

    async def follow(self) -> None:
        """Follow the log, and start again from the cursor at any event or failure."""
        cursor: str | None = None
        async with AsyncExitStack() as hubs:
            while True:
                hub = await hubs.enter_async_context(hub_on(self.fake, self.clock))
                events = hub.audit_logs.follow("acme", every=self.reader.choice([20, 60, 400]), cursor=cursor)
                cursor = await self.some(events)

    async def some(self, events: Follow) -> str:
        while self.reader.random() > 0.01:
            try:
                self.found.append(await anext(events))
            except HubError as error:
                self.failures += 1
                if error.cursor and self.reader.random() < 0.5:
                    return error.cursor
        self.restarts += 1
        return events.cursor


def unreliable(fake: FakeHub) -> None:
    fake.inject(faults.Status(503), operation="audit_logs.*", after=20, times=10)
    for fault in (faults.Status(503), faults.Drop("midway"), faults.Truncated(), faults.TooMany(5.0)):
        fake.inject(fault, operation="audit_logs.*", probability=0.12, times=None)


def default_size(fake: FakeHub) -> None:
    fake.inject(faults.PageSize(25), operation="audit_logs.list", times=None)


@pytest.mark.parametrize("trouble", [unreliable, default_size])
@pytest.mark.parametrize("seed", range(3))
async def test_hours_of_following(seed: int, trouble: Callable[[FakeHub], None], anyio_backend: str) -> None:
    """Every event once, late ones among them, and the others in the order of time."""
    async with VirtualClock(START, wall_offset_s=HOUR) as clock:
        fake = log_of(clock, 0, skew_s=-HOUR, limit=RateLimitPolicy(limit=200))
        day = Day(clock, fake, Random(seed), Random(seed))  # noqa: S311 - meant to repeat
        trouble(fake)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(day.write)
            tasks.start_soon(day.follow)
            await clock.sleep((day.hours + 0.7) * HOUR)
            tasks.cancel_scope.cancel()

    times = [event.timestamp for event in day.found if event.event_id not in day.late and event.timestamp]
    assert Counter(day.added) == Counter(ids(day.found))
    assert sorted(times) == times
    assert day.restarts > 0
    assert (trouble is unreliable) == (day.failures > 0)
    assert len(day.late) > 5


# --- over the network


async def test_over_loopback(fake: FakeHub) -> None:
    """With the system's clock: history, and what is new since the cursor."""
    expected = [*reversed(fake.event_ids("acme"))]
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        events = hub.audit_logs.follow("acme", since=datetime(2020, 1, 1, tzinfo=UTC))
        assert expected == await take(events, 250)
        new = fake.add_event("acme")
        assert [new] == await take(hub.audit_logs.follow("acme", cursor=events.cursor), 1)
