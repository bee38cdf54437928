"""The rate limiter: its queue, its closing and its reopening."""

import math
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

import anyio
import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from hubapi._rate_limit.limiter import RateLimiter
from hubapi.errors import HubError, NoResponseError, NotSentError, RateLimited
from hubapi.testing import VirtualClock

pytestmark = pytest.mark.anyio


def limit_headers(remaining: int, limit: int = 100, **more: str) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": "1735689658",
        **more,
    }


@define(eq=False)
class Callers:
    """Sends requests through a limiter, and records the name and time of each permit and each refusal."""

    limiter: RateLimiter
    clock: VirtualClock
    acquired: list[tuple[str, float]] = field(factory=list[tuple[str, float]])
    refused: list[tuple[str, float, RateLimited]] = field(factory=list[tuple[str, float, RateLimited]])

    async def call(
        self,
        name: str,
        headers: Mapping[str, str] | None = None,
        *,
        closed_for: float | None = None,
        takes_s: float = 0.1,
        max_wait_s: float = math.inf,
        ends: float = math.inf,
    ) -> None:
        """Send one request; without headers it gets no response."""
        try:
            with await self.limiter.acquire(max_wait_s=max_wait_s, deadline=ends) as permit:
                self.acquired.append((name, round(self.clock.monotonic(), 3)))
                permit.mark_sent()
                await self.clock.sleep(takes_s)
                if headers is not None:
                    permit.update(headers, closed_for)
        except RateLimited as error:
            self.refused.append((name, round(self.clock.monotonic(), 3), error))

    @property
    def order(self) -> list[str]:
        return [name for name, _ in self.acquired]


async def test_permits_go_first_come_first_served() -> None:
    """Waiters keep their order, however many permits are free."""
    async with VirtualClock() as clock:
        callers = Callers(RateLimiter(clock=clock), clock)
        async with anyio.create_task_group() as tasks:
            for number in range(30):
                tasks.start_soon(callers.call, str(number), limit_headers(99 - number))
                await clock.sleep(0.001)

        assert callers.order == [str(number) for number in range(30)]


async def close(callers: Callers, seconds: float = 10.0) -> None:
    """Close the limiter by a 429, at 0.1 s."""
    await callers.call("429", limit_headers(0), closed_for=seconds)


@pytest.mark.parametrize(("error", "left"), [(NotSentError("refused"), 2), (NoResponseError("broken off"), 0)])
async def test_only_a_request_that_was_sent_may_have_been_counted(error: HubError, left: int) -> None:
    """A refused connection frees its permit; a request without a response may have been counted."""
    async with VirtualClock() as clock:
        limiter = RateLimiter(clock=clock)
        with await limiter.acquire() as permit:
            permit.mark_sent()
            permit.update(limit_headers(2))
        for _ in range(2):
            with suppress(HubError), await limiter.acquire() as permit:
                permit.mark_sent()
                if isinstance(error, NotSentError):
                    permit.mark_unsent()
                raise error

        assert left == limiter._window.available(clock.monotonic())


@pytest.mark.parametrize("outcome", ["200", "500", "429", "lost", "not sent", "cancelled"])
async def test_one_probe_reopens_the_window_and_the_rest_follow(outcome: str) -> None:
    """Whatever the result of the probe; only another 429 keeps them waiting."""
    async with VirtualClock() as clock:
        callers = Callers(RateLimiter(clock=clock), clock)
        await close(callers)

        async def probe() -> None:
            match outcome:
                case "200":
                    await callers.call("probe", limit_headers(50), takes_s=1)
                case "500":
                    await callers.call("probe", {}, takes_s=1)
                case "429":
                    await callers.call("probe", limit_headers(0), closed_for=20, takes_s=1)
                case "lost":
                    await callers.call("probe", takes_s=1)
                case "cancelled":
                    with clock.move_on_after(11):
                        await callers.call("probe", limit_headers(50), takes_s=5)
                case _:
                    with suppress(NotSentError), await callers.limiter.acquire():
                        callers.acquired.append(("probe", clock.monotonic()))
                        await clock.sleep(1)
                        raise NotSentError("the connection was refused")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(probe)
            await clock.sleep(0.5)
            for number in range(4):
                tasks.start_soon(callers.call, str(number), limit_headers(49 - number))

        times = [at for _, at in callers.acquired[1:]]
        first_after = {"429": 31.1}.get(outcome, 11.1)
        # Unless the probe got a response, the next request replaces it alone.
        alone = outcome in {"429", "lost", "not sent", "cancelled"}
        expected = [10.1, first_after, *[first_after + 0.1 * alone] * 3]
        assert sorted(callers.order) == ["0", "1", "2", "3", "429", "probe"]
        assert times == pytest.approx(expected)


async def test_a_closed_limiter_is_closed_to_all_calls() -> None:
    """To waiters, to later calls, and to the one that was refused."""
    async with VirtualClock() as clock:
        callers = Callers(RateLimiter(clock=clock), clock)
        async with anyio.create_task_group() as tasks:
            await close(callers)
            for number in range(20):
                tasks.start_soon(callers.call, str(number), limit_headers(80))
                await clock.sleep(0.4)

        assert min(at for _, at in callers.acquired[1:]) == pytest.approx(10.1)
        assert len(callers.acquired) == 21


