"""Use of the quota without exceeding it: the model against simulated servers, then a hub against FakeHub."""

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal

import anyio
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from hubapi import AsyncHub, PersonalAccessToken
from hubapi._rate_limit.limiter import RateLimiter
from hubapi.testing import FakeHub, RateLimitPolicy, VirtualClock
from tests.rate_limit.quota_simulation import Kind, Setting, Simulation, another_client, efficiency
from tests.transport.distant import Distant, Silent

KINDS: list[Kind] = ["rolling", "fixed"]


@pytest.mark.parametrize("skew_s", [0.0, 30.0, -30.0])
@pytest.mark.parametrize("windows", [3, 10])
@pytest.mark.parametrize("workers", [8, 32])
@pytest.mark.parametrize("limit", [180, 600])
@pytest.mark.parametrize("kind", KINDS)
def test_a_long_job_uses_the_whole_quota(kind: Kind, limit: int, workers: int, windows: int, skew_s: float) -> None:
    """At least 99 % of it, without a 429."""
    phase = (limit + workers + windows) / 7 % 1
    job = Setting(jobs=windows * limit, kind=kind, limit=limit, workers=workers, skew_s=skew_s, phase=phase)
    simulation = Simulation(job).run()

    assert (simulation.refused, efficiency(simulation) >= 0.99) == (0, True), efficiency(simulation)


