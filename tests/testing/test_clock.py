"""The virtual clock."""

import math
from datetime import UTC, datetime

import anyio
import anyio.lowlevel
import pytest

from hubapi._clock import Clock
from hubapi.testing import VirtualClock

pytestmark = pytest.mark.anyio


async def settle() -> None:
    for _ in range(5):
        await anyio.lowlevel.checkpoint()


async def test_is_a_clock() -> None:
    """A VirtualClock fits wherever a Clock is asked for."""
    clock: Clock = VirtualClock(start=1000.0)

    assert (clock.time(), clock.monotonic()) == (1000.0, 0.0)


async def test_starts_at_a_datetime() -> None:
    """The start may be an aware datetime."""
    start = datetime(2025, 6, 1, tzinfo=UTC)

    assert start.timestamp() == VirtualClock(start).time()


async def test_a_long_sleep_takes_no_time() -> None:
    """A year's sleep ends at once, with both readings a year later."""
    year = 365 * 86400.0
    async with VirtualClock(start=0.0) as clock:
        await clock.sleep(year)

        assert (year, year) == (clock.time(), clock.monotonic())


async def test_no_sleep_only_yields() -> None:
    """Zero and negative sleeps let others run and leave time as it is."""
    clock = VirtualClock()
    ran: list[str] = []

    async def other() -> None:
        ran.append("other")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        while not ran:
            await clock.sleep(0)
            await clock.sleep(-1)

    assert clock.monotonic() == 0.0


async def test_wakes_in_order_of_time_then_of_arrival() -> None:
    """Sleepers wake by time, and first come first served where the times are equal."""
    woken: list[tuple[str, float]] = []
    async with VirtualClock() as clock, anyio.create_task_group() as tasks:

        async def nap(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append((name, clock.monotonic()))

        for name, seconds in [("a", 2), ("b", 1), ("c", 2), ("d", 1), ("e", 2)]:
            tasks.start_soon(nap, name, seconds)
            await settle()

    assert woken == [("b", 1.0), ("d", 1.0), ("a", 2.0), ("c", 2.0), ("e", 2.0)]


async def test_one_woken_runs_until_it_blocks_before_the_next_wakes() -> None:
    """A sleeper that is woken finishes all it can do before another one due at the same time."""
    steps: list[str] = []
    async with VirtualClock() as clock, anyio.create_task_group() as tasks:

        async def work(name: str) -> None:
            await clock.sleep(1)
            for step in range(50):
                await anyio.lowlevel.checkpoint()
                steps.append(f"{name}{step}")

        tasks.start_soon(work, "a")
        await settle()
        tasks.start_soon(work, "b")

    assert [f"{name}{step}" for name in "ab" for step in range(50)] == steps


async def test_time_stands_still_while_somebody_works() -> None:
    """Time does not pass for a sleeper while another task has something to do."""
    async with VirtualClock() as clock, anyio.create_task_group() as tasks:
        tasks.start_soon(clock.sleep, 10)
        for _ in range(200):
            await anyio.lowlevel.checkpoint()

            assert clock.monotonic() == 0.0
    assert clock.monotonic() == 10.0


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    """The clock does not go to the time of a sleeper that was cancelled."""
    async with VirtualClock() as clock:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clock.sleep, 5)
            await settle()
            tasks.cancel_scope.cancel()
        await clock.sleep(7)

        assert clock.monotonic() == 7.0


async def test_a_deadline_falls_in_virtual_time() -> None:
    """`move_on_after` cancels its block when its time has come, and the clock is there."""
    async with VirtualClock() as clock:
        with clock.move_on_after(30) as scope:
            await anyio.sleep_forever()

        assert scope.cancelled_caught
        assert clock.monotonic() == 30.0


async def test_a_deadline_in_the_past_falls_at_once() -> None:
    """With no time left the block ends at its first wait."""
    clock = VirtualClock()
    with clock.move_on_after(0) as scope:
        await anyio.sleep_forever()

    assert scope.cancelled_caught


async def test_a_deadline_that_was_met_is_forgotten() -> None:
    """A block that ends in time leaves nothing for the clock to go to, and infinity is never reached."""
    async with VirtualClock() as clock:
        with clock.move_on_after(30) as scope, clock.move_on_after(math.inf) as endless:
            await clock.sleep(5)
        await clock.sleep(40)

        assert (scope.cancelled_caught, endless.cancelled_caught) == (False, False)
        assert clock.monotonic() == 45.0


async def test_advance_by_hand_wakes_who_is_due() -> None:
    """Without `async with`, only `advance` moves the clock, and wakes those whose time has come."""
    clock = VirtualClock()
    woken: list[float] = []

    async def nap(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with anyio.create_task_group() as tasks:
        for seconds in (1, 2, 3):
            tasks.start_soon(nap, seconds)
        await anyio.wait_all_tasks_blocked()
        assert woken == []

        clock.advance(2)
        await anyio.wait_all_tasks_blocked()
        assert sorted(woken) == [1, 2]

        clock.advance(1)
    assert sorted(woken) == [1, 2, 3]


async def test_time_does_not_go_back() -> None:
    """A negative `advance` is refused."""
    with pytest.raises(ValueError, match="at least 0"):
        VirtualClock().advance(-1)


async def test_a_wrong_wall_clock_leaves_the_rest_right() -> None:
    """`wall_offset_s` shows in `time` alone, and may change on the way."""
    async with VirtualClock(start=1000.0, wall_offset_s=30.0) as clock:
        await clock.sleep(5)
        assert (clock.time(), clock.monotonic()) == (1035.0, 5.0)

        clock.wall_offset_s = -30.0
        assert (clock.time(), clock.monotonic()) == (975.0, 5.0)


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    """The clock's own task group does not wrap the error of the block it watches."""
    with pytest.raises(ZeroDivisionError):
        async with VirtualClock():
            raise ZeroDivisionError


async def test_a_deadline_around_the_block_holds() -> None:
    """Cancelling the task that entered the clock ends the block quietly."""
    with anyio.CancelScope() as scope:
        async with VirtualClock():
            scope.cancel()
            await anyio.sleep_forever()

    assert scope.cancelled_caught


async def test_can_be_entered_again_but_not_twice_at_once() -> None:
    """A clock goes on where it stopped, and refuses to be run by two."""
    clock = VirtualClock()
    async with clock:
        await clock.sleep(1)
        with pytest.raises(RuntimeError, match="already running"):
            await clock.__aenter__()
    async with clock:
        await clock.sleep(1)

    assert clock.monotonic() == 2.0


async def test_rests_while_nobody_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no sleeper the clock does not ask whether the others are blocked."""
    looks = 0
    look = anyio.wait_all_tasks_blocked

    async def counted() -> None:
        nonlocal looks
        looks += 1
        await look()

    monkeypatch.setattr(anyio, "wait_all_tasks_blocked", counted)
    async with VirtualClock():
        await settle()
        await look()

        assert looks == 0