async def test_a_long_closure_is_raised_at_once_for_every_waiter_with_a_limit() -> None:
    """At any position in the queue, and for later calls; waiters without a limit keep their places."""
    async with VirtualClock() as clock:
        limiter = RateLimiter(clock=clock)
        callers = Callers(limiter, clock)
        async with anyio.create_task_group() as tasks:
            # Before the first response eight may go; the first of them is refused for ten hours while others wait.
            tasks.start_soon(partial(callers.call, "429", limit_headers(0, 600), closed_for=36_000, takes_s=1))
            for number in range(7):
                tasks.start_soon(partial(callers.call, f"in flight {number}", limit_headers(9), takes_s=2))
            await clock.sleep(0.5)
            for name, max_wait_s in [("head", 300.0), ("patient", math.inf), ("middle", 300.0), ("last", 300.0)]:
                tasks.start_soon(partial(callers.call, name, {}, max_wait_s=max_wait_s))
            await clock.sleep(4.5)
            await callers.call("later", max_wait_s=300)
            tasks.cancel_scope.cancel()

        refused = {name: at for name, at, _ in callers.refused}
        assert refused == {"head": 1.0, "middle": 1.0, "last": 1.0, "later": 5.0}
        error = callers.refused[0][2]
        assert (error.retry_after, error.limit, error.remaining, error.status) == (36_000, 600, 0, 429)
        assert error.retry_at is not None
        assert "patient" not in callers.order


async def test_a_closure_that_outlives_a_deadline_is_raised_at_once() -> None:
    """Waiting until the deadline would be useless."""
    async with VirtualClock() as clock:
        callers = Callers(RateLimiter(clock=clock), clock)
        await close(callers, 60)
        async with anyio.create_task_group() as tasks:
            for name, ends in [("long", 100.0), ("short", 30.0)]:
                tasks.start_soon(partial(callers.call, name, limit_headers(5), ends=ends))

        assert [(name, at) for name, at, _ in callers.refused] == [("short", 0.1)]
        assert callers.acquired[1:] == [("long", 60.1)]


@pytest.mark.parametrize("cancelled", [0, 1, 2, 4])
async def test_a_cancelled_waiter_does_not_block_the_next(cancelled: int) -> None:
    """At the head of the queue, in the middle, or at the end."""
    async with VirtualClock() as clock:
        callers = Callers(RateLimiter(clock=clock), clock)
        await close(callers)
        scopes = [anyio.CancelScope() for _ in range(5)]

        async def caller(number: int) -> None:
            with scopes[number]:
                await callers.call(str(number), limit_headers(50 - number))

        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(caller, number)
                await clock.sleep(0.1)
            scopes[cancelled].cancel()

        assert callers.order[1:] == [str(number) for number in range(5) if number != cancelled]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 3),  # when it starts
            st.floats(0, 1),  # how long it takes
            st.sampled_from(["200", "429", "none", "not sent", "lost"]),
            st.none() | st.floats(0, 5),  # when it is cancelled
        ),
        min_size=1,
        max_size=25,
    )
)
def test_no_permit_is_ever_lost(calls: list[tuple[float, float, str, float | None]]) -> None:
    """Calls may be cancelled at any point: all others get a permit, and none stays taken."""

    async def run() -> None:
        async with VirtualClock() as clock:
            limiter = RateLimiter(clock=clock)

            async def caller(start: float, takes: float, outcome: str, cancelled: float | None) -> None:
                await clock.sleep(start)
                time_left = clock.move_on_after(math.inf if cancelled is None else cancelled)
                with time_left, await limiter.acquire() as permit:
                    if outcome == "not sent":
                        raise NotSentError("no")
                    permit.mark_sent()
                    await clock.sleep(takes)
                    if outcome in {"200", "429"}:
                        permit.update(limit_headers(3), 0.7 if outcome == "429" else None)
                    elif outcome == "none":
                        permit.update({})

            async def quiet(call: tuple[float, float, str, float | None]) -> None:
                with suppress(NotSentError):
                    await caller(*call)

            async with anyio.create_task_group() as tasks:
                for call in calls:
                    tasks.start_soon(quiet, call)
            assert (len(limiter._queue), limiter._window._in_flight, limiter._window._probes) == (0, 0, 0)
            assert clock.monotonic() < 60 * 26

    anyio.run(run, backend="asyncio")


async def test_cancelled_calls_that_sent_nothing_use_no_quota() -> None:
    """Their permits are returned."""
    async with VirtualClock() as clock:
        limiter = RateLimiter(clock=clock)
        callers = Callers(limiter, clock)
        await callers.call("first", limit_headers(20))

        async def give_up() -> None:
            with clock.move_on_after(1), await limiter.acquire():
                await clock.sleep(5)

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(give_up)

        assert limiter._window.available(clock.monotonic()) == 20


async def test_pauses_are_summed() -> None:
    """`paused_s` is the time that the head of the queue has waited for a permit."""
    async with VirtualClock() as clock:
        limiter = RateLimiter(clock=clock)
        callers = Callers(limiter, clock)
        await close(callers)
        assert limiter.closed_for == 10.0
        await callers.call("next", limit_headers(9))

        assert (limiter.paused_s, limiter.closed_for) == (10.0, 0.0)
