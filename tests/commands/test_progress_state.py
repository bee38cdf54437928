"""The state of a running export, and the time it may still take."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import define

from hubapi import Forbidden
from hubapi.commands.progress_state import ProgressState
from hubapi.export import Progress

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 11, tzinfo=UTC)


@define
class Time:
    s: float = 1000.0

    def __call__(self) -> float:
        return self.s


def read(account: str, pages: int, days_back: float | None = None, *, before: int = 0, done: bool = False) -> Progress:
    """Return the progress after so many pages of a hundred events, besides the events of an earlier run."""
    reached = None if days_back is None else UNTIL - timedelta(days_back)
    return Progress(account=account, events=before + 100 * pages, pages=pages, reached=reached, done=done)


def test_accounts_are_running_until_they_are_done() -> None:
    """In the order in which they began; finished ones in the order in which they finished."""
    state = ProgressState(4)
    for progress in (read("b", 1), read("a", 1), read("c", 1), read("b", 2), read("c", 1, done=True)):
        state.update(progress)
    state.update(Progress(account="d", events=0, pages=0, done=True, error=Forbidden("403 no")))

    assert ["b", "a"] == [account.account for account in state.running]
    assert ["c", "d"] == [account.account for account in state.finished]
    assert (1, 400, 4) == (state.failed, state.events, state.pages)


def test_the_share_is_of_time_where_both_ends_are_known() -> None:
    """A page without a time leaves it as it is; all accounts count the same."""
    state = ProgressState(2, (SINCE, UNTIL))
    shares = [state.update(progress).share for progress in (read("a", 1, 4.0), read("a", 2), read("a", 3, 11.0))]

    assert [0.4, 0.4, 1.0] == shares
    assert 0.5 == state.share


def test_without_a_window_only_finished_accounts_have_a_share() -> None:
    """The beginning of a log is not known."""
    state = ProgressState(2)

    assert None is state.update(read("a", 1, 4.0)).share
    state.update(read("a", 2, done=True))
    assert 0.5 == state.share


def test_the_time_left_is_estimated_from_the_share_of_the_pages_so_far() -> None:
    """Two accounts at 0.25 after 5 pages each, a page a second: 30 pages, half a minute."""
    time = Time()
    state = ProgressState(2, (SINCE, UNTIL), time)
    for page in range(1, 6):
        for account in ("a", "b"):
            time.s += 1
            state.update(read(account, page, page / 2))

    assert 30.0 == state.left_s()


def test_accounts_that_have_not_begun_are_like_the_others() -> None:
    """Of ten accounts one is known to have 20 pages: the other nine as well."""
    time = Time()
    state = ProgressState(10, (SINCE, UNTIL), time)
    for page in range(1, 11):
        time.s += 1
        state.update(read("a", page, page / 2))

    assert 190.0 == state.left_s()


def test_a_resumed_account_is_known_by_what_this_run_covers() -> None:
    """It began at 0.8, and is at 0.9 after 10 pages more: 10 are left, not 1."""
    time = Time()
    state = ProgressState(1, (SINCE, UNTIL), time)
    for page in range(1, 12):
        time.s += 1
        state.update(read("a", page, 8 + (page - 1) / 10, before=5000))

    assert state.left_s() == pytest.approx(10.0, rel=0.01)


def test_the_estimate_is_no_faster_than_the_rate_limit() -> None:
    """A burst within the first window is no measure for the next."""
    time = Time()
    state = ProgressState(1, (SINCE, UNTIL), time)
    for page in range(1, 101):
        time.s += 0.1
        state.update(read("a", page, page / 20))

    assert state.left_s() == pytest.approx(10.0)
    assert state.left_s(fastest=2.0) == pytest.approx(50.0)


def test_short_logs_do_not_make_the_estimate_too_low() -> None:
    """Without a window: one of 2 pages is finished, one is at 10 and may be half done; the third is as their mean."""
    time = Time()
    state = ProgressState(3, None, time)
    for page in range(1, 11):
        time.s += 1
        state.update(read("long", page))
    assert None is state.left_s()

    for progress in (read("short", 1), read("short", 2), read("short", 2, done=True)):
        time.s += 1
        state.update(progress)

    assert state.left_s() == pytest.approx((10 + 11) * 13 / 12)


def test_there_is_no_estimate_in_the_first_seconds_or_without_pages() -> None:
    """Nor while nothing was read for a minute."""
    time = Time()
    state = ProgressState(1, (SINCE, UNTIL), time)
    assert None is state.left_s()
    state.update(read("a", 1, 1.0))
    assert None is state.left_s()
    time.s += 30
    state.update(read("a", 2, 2.0))
    assert 120.0 == state.left_s()
    time.s += 61
    assert None is state.left_s()


def test_accounts_of_an_earlier_run_do_not_count_in_the_estimate() -> None:
    """They cost no pages."""
    time = Time()
    state = ProgressState(2, None, time)
    state.update(Progress(account="a", events=9000, pages=0, done=True))
    time.s += 10
    state.update(read("b", 1))

    assert None is state.left_s()
