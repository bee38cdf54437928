"""A walk over one log: every event once, whatever the server does, and after any interruption."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubapi import HubError
from hubapi._datetimes import SECOND_NS
from hubapi.export.log_walk import RESTART_AFTER_PAGES, ResumePointLost
from hubapi.export.pages import Page
from tests.export.simulated_log import BEGIN_NS, Event, SimulatedLog, drain, walk_of


def events(count: int, *, apart_ns: int = SECOND_NS, has_id: bool = True) -> list[Event]:
    return [Event(BEGIN_NS + n * apart_ns, f"e{n}", has_id) for n in range(count)]


def newest_first(log: list[Event]) -> list[bytes]:
    return [e.line for e in sorted(log, key=lambda e: e.time_ns, reverse=True)]


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 3), (99, 2), (100, 2), (101, 2), (250, 3), (300, 4)])
def test_a_log_costs_its_pages(count: int, requests: int) -> None:
    """A short page is the last if a longer one was seen; otherwise one more request is needed."""
    log = SimulatedLog(events(count))

    assert newest_first(log.events) == drain(log, walk_of())
    assert requests == log.requests


def test_the_longest_page_of_one_log_holds_for_the_next() -> None:
    """Once a full page was seen, a short log takes one request."""
    first, second = walk_of(), walk_of()
    drain(SimulatedLog(events(100)), first)
    second.longest = first.longest
    log = SimulatedLog(events(99))

    assert 99 == len(drain(log, second))
    assert 1 == log.requests


def test_a_deep_log_is_read_from_small_offsets() -> None:
    """After fifty pages the count begins again, for at most two more requests in all."""
    log = SimulatedLog(events(20_000))
    walk = walk_of()
    deepest = 0
    read: list[bytes] = []
    while not walk.done:
        deepest = max(deepest, walk.number)
        read += map(bytes, walk.take(log.page(walk)))

    assert newest_first(log.events) == read
    assert RESTART_AFTER_PAGES == deepest
    assert log.requests <= 202


@pytest.mark.parametrize("size", [1, 7, 25, 100, 1000])
def test_any_page_size_works(size: int) -> None:
    """Also one that is not what was asked for (D14)."""
    log = SimulatedLog(events(260), page_size=size)

    assert newest_first(log.events) == drain(log, walk_of())


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("before", [10, 100])
def test_a_server_that_changes_its_size_loses_nothing(at: int, before: int) -> None:
    """Its pages shrink or grow, and their numbers mean other events: the walk restarts from a timestamp."""
    log = SimulatedLog(events(520), page_size=before, changes_at=at)

    assert newest_first(log.events) == drain(log, walk_of())


def test_a_server_may_ignore_the_page_number() -> None:
    """The walk requests older events by time."""
    log = SimulatedLog(events(520), takes_page=False)

    assert newest_first(log.events) == drain(log, walk_of())


def test_a_server_that_ignores_the_page_number_within_a_burst_is_an_error() -> None:
    """More than a page within a second can't be told from the same page again and again."""
    log = SimulatedLog(events(520, apart_ns=1), takes_page=False)

    with pytest.raises(HubError, match="there would be gaps, or no end"):
        drain(log, walk_of())


@pytest.mark.parametrize("reads_to", ["inclusive", "exclusive", "seconds", "minutes"])
@pytest.mark.parametrize("apart_ns", [1, 10**7, SECOND_NS, 100 * SECOND_NS])
def test_nothing_is_lost_whatever_the_server_means_by_to(reads_to: str, apart_ns: int) -> None:
    """If a restart does not find the last event, the walk falls back to counting pages."""
    log = SimulatedLog(events(7_000, apart_ns=apart_ns), reads_to=reads_to)  # type: ignore[arg-type]
    until_ns = BEGIN_NS + 10**6 * SECOND_NS

    assert newest_first(log.events) == drain(log, walk_of(until_ns=until_ns))


def test_the_window_is_half_open() -> None:
    """Adjacent windows hold each event once, whether or not the server includes their ends."""
    log = events(10)
    middle = BEGIN_NS + 5 * SECOND_NS
    older = drain(SimulatedLog(log), walk_of(until_ns=middle))
    newer = drain(SimulatedLog(log), walk_of(since_ns=middle))

    assert newest_first(log) == newer + older
    assert [5, 5] == [len(newer), len(older)]


