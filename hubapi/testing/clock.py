"""Virtual time: hours of waiting in milliseconds, in an order that never changes."""

import heapq
import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from types import TracebackType
from typing import Self

import anyio
import anyio.abc
from anyio.lowlevel import checkpoint
from attrs import define, field

__all__ = ["VirtualClock"]

# Long enough for a woken task to make a request in process and wait again, which spares it the real wait
# in `_all_others_blocked`.
_CHECKPOINTS_BEFORE_LOOKING = 20

# On asyncio `wait_all_tasks_blocked()` looks every 0.1 s; it is cut short and asked again after this long.
_LOOK_AGAIN_S = 0.001


@define(order=True)
class _Alarm:
    due: float
    turn: int
    ring: Callable[[], None] = field(eq=False, order=False)
    off: bool = field(default=False, eq=False, order=False)


class VirtualClock:
    """A clock whose time passes only when everybody waits for it.

    Inside ``async with`` a task watches: once every other task is blocked, the clock jumps to the earliest
    sleep or deadline and ends it. They end one at a time, by time, then first come first served, and whoever
    is woken runs until blocked again before the next: the order is the same on asyncio and trio.
    Outside ``async with`` only `advance` moves it.

    Waiting for threads, sockets and files looks like being blocked, so time may pass, and deadlines with it,
    while they work: use it with `FakeHub.transport`, not with a server on loopback.

    Args:
        start: Wall-clock time to begin with: seconds since the epoch, or an aware datetime.
            `monotonic` begins at 0.
        wall_offset_s: Seconds by which `time` is wrong (positive: fast), to model a machine with a bad
            clock. The rest stays right. May be set at any time.

    >>> async def nap() -> float:
    ...     async with VirtualClock() as clock:
    ...         await clock.sleep(3600)
    ...         return clock.monotonic()
    >>> anyio.run(nap)
    3600.0
    """

    def __init__(self, start: float | datetime = 1_735_689_600.0, *, wall_offset_s: float = 0.0) -> None:
        self.wall_offset_s = wall_offset_s
        self._start = start.timestamp() if isinstance(start, datetime) else float(start)
        self._elapsed = 0.0
        self._turns = count()
        self._alarms: list[_Alarm] = []
        self._someone_waits: anyio.Event | None = None
        self._tasks: anyio.abc.TaskGroup | None = None

    def __repr__(self) -> str:
        return f"<VirtualClock {self._elapsed:.6f} s after its start>"

    def time(self) -> float:
        """Return the wall clock, in seconds since the epoch, `wall_offset_s` included."""
        return self._start + self._elapsed + self.wall_offset_s

    def monotonic(self) -> float:
        """Return the virtual seconds that have passed since the clock was made."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Wait for *seconds* of virtual time; zero or less only yields to other tasks."""
        if seconds <= 0:
            await checkpoint()
            return
        woken = anyio.Event()
        with self._alarm(seconds, woken.set):
            await woken.wait()

    @contextmanager
    def move_on_after(self, seconds: float) -> Generator[anyio.CancelScope]:
        """Return a scope that is cancelled after *seconds* of virtual time; infinity never."""
        with anyio.CancelScope() as scope:
            if seconds <= 0:
                scope.cancel()
            with self._alarm(seconds, scope.cancel):
                yield scope

    def advance(self, seconds: float) -> None:
        """Move time on by *seconds*, at once, as if the process had been suspended.

        Sleeps and deadlines due by then end, in order, and see the time after the jump.

        Raises:
            ValueError: *seconds* is negative.
        """
        if seconds < 0:
            raise ValueError(f"time does not go back: {seconds}")
        self._elapsed += seconds
        while (alarm := self._earliest()) is not None and alarm.due <= self._elapsed:
            _ring(alarm)

    async def __aenter__(self) -> Self:
        if self._tasks is not None:
            raise RuntimeError("this VirtualClock is already running")
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._pass_time, name="VirtualClock")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        if self._tasks is None:
            raise RuntimeError("this VirtualClock is not running")
        tasks, self._tasks, self._someone_waits = self._tasks, None, None
        tasks.cancel_scope.cancel()
        if kind is not None and issubclass(kind, anyio.get_cancelled_exc_class()):
            return await tasks.__aexit__(kind, error, traceback)
        # The task group must not see the body's own error: it would wrap it in an ExceptionGroup.
        await tasks.__aexit__(None, None, None)
        return None

    @contextmanager
    def _alarm(self, seconds: float, ring: Callable[[], None]) -> Generator[None]:
        """Set an alarm for as long as the block lasts, which a cancellation may end early."""
        alarm = _Alarm(self._elapsed + seconds, next(self._turns), ring)
        if seconds < math.inf:
            heapq.heappush(self._alarms, alarm)
        if self._someone_waits is not None:
            self._someone_waits.set()
        try:
            yield
        finally:
            # The heap drops it when its turn comes.
            alarm.off = True

    async def _pass_time(self) -> None:
        while True:
            if self._earliest() is None:
                self._someone_waits = anyio.Event()
                await self._someone_waits.wait()
            await _all_others_blocked()
            if (alarm := self._earliest()) is not None:
                self._elapsed = max(self._elapsed, alarm.due)
                _ring(alarm)

    def _earliest(self) -> _Alarm | None:
        while self._alarms and self._alarms[0].off:
            heapq.heappop(self._alarms)
        return self._alarms[0] if self._alarms else None


def _ring(alarm: _Alarm) -> None:
    # Off at once, so that it does not ring again before the one it woke has had its turn to run.
    alarm.off = True
    alarm.ring()


async def _all_others_blocked() -> None:
    for _ in range(_CHECKPOINTS_BEFORE_LOOKING):
        await checkpoint()
    while True:
        with anyio.move_on_after(_LOOK_AGAIN_S) as patience:
            await anyio.wait_all_tasks_blocked()
            # Once more: when the last task of a group has just ended, asyncio wakes who waits for it a turn later.
            await anyio.wait_all_tasks_blocked()
        if not patience.cancelled_caught:
            return
