"""Where an export stands: what is counted, and how long it may still take."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import define

from hubapi import Forbidden
from hubapi.commands.progress_state import Standing
from hubapi.export import Progress

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 11, tzinfo=UTC)


@define
class Time:
    s: float = 1000.0

    def __call__(self) -> float:
        return self.s


def read(account: str, pages: int, days_back: float | None = None, *, before: int = 0, done: bool = False) -> Progress:
    """Return the news that so many pages are read, each of a hundred events, besides those of an earlier run."""
    reached = None if days_back is None else UNTIL - timedelta(days_back)
    return Progress(account=account, events=before + 100 * pages, pages=pages, reached=reached, done=done)


def test_accounts_are_under_way_until_they_are_done() -> None:
    """In the order in which they began; those that ended in the order in which they did."""
    standing = Standing(4)
    for news in (read("b", 1), read("a", 1), read("c", 1), read("b", 2), read("c", 1, done=True)):
        standing.take(news)
    standing.take(Progress(account="d", events=0, pages=0, done=True, error=Forbidden("403 no")))

    assert ["b", "a"] == [row.account for row in standing.under_way]
    assert ["c", "d"] == [row.account for row in standing.finished]
    assert (1, 400, 4) == (standing.failed, standing.events, standing.pages)


def test_the_share_is_of_time_where_both_ends_are_known() -> None:
    """A page that tells nothing new leaves it; all accounts count alike."""
    standing = Standing(2, (SINCE, UNTIL))
    shares = [standing.take(news).share for news in (read("a", 1, 4.0), read("a", 2), read("a", 3, 11.0))]

    assert [0.4, 0.4, 1.0] == shares
    assert 0.5 == standing.share


def test_without_a_window_only_ends_tell_a_share() -> None:
    """Nobody knows where a log begins."""
    standing = Standing(2)

    assert None is standing.take(read("a", 1, 4.0)).share
    standing.take(read("a", 2, done=True))
    assert 0.5 == standing.share


def test_time_left_follows_from_what_so_many_pages_have_covered() -> None:
    """Two accounts at 0.25 after 5 pages each, a page a second: 30 pages, half a minute."""
    time = Time()
    standing = Standing(2, (SINCE, UNTIL), time)
    for page in range(1, 6):
        for account in ("a", "b"):
            time.s += 1
            standing.take(read(account, page, page / 2))

    assert 30.0 == standing.left_s()


def test_accounts_that_have_not_begun_are_like_the_others() -> None:
    """Of ten accounts one is known to have 20 pages: the other nine as well."""
    time = Time()
    standing = Standing(10, (SINCE, UNTIL), time)
    for page in range(1, 11):
        time.s += 1
        standing.take(read("a", page, page / 2))

    assert 190.0 == standing.left_s()


def test_a_resumed_account_is_known_by_what_this_run_covers() -> None:
    """It began at 0.8, and is at 0.9 after 10 pages more: 10 are left, not 1."""
    time = Time()
    standing = Standing(1, (SINCE, UNTIL), time)
    for page in range(1, 12):
        time.s += 1
        standing.take(read("a", page, 8 + (page - 1) / 10, before=5000))

    assert standing.left_s() == pytest.approx(10.0, rel=0.01)


def test_the_rate_limit_is_not_outrun() -> None:
    """A burst within the first window tells nothing of the next."""
    time = Time()
    standing = Standing(1, (SINCE, UNTIL), time)
    for page in range(1, 101):
        time.s += 0.1
        standing.take(read("a", page, page / 20))

    assert standing.left_s() == pytest.approx(10.0)
    assert standing.left_s(fastest=2.0) == pytest.approx(50.0)


def test_the_shortest_logs_are_not_taken_for_all() -> None:
    """Without a window: one of 2 pages is finished, one is at 10 and may be half done; the third is as their mean."""
    time = Time()
    standing = Standing(3, None, time)
    for page in range(1, 11):
        time.s += 1
        standing.take(read("long", page))
    assert None is standing.left_s()

    for news in (read("short", 1), read("short", 2), read("short", 2, done=True)):
        time.s += 1
        standing.take(news)

    assert standing.left_s() == pytest.approx((10 + 11) * 13 / 12)


def test_nothing_is_foretold_of_the_first_moments_or_of_nothing() -> None:
    """Nor while nothing was read for a minute."""
    time = Time()
    standing = Standing(1, (SINCE, UNTIL), time)
    assert None is standing.left_s()
    standing.take(read("a", 1, 1.0))
    assert None is standing.left_s()
    time.s += 30
    standing.take(read("a", 2, 2.0))
    assert 120.0 == standing.left_s()
    time.s += 61
    assert None is standing.left_s()


def test_what_an_earlier_run_has_finished_tells_nothing_of_pages() -> None:
    """It costs none."""
    time = Time()
    standing = Standing(2, None, time)
    standing.take(Progress(account="a", events=9000, pages=0, done=True))
    time.s += 10
    standing.take(read("b", 1))

    assert None is standing.left_s()
