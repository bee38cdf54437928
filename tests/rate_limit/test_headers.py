"""Rate limit headers, in every form the server has used, with any local clock."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import get_args

import anyio
import httpx
import pytest
from attrs import define, field
from hypothesis import example, given
from hypothesis import strategies as st

from hubapi import AsyncHub, DeadlineExceeded, PersonalAccessToken, RateLimited
from hubapi._rate_limit.headers import Reading, read_headers
from hubapi.testing import FakeHub, RateLimitPolicy, RetryAfter, VirtualClock
from tests.pipeline.scripted import Canned, Script, hub_of, json

DATE = "Wed, 01 Jan 2025 00:00:10 GMT"
NOW = 1_735_689_610.0


def headers_of(limit: str, remaining: str, reset: str, **more: str) -> dict[str, str]:
    return {"x-ratelimit-limit": limit, "x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset, **more}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            headers_of("600", "599", "1735689668", date=DATE),
            Reading(limit=600, remaining=599, reset=NOW + 58, date=NOW),
        ),
        (headers_of("600", "-534", "1735689668000"), Reading(limit=600, remaining=-534, reset=NOW + 58, date=None)),
        (headers_of("180;w=60", "17;w=60", "nan"), Reading(limit=180, remaining=17, reset=None, date=None)),
        (headers_of("180, 180", "5, 5", "58", date=DATE), Reading(limit=180, remaining=5, reset=NOW + 58, date=NOW)),
        (headers_of("180", "999", "-1", date="soon"), Reading(limit=180, remaining=180, reset=None, date=None)),
        (headers_of("0", "0", "1735689668"), None),
        (headers_of("-5", "0", "1735689668"), None),
        (headers_of("many", "0", "1735689668"), None),
        (headers_of("600", "", "1735689668"), None),
        (headers_of("9" * 5000, "1", "1"), None),
        ({}, None),
    ],
)
def test_rate_limit_headers_are_parsed(headers: Mapping[str, str], expected: Reading | None) -> None:
    """Invalid values are ignored; without a valid limit there is no reading."""
    assert read_headers(headers) == expected


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=30), st.text(max_size=40))
@example("1e400", "inf", "253402300799", "Fri, 31 Dec 9999 23:59:59 GMT")
def test_parsing_never_fails(limit: str, remaining: str, reset: str, date: str) -> None:
    """Whatever the headers contain."""
    reading = read_headers(headers_of(limit, remaining, reset, date=date))

    assert reading is None or reading.limit >= 1


@define(eq=False)
class RetryTimes(httpx.AsyncBaseTransport):
    """A distant transport that records the time each 429 names for the retry, by the server's clock."""

    inner: httpx.AsyncBaseTransport
    clock: VirtualClock
    named: list[float] = field(factory=list[float])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self.clock.sleep(0.075)
        response = await self.inner.handle_async_request(request)
        if response.status_code == 429:
            self.named.append(self._named(response.headers))
        await self.clock.sleep(0.075)
        return response

    def _named(self, headers: httpx.Headers) -> float:
        text = headers.get("x-retry-after") or headers.get("retry-after") or headers["x-ratelimit-reset"]
        if not text.isdecimal():
            return parsedate_to_datetime(text).timestamp()
        number = float(text)
        if number < 1e9:
            return parsedate_to_datetime(headers["date"]).timestamp() + number
        return number / 1000 if number > 1e12 else number


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["rolling", "fixed"])
@pytest.mark.parametrize("wrong_s", [0.0, 30.0, -30.0, 3600.0])
@pytest.mark.parametrize("form", get_args(RetryAfter))
async def test_a_retry_after_a_429_is_sent_at_the_time_the_server_names(
    form: RetryAfter, wrong_s: float, kind: str
) -> None:
    """Never before, and at most 1.5 s later, even if the local clock is wrong."""
    async with VirtualClock(1_735_689_600.4, wall_offset_s=wrong_s) as clock:
        policy = RateLimitPolicy(5, kind="rolling" if kind == "rolling" else "fixed")
        fake = FakeHub(clock=clock, skew_s=-wrong_s, limit=policy, retry_after=form)
        fake.add_user("moby", tokens=["dckr_pat_moby"])
        fake.add_repository("library", "python", tags=1)
        credentials = PersonalAccessToken("moby", "dckr_pat_moby")
        retry_times = RetryTimes(fake.transport(), clock)
        other = AsyncHub(credentials, transport=fake.transport(), clock=clock)
        hub = AsyncHub(credentials, transport=retry_times, clock=clock)
        for _ in range(5):
            await other.repositories.get_tag("library", "python", "latest")
            await clock.sleep(1.7)
        await hub.repositories.get_tag("library", "python", "latest")

        sent = fake.requests[-2:]
        assert [record.status for record in sent] == [429, 200]
        late_s = sent[1].time - retry_times.named[0]
        assert 0 <= late_s <= 1.5
        assert hub.counters.rate_limited == 1


