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
    """A VirtualClock fits the Clock protocol."""
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
    """Zero and negative sleeps let other tasks run, and time stays."""
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


async def test_wakes_by_time_then_by_arrival() -> None:
    """Sleepers wake by time, and first come, first served if the times are equal."""
    woken: list[tuple[str, float]] = []
    async with VirtualClock() as clock, anyio.create_task_group() as tasks:

        async def nap(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append((name, clock.monotonic()))

        for name, seconds in [("a", 2), ("b", 1), ("c", 2), ("d", 1), ("e", 2)]:
            tasks.start_soon(nap, name, seconds)
            await settle()

    assert woken == [("b", 1.0), ("d", 1.0), ("a", 2.0), ("c", 2.0), ("e", 2.0)]


async def test_a_woken_task_runs_until_it_blocks() -> None:
    """It does so before another sleeper that is due at the same time."""
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


async def test_time_stands_still_while_a_task_runs() -> None:
    """Time does not pass for a sleeper while another task runs."""
    async with VirtualClock() as clock, anyio.create_task_group() as tasks:
        tasks.start_soon(clock.sleep, 10)
        for _ in range(200):
            await anyio.lowlevel.checkpoint()

            assert clock.monotonic() == 0.0
    assert clock.monotonic() == 10.0


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    """The clock does not jump to the time of a cancelled sleeper."""
    async with VirtualClock() as clock:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clock.sleep, 5)
            await settle()
            tasks.cancel_scope.cancel()
        await clock.sleep(7)

        assert clock.monotonic() == 7.0


async def test_a_deadline_ends_in_virtual_time() -> None:
    """`move_on_after` cancels its block at the deadline's virtual time."""
    async with VirtualClock() as clock:
        with clock.move_on_after(30) as scope:
            await anyio.sleep_forever()

        assert scope.cancelled_caught
        assert clock.monotonic() == 30.0


async def test_a_deadline_in_the_past_ends_at_once() -> None:
    """Without time left the block ends at its first wait."""
    clock = VirtualClock()
    with clock.move_on_after(0) as scope:
        await anyio.sleep_forever()

    assert scope.cancelled_caught


async def test_a_deadline_that_was_met_is_forgotten() -> None:
    """A block that ends in time leaves no alarm, and infinity is never reached."""
    async with VirtualClock() as clock:
        with clock.move_on_after(30) as scope, clock.move_on_after(math.inf) as endless:
            await clock.sleep(5)
        await clock.sleep(40)

        assert (scope.cancelled_caught, endless.cancelled_caught) == (False, False)
        assert clock.monotonic() == 45.0


async def test_advance_wakes_sleepers_that_are_due() -> None:
    """Without `async with`, only `advance` moves the clock, and wakes the sleepers that are due."""
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
    """A negative `advance` is an error."""
    with pytest.raises(ValueError, match="at least 0"):
        VirtualClock().advance(-1)


async def test_the_wall_offset_affects_only_the_wall_clock() -> None:
    """`wall_offset_s` affects `time` alone, and may change at any time."""
    async with VirtualClock(start=1000.0, wall_offset_s=30.0) as clock:
        await clock.sleep(5)
        assert (clock.time(), clock.monotonic()) == (1035.0, 5.0)

        clock.wall_offset_s = -30.0
        assert (clock.time(), clock.monotonic()) == (975.0, 5.0)


async def test_an_error_in_the_block_is_raised_unchanged() -> None:
    """The clock's own task group does not wrap the block's error."""
    with pytest.raises(ZeroDivisionError):
        async with VirtualClock():
            raise ZeroDivisionError


async def test_a_cancellation_around_the_block() -> None:
    """Cancelling the task that entered the clock ends the block without an error."""
    with anyio.CancelScope() as scope:
        async with VirtualClock():
            scope.cancel()
            await anyio.sleep_forever()

    assert scope.cancelled_caught


async def test_can_be_entered_again_but_not_twice_at_once() -> None:
    """A clock continues from where it stopped, and can't run twice at once."""
    clock = VirtualClock()
    async with clock:
        await clock.sleep(1)
        with pytest.raises(RuntimeError, match="already running"):
            await clock.__aenter__()
    async with clock:
        await clock.sleep(1)

    assert clock.monotonic() == 2.0


async def test_is_idle_without_sleepers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a sleeper the clock does not check whether other tasks are blocked."""
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
