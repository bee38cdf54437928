"""Retry decisions, backoff and the retry budget."""

import math

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hubapi import HubError, ServerError
from hubapi._datetimes import from_epoch, parse_http_date
from hubapi._pipeline.retry import (
    Attempt,
    Decision,
    Fail,
    Outcome,
    Pause,
    Refresh,
    Retry,
    RetryBudget,
    RetryPolicy,
    Return,
    backoff,
    decide,
)
from hubapi._rate_limit.headers import parse_retry_after
from hubapi.testing import VirtualClock
from tests.pipeline.scripted import Script, hub_of, json

DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
NOW = 1_700_000_000.0
FIRST = Attempt(number=1, idempotent=True)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-retry-after": "1700000030"}, 30.0),
        ({"retry-after": "1700000030"}, 30.0),
        ({"retry-after": "1700000030000"}, 30.0),
        ({"retry-after": "1700000030500"}, 30.5),
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"x-ratelimit-reset": "1700000058"}, 58.0),
        ({"x-retry-after": "1700000030", "retry-after": "7", "x-ratelimit-reset": "1700000058"}, 30.0),
        ({"x-retry-after": "soon", "retry-after": "7"}, 7.0),
        ({"x-retry-after": "-1", "retry-after": "nan", "x-ratelimit-reset": "1700000058"}, 58.0),
        ({"retry-after": "5, 10"}, 10.0),
        ({"retry-after": "1600000000"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "2592000"}, 2_592_000.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_every_form_of_retry_after_is_parsed(headers: dict[str, str], expected: float | None) -> None:
    """Epochs in seconds and milliseconds, seconds, dates, lists; relative to the date of the response."""
    assert parse_retry_after({**headers, "date": DATE}, local_now=0) == expected


def test_without_a_date_the_local_clock_is_used() -> None:
    """There is no other."""
    assert parse_retry_after({"retry-after": "1700000030"}, local_now=NOW + 10) == 20.0


@given(st.dictionaries(st.sampled_from(["x-retry-after", "retry-after", "x-ratelimit-reset", "date"]), st.text()))
def test_any_header_gives_a_finite_wait_or_none(headers: dict[str, str]) -> None:
    """It is never negative."""
    seconds = parse_retry_after(headers, NOW)

    assert seconds is None or 0 <= seconds < math.inf


def test_a_time_beyond_the_calendar_is_none() -> None:
    """It is not an OverflowError."""
    assert (from_epoch(NOW + 1e30), parse_http_date("Fri, 31 Dec 99999 23:59:59 GMT"), parse_http_date(None)) == (
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("outcome", "attempt", "expected"),
    [
        (Outcome(status=200), FIRST, Return()),
        (Outcome(status=404), FIRST, Fail()),
        (Outcome(status=501), FIRST, Fail()),
        (Outcome(status=503), FIRST, Retry(0.5)),
        (Outcome(status=503), replace(FIRST, idempotent=False), Fail()),
        (Outcome(status=503), replace(FIRST, number=3), Retry(2.0)),
        (Outcome(status=503), replace(FIRST, number=4), Fail()),
        (Outcome(status=503), replace(FIRST, left_s=0.4), Fail()),
        (Outcome(status=200, readable=False), FIRST, Retry(0.5)),
        (Outcome(status=200, readable=False), replace(FIRST, idempotent=False), Fail()),
        (Outcome(status=None), FIRST, Retry(0.5)),
        (Outcome(status=None), replace(FIRST, idempotent=False), Fail()),
        (Outcome(status=None, sent=False), replace(FIRST, idempotent=False), Retry(0.5)),
        (Outcome(status=401), FIRST, Fail()),
        (Outcome(status=401), replace(FIRST, can_refresh=True, idempotent=False), Refresh()),
        (Outcome(status=429), FIRST, Fail()),
        (Outcome(status=429, wait_s=300.0), replace(FIRST, number=9, idempotent=False), Pause(300.0)),
        (Outcome(status=429, wait_s=300.5), FIRST, Fail()),
        (Outcome(status=429, wait_s=5.0), replace(FIRST, left_s=4.9), Fail()),
    ],
)
def test_decisions(outcome: Outcome, attempt: Attempt, expected: Decision) -> None:
    """All rules in one table; with `max` as the random draw, a backoff is its upper bound."""
    assert expected == decide(outcome, attempt, RetryPolicy(), max)


def test_backoff_has_full_jitter() -> None:
    """It is drawn between 0 and a bound that doubles up to a cap."""
    drawn: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return high

    policy = RetryPolicy(first_s=0.5, cap_s=20)
    waits = [backoff(attempt, policy, uniform) for attempt in (1, 2, 3, 6, 7, 5000)]

    assert drawn == [(0.0, 0.5), (0.0, 1.0), (0.0, 2.0), (0.0, 16.0), (0.0, 20.0), (0.0, 20.0)]
    assert waits == [high for _, high in drawn]


def test_a_retry_budget_is_spent_and_refilled() -> None:
    """Each call adds a part of a retry, up to the reserve."""
    budget = RetryBudget(reserve=2, per_call=0.5)

    assert [budget.spend() for _ in range(3)] == [True, True, False]
    budget.earn()
    assert not budget.spend()
    budget.earn()
    assert [budget.spend(), budget.spend()] == [True, False]
    for _ in range(100):
        budget.earn()
    assert budget.left == 2


@pytest.mark.anyio
async def test_an_outage_does_not_multiply_the_traffic() -> None:
    """A thousand calls to a server that is down cause the reserve and a fifth of retries, not three for each call."""
    async with VirtualClock() as clock:
        script = Script([json({"message": "unavailable"}, 503)])
        hub = hub_of(script, clock)

        async def worker() -> None:
            for _ in range(100):
                with pytest.raises(ServerError):
                    await hub.raw.request("GET", "/v2/x")

        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(worker)

        assert 1000 + 100 <= len(script.requests) <= 1000 + 100 + 200
        assert hub.counters.retries == len(script.requests) - 1000


@pytest.mark.anyio
async def test_a_429_is_neither_an_attempt_nor_a_retry() -> None:
    """A call with one attempt is sent again after each 429, and the retry budget stays full."""
    async with VirtualClock() as clock:
        script = Script([*[json({"detail": "Rate limit exceeded"}, 429, **{"retry-after": "1"})] * 5, json({})])
        hub = hub_of(script, clock, max_attempts=1)
        await hub.raw.request("GET", "/v2/x")

        assert (len(script.requests), hub.counters.rate_limited, hub.counters.retries) == (6, 5, 0)
        assert hub._pipeline.session.budget.left == 100


@pytest.mark.anyio
@pytest.mark.parametrize("deadline", [0.3, 1.0, 5.0])
async def test_no_backoff_outlives_the_deadline(deadline: float) -> None:
    """The failure is raised as soon as there is no time for another attempt."""
    async with VirtualClock() as clock:
        hub = hub_of(Script([json({}, 503)]), clock, deadline=deadline, max_attempts=100)
        with pytest.raises(HubError):
            await hub.raw.request("GET", "/v2/x")

        assert clock.monotonic() <= deadline