def limited(**headers: str) -> Canned:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return json({"detail": "Rate limit exceeded", "error": False}, 429, **named)


UNUSUAL = [
    "-5",
    "nan",
    "inf",
    "",
    "garbage",
    "0",
    "1",
    "5, 10",
    "7 seconds",
    "Wed, 01 Jan 2020 00:00:00 GMT",
    "9" * 400,
]
TOO_LONG = [
    "1e30",
    "2592000",
    "36000",
    "253402300799",
    "99999999999999999",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "5, 36000",
]


@pytest.mark.anyio
@pytest.mark.parametrize("value", UNUSUAL)
async def test_an_unusual_wait_is_tolerated(value: str) -> None:
    """The call waits for a short time, at least for the part that can be parsed, and goes on."""
    async with VirtualClock() as clock:
        at: list[float] = []

        async def reply(_: httpx.Request) -> Canned:
            at.append(clock.monotonic())
            return limited(retry_after=value) if len(at) < 3 else json({})

        await hub_of(Script([reply]), clock).raw.request("GET", "/v2/x")
        waits = [later - earlier for earlier, later in pairwise(at)]
        least = 10.0 if value == "5, 10" else 0.5
        assert [least <= wait <= 12 for wait in waits] == [True, True]


@pytest.mark.anyio
@pytest.mark.parametrize("value", TOO_LONG)
async def test_too_long_a_wait_is_an_error_at_once(value: str) -> None:
    """For the call that was refused, and for later calls while the limiter is closed: they are not sent."""
    async with VirtualClock() as clock:
        script = Script([limited(**headers_of("600", "-1", "1735689658"), **{"retry-after": value}, date=DATE)])
        hub = hub_of(script, clock)
        errors: list[RateLimited] = []
        for _ in range(3):
            with pytest.raises(RateLimited) as caught:
                await hub.raw.request("GET", "/v2/x")
            errors.append(caught.value)

        assert (clock.monotonic(), len(script.requests)) == (0.0, 1)
        assert [(error.limit, error.remaining, error.attempts) for error in errors] == [(600, -1, n) for n in (1, 0, 0)]
        assert [error.operation for error in errors] == ["raw GET /v2/x"] * 3
        assert {error.retry_after for error in errors} == {errors[0].retry_after}
        assert {error.retry_at for error in errors} == {errors[0].retry_at}


@pytest.mark.anyio
async def test_a_wait_beyond_the_deadline_is_an_error_at_once() -> None:
    """For calls that were refused, that wait for a permit, or that start later."""
    async with VirtualClock() as clock:
        hub = hub_of(Script([limited(retry_after="100")]), clock, deadline=20)
        ended: list[float] = []

        async def call(start: float) -> None:
            await clock.sleep(start)
            with pytest.raises((RateLimited, DeadlineExceeded)):
                await hub.raw.request("GET", "/v2/x")
            ended.append(clock.monotonic() - start)

        async with anyio.create_task_group() as tasks:
            for number in range(30):
                tasks.start_soon(call, number / 10)

        assert ended == [0.0] * 30


@pytest.mark.anyio
async def test_no_wait_for_a_permit_outlives_the_deadline() -> None:
    """Not in the middle of the queue either: the first waiter waits for a permit that comes after its deadline."""
    async with VirtualClock() as clock:
        full = json({}, 200, date=DATE, **headers_of("600", "0", "1735689668"))
        hub = hub_of(Script([full]), clock, deadline=20)
        await hub.raw.request("GET", "/v2/x")
        ended: list[float] = []

        async def call() -> None:
            with pytest.raises(DeadlineExceeded):
                await hub.raw.request("GET", "/v2/x")
            ended.append(clock.monotonic())

        async with anyio.create_task_group() as tasks:
            for _ in range(9):
                tasks.start_soon(call)

        assert ended == [20.0] * 9