def test_late_events_push_none_over_a_page_boundary() -> None:
    """Events that come again are left out; late ones that the walk has passed are not read."""
    log = SimulatedLog(events(450))
    before = newest_first(log.events)
    log.late = {n: [Event(BEGIN_NS + 449 * SECOND_NS + n, f"late{n}")] for n in (2, 3, 4)}
    walk = walk_of()

    assert before == drain(log, walk)
    assert walk.repeated >= 3


def test_more_late_events_than_a_page_holds() -> None:
    """The next page jumps back beyond the pages that are kept: the walk restarts."""
    log = SimulatedLog(events(950))
    before = newest_first(log.events)
    log.late = {5: [Event(BEGIN_NS + 949 * SECOND_NS + n, f"late{n}") for n in range(340)]}

    assert before == drain(log, walk_of())


def test_events_without_an_id_may_be_alike() -> None:
    """Two at the same time are two, also across a page boundary; each comes as often as the server has it."""
    twins = [Event(BEGIN_NS + n // 3 * SECOND_NS, "e", has_id=False) for n in range(1000)]
    log = SimulatedLog(twins)

    assert newest_first(twins) == drain(log, walk_of())


def test_delivered_events_are_left_out_as_often_as_they_were_written() -> None:
    """In the overlap of two exports."""
    log = [*events(5), *[Event(BEGIN_NS, "x", has_id=False)] * 3]
    written = Page([e.line for e in log[3:7]])

    read = drain(SimulatedLog(log), walk_of(delivered=Counter(written.identities)))

    assert Counter(e.line for e in [*log[:3], log[7]]) == Counter(read)


@pytest.mark.parametrize("stop_after", range(1, 8))
@pytest.mark.parametrize("apart_ns", [1, 3 * 10**7, SECOND_NS])
def test_a_walk_continues_from_the_events_it_has_read(stop_after: int, apart_ns: int) -> None:
    """In another process: only the rest follows."""
    log = SimulatedLog(events(620, apart_ns=apart_ns))
    read = drain(log, walk_of(), stop_after=stop_after)

    rest = drain(log, walk_of(read=Page(read)))

    assert newest_first(log.events) == read + rest


def test_a_resumed_walk_that_does_not_find_its_last_event_fails() -> None:
    """The event it stopped at is no longer in the log: it has to start over."""
    log = SimulatedLog(events(300))
    gone = Page([Event(BEGIN_NS + 150 * SECOND_NS + 1, "gone").line])

    with pytest.raises(ResumePointLost):
        drain(log, walk_of(read=gone))


def test_an_event_without_a_time_is_kept() -> None:
    """Its time is unknown: better one too many in the window than one lost."""
    lines = [b'{"event_id":"a"}', b'{"event_id":"b","timestamp":"once"}', b"[]"]
    walk = walk_of(since_ns=BEGIN_NS)

    assert lines == list(walk.take(Page(lines)))


times = st.integers(0, 12).flatmap(lambda n: st.sampled_from([n, n * 10**6, n * SECOND_NS, n * 3600 * SECOND_NS]))


@settings(max_examples=100, deadline=None)
@given(
    times=st.lists(times, max_size=700),
    without_id=st.booleans(),
    size=st.sampled_from([25, 50, 100]),
    changes_at=st.none() | st.integers(1, 9),
    reads_to=st.sampled_from(["inclusive", "exclusive", "seconds"]),
    stops=st.lists(st.integers(1, 12), max_size=3),
)
def test_every_event_comes_once(  # noqa: PLR0917 - hypothesis names them
    times: list[int], without_id: bool, size: int, changes_at: int | None, reads_to: str, stops: list[int]
) -> None:
    """Whatever the times and the page sizes, and however often it is interrupted."""
    log = SimulatedLog(
        [Event(BEGIN_NS + time, f"e{n // 2 if without_id else n}", not without_id) for n, time in enumerate(times)],
        page_size=size,
        changes_at=changes_at,
        reads_to=reads_to,  # type: ignore[arg-type]
    )
    read: list[bytes] = []
    for stop in [*stops, None]:
        walk = walk_of(read=Page(read) if read else None)
        read += drain(log, walk, stop_after=None if stop is None else log.requests + stop)

    assert newest_first(log.events) == read
