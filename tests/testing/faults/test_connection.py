"""Faults that delay the response, drop the connection, or change the clock."""

import math
from email.utils import parsedate_to_datetime

import anyio
import httpx
import pytest

from hubapi.testing import FakeHub, RateLimitPolicy, VirtualClock, faults
from tests.testing.faults.conftest import LOGIN, TAGS

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("seconds", [-3600, 90])
async def test_a_skewed_response(clock: VirtualClock, seconds: float) -> None:
    """Date, reset and the time to retry at are of the same wrong clock; the next response is right."""
    fake = FakeHub(clock=clock, anonymous_limit=RateLimitPolicy(1))
    fake.inject(faults.Skew(seconds), after=1)
    async with httpx.AsyncClient(transport=fake.transport(), base_url="http://hub.test") as client:
        _, skewed, right = [await client.get(TAGS) for _ in range(3)]

    for response, now in ((skewed, clock.time() + seconds), (right, clock.time())):
        assert now == parsedate_to_datetime(response.headers["date"]).timestamp()
        assert now + 58 == int(response.headers["x-ratelimit-reset"])
        assert now + 60 == int(response.headers["x-retry-after"])


@pytest.mark.parametrize(("fault", "done"), [(faults.Drop(), 0), (faults.Drop("before"), 0), (faults.Drop("after"), 1)])
async def test_a_dropped_connection(fake: FakeHub, anonymous: httpx.AsyncClient, fault: faults.Drop, done: int) -> None:
    """The client can't tell whether the request was processed; the log shows that no response was sent."""
    good = (await anonymous.post("/v2/users/login", json=LOGIN)).json()["token"]
    moby = {"authorization": f"Bearer {good}"}
    fake.inject(fault, operation="access_tokens.create")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        await anonymous.post("/v2/access-tokens", json={"token_label": "new", "scopes": ["repo:read"]}, headers=moby)

    assert 1 + done == (await anonymous.get("/v2/access-tokens", headers=moby)).json()["count"]
    assert [(200, None), (0, fault), (200, None)] == [(record.status, record.fault) for record in fake.requests]


async def test_a_connection_dropped_in_the_middle_of_a_body(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """The client receives half of the announced body."""
    whole = (await anonymous.get(TAGS)).content
    fake.inject(faults.Drop("midway"))
    async with anonymous.stream("GET", TAGS) as response:
        parts = response.aiter_raw()
        half = await anext(parts)
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            await anext(parts)

    assert (200, str(len(whole))) == (response.status_code, response.headers["content-length"])
    assert whole[: len(whole) // 2] == half
    assert 200 == fake.requests[-1].status


async def test_a_response_without_a_body_is_dropped_as_a_whole(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """Instead of midway, the connection is closed before the headers."""
    fake.inject(faults.Drop("midway"))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        await anonymous.head(TAGS)

    assert [0] == [record.status for record in fake.requests]


@pytest.mark.parametrize("fault", [faults.SlowHeaders(3600), faults.SlowBody(3600)])
async def test_a_delay_is_measured_by_the_fakes_clock(fake: FakeHub, fault: faults.Fault, clock: VirtualClock) -> None:
    """The response is complete in the end; during the delay FakeHub serves other requests and can be filled."""
    fake.inject(fault)
    arrived: list[tuple[str, float]] = []
    async with (
        clock,
        httpx.AsyncClient(transport=fake.transport(), base_url="http://hub.test", timeout=7200) as client,
        anyio.create_task_group() as tasks,
    ):

        async def ask(name: str) -> None:
            response = await client.get(TAGS)
            assert 10 == len(response.json()["results"])
            arrived.append((name, clock.monotonic()))

        tasks.start_soon(ask, "slow")
        await clock.sleep(1)
        tasks.start_soon(ask, "other")
        fake.add_event("acme")

    assert [("other", 1.0), ("slow", 3600.0)] == arrived


async def test_the_headers_of_a_slow_body_come_at_once(
    fake: FakeHub, anonymous: httpx.AsyncClient, clock: VirtualClock
) -> None:
    """Headers and half the body come before the delay."""
    whole = (await anonymous.get(TAGS)).content
    fake.inject(faults.SlowBody(60))
    async with clock, anonymous.stream("GET", TAGS, timeout=61) as response:
        times = [(clock.monotonic(), len(part)) async for part in response.aiter_raw()]

    half = len(whole) // 2
    assert [(0.0, half), (60.0, len(whole) - half)] == times


@pytest.mark.parametrize("fault", [faults.SlowHeaders(math.inf), faults.SlowBody(31)])
async def test_a_delay_longer_than_the_read_timeout(
    fake: FakeHub, anonymous: httpx.AsyncClient, fault: faults.Fault, clock: VirtualClock
) -> None:
    """httpx's read timeout passes in virtual time as well."""
    fake.inject(fault)
    async with clock:
        with pytest.raises(httpx.ReadTimeout):
            await anonymous.get(TAGS, timeout=30)

    assert 30.0 == clock.monotonic()


async def test_another_server_can_not_drop_connections(fake: FakeHub) -> None:
    """The application raises an error if its server gives it no connection to close."""
    fake.inject(faults.Drop())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app), base_url="http://hub.test") as client:
        with pytest.raises(RuntimeError, match="transport"):
            await client.get(TAGS)
        assert 200 == (await client.get(TAGS)).status_code

    assert [0, 200] == [record.status for record in fake.requests]