@pytest.mark.parametrize("opened_s", [2.0, 30.0, 45.0])
@pytest.mark.parametrize("workers", [8, 32])
@pytest.mark.parametrize("limit", [180, 600])
def test_a_window_that_another_client_opened_is_used_up(limit: int, workers: int, opened_s: float) -> None:
    """And the next one from the second on at which it opens."""
    setting = Setting(jobs=4 * limit, kind="fixed", limit=limit, workers=workers, used=limit // 2, opened_s=opened_s)
    simulation = Simulation(setting).run()

    assert (simulation.refused, efficiency(simulation) >= 0.985) == (0, True), efficiency(simulation)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("pattern", ["at random", "in bursts"])
@pytest.mark.parametrize("workers", [8, 32])
@pytest.mark.parametrize("kind", KINDS)
def test_another_client_of_the_account_costs_few_refusals(
    kind: Kind, workers: int, pattern: Literal["at random", "in bursts"], share: float
) -> None:
    """It ignores the limit; at most 15 of 1000 of our responses are 429s, and every job ends."""
    setting = Setting(jobs=180 * 8, kind=kind, workers=workers)
    simulation = Simulation(evolve(setting, other_client=another_client(pattern, share, setting))).run()

    assert simulation.done == setting.jobs
    assert simulation.refused_per_1000 <= 15


@settings(max_examples=120, deadline=None)
@given(
    st.builds(
        Setting,
        jobs=st.integers(1, 400),
        kind=st.sampled_from(KINDS),
        limit=st.integers(1, 120),
        workers=st.integers(1, 40),
        latency_s=st.floats(0.001, 5.0),
        jitter=st.floats(0.0, 1.0),
        window_s=st.sampled_from([5.0, 10.0, 60.0, 3600.0]),
        seed=st.integers(0, 99),
        phase=st.floats(0.0, 1.0),
        dated=st.booleans(),
    )
)
def test_a_lone_client_that_knows_the_limit_is_never_refused(setting: Setting) -> None:
    """With any latency, limit and number of workers; and it never stops."""
    # It sends a few requests before the first response: it can't respect a limit below that.
    simulation = Simulation(evolve(setting, limit=max(setting.limit, 8))).run()

    assert simulation.refused == 0


@pytest.mark.parametrize("kind", KINDS)
def test_memory_stays_bounded(kind: Kind) -> None:
    """By a window's worth of responses, however long it runs."""
    simulation = Simulation(Setting(jobs=12_000, kind=kind, limit=40, window_s=10.0)).run()

    assert simulation.largest <= 2 * 40


@asynccontextmanager
async def hubs(
    fake: FakeHub, clock: VirtualClock, number: int = 1, *, share: bool = False
) -> AsyncGenerator[list[AsyncHub]]:
    transport = Distant(fake.transport(), clock)
    limiter = RateLimiter(clock=clock) if share else None
    credentials = PersonalAccessToken("moby", "dckr_pat_moby")
    yield [AsyncHub(credentials, transport=transport, clock=clock, limiter=limiter) for _ in range(number)]


def make_fake(clock: VirtualClock, limit: RateLimitPolicy, skew_s: float = 0.0) -> FakeHub:
    fake = FakeHub(clock=clock, limit=limit, skew_s=skew_s)
    fake.add_user("moby", tokens=["dckr_pat_moby"])
    fake.add_repository("library", "python", tags=3)
    return fake


async def work(hub: AsyncHub, jobs: int, workers: int) -> None:
    todo = iter(range(jobs))

    async def worker() -> None:
        for _ in todo:
            await hub.repositories.get_tag("library", "python", "latest")

    async with anyio.create_task_group() as tasks:
        for _ in range(workers):
            tasks.start_soon(worker)


@pytest.mark.anyio
@pytest.mark.parametrize("skew_s", [0.0, 30.0])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_hub_uses_the_whole_limit(kind: Kind, skew_s: float) -> None:
    """Like the simulation, but end to end: three windows' worth of calls and a login, without a 429."""
    async with VirtualClock(wall_offset_s=skew_s) as clock:
        fake = make_fake(clock, RateLimitPolicy(60, kind=kind), skew_s=-skew_s / 2)
        async with hubs(fake, clock) as (hub,):
            await work(hub, 180, workers=8)
        ideal_s = 2 * 60 + math.ceil(60 / 8) * 0.15

        assert (fake.count(status=429), fake.count(operation="repositories.get_tag")) == (0, 180)
        assert ideal_s / clock.monotonic() >= 0.985


@pytest.mark.anyio
@pytest.mark.parametrize("kind", KINDS)
async def test_two_hubs_with_one_limiter_share_the_limit(kind: Kind) -> None:
    """Neither hub knows of the other; the limiter does."""
    async with VirtualClock() as clock:
        fake = make_fake(clock, RateLimitPolicy(60, kind=kind))
        async with hubs(fake, clock, 2, share=True) as both, anyio.create_task_group() as tasks:
            for hub in both:
                tasks.start_soon(work, hub, 90, 4)

        assert (fake.count(status=429), fake.count(status=200, operation="repositories.get_tag")) == (0, 180)
        assert (2 * 60 + 8 * 0.15) / clock.monotonic() >= 0.985


@pytest.mark.anyio
async def test_a_server_without_a_limit_is_not_throttled() -> None:
    """After the first few, all requests are sent at once."""
    async with VirtualClock() as clock:
        fake = make_fake(clock, RateLimitPolicy(10_000))
        transport = Silent(Distant(fake.transport(), clock))
        hub = AsyncHub(PersonalAccessToken("moby", "dckr_pat_moby"), transport=transport, clock=clock)
        await work(hub, 400, workers=32)

        assert (hub.rate_limit, fake.count(operation="repositories.get_tag")) == (None, 400)
        # A login, one round trip of the first eight, then 32 at a time.
        assert clock.monotonic() <= 0.18 * (2 + math.ceil(400 / 32))


@pytest.mark.anyio
async def test_the_rate_limit_is_that_of_the_newest_response() -> None:
    """`hub.rate_limit` follows the headers."""
    async with VirtualClock() as clock:
        fake = make_fake(clock, RateLimitPolicy(60))
        async with hubs(fake, clock) as (hub,):
            remaining = []
            for _ in range(3):
                await hub.repositories.get_tag("library", "python", "latest")
                assert hub.rate_limit is not None
                remaining.append(hub.rate_limit.remaining)

        assert remaining == [59, 58, 57]
