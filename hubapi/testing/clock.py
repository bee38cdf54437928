"""Virtual time: hours of waiting in milliseconds, always in the same order."""

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

# Enough for a woken task to make a request in process and wait again, which saves the real wait in
# `_all_others_blocked`.
_CHECKPOINTS_FIRST = 20

# On asyncio, `wait_all_tasks_blocked()` polls every 0.1 s; it is cancelled and called again after this time.
_POLL_S = 0.001


@define(order=True)
class _Alarm:
    due: float
    number: int
    callback: Callable[[], None] = field(eq=False, order=False)
    cancelled: bool = field(default=False, eq=False, order=False)


class VirtualClock:
    """A clock whose time passes only while all tasks wait for it.

    Inside `async with`, once every other task is blocked, the clock jumps to the earliest sleep or deadline and ends
    it. They end one at a time, by time, then first come, first served, and a task that is woken runs until it is
    blocked again before the next is woken: the order is the same on asyncio and trio. Outside `async with`, only
    `advance` moves the clock.

    A task that waits for a thread, a socket or a file counts as blocked, so time may pass, and deadlines with it: use
    the clock with `FakeHub.transport`, not with a server on loopback.

    Args:
        start: The wall-clock time to begin with: seconds since the epoch, or an aware datetime. `monotonic` begins at
            0.
        wall_offset_s: Seconds by which `time` is ahead, to model a machine with a wrong clock; sleeps, deadlines and
            `monotonic` are not affected. May be set at any time.

    Example:
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
        self._numbers = count()
        self._alarms: list[_Alarm] = []
        self._alarm_set: anyio.Event | None = None
        self._tasks: anyio.abc.TaskGroup | None = None

    def __repr__(self) -> str:
        return f"<VirtualClock {self._elapsed:.6f} s after its start>"

    def time(self) -> float:
        """Return the wall-clock time in seconds since the epoch, `wall_offset_s` included."""
        return self._start + self._elapsed + self.wall_offset_s

    def monotonic(self) -> float:
        """Return the virtual seconds since the clock was created."""
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
        """Return a scope that is cancelled after *seconds* of virtual time; never, if they are infinite."""
        with anyio.CancelScope() as scope:
            if seconds <= 0:
                scope.cancel()
            with self._alarm(seconds, scope.cancel):
                yield scope

    def advance(self, seconds: float) -> None:
        """Advance time by *seconds*, at once, as if the process had been suspended.

        Sleeps and deadlines that are due by then end, in order, at the time after the jump.

        Raises:
            ValueError: *seconds* is negative.
        """
        if seconds < 0:
            raise ValueError(f"seconds must be at least 0: {seconds}")
        self._elapsed += seconds
        while (alarm := self._earliest()) is not None and alarm.due <= self._elapsed:
            _end(alarm)

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
        tasks, self._tasks, self._alarm_set = self._tasks, None, None
        tasks.cancel_scope.cancel()
        if kind is not None and issubclass(kind, anyio.get_cancelled_exc_class()):
            return await tasks.__aexit__(kind, error, traceback)
        # The task group must not see the body's own error: it would wrap it in an ExceptionGroup.
        await tasks.__aexit__(None, None, None)
        return None

    @contextmanager
    def _alarm(self, seconds: float, callback: Callable[[], None]) -> Generator[None]:
        """Set an alarm until the block ends, which a cancellation may end early."""
        alarm = _Alarm(self._elapsed + seconds, next(self._numbers), callback)
        if seconds < math.inf:
            heapq.heappush(self._alarms, alarm)
        if self._alarm_set is not None:
            self._alarm_set.set()
        try:
            yield
        finally:
            # The heap drops it when it is the earliest.
            alarm.cancelled = True

    async def _pass_time(self) -> None:
        while True:
            if self._earliest() is None:
                self._alarm_set = anyio.Event()
                await self._alarm_set.wait()
            await _all_others_blocked()
            if (alarm := self._earliest()) is not None:
                self._elapsed = max(self._elapsed, alarm.due)
                _end(alarm)

    def _earliest(self) -> _Alarm | None:
        while self._alarms and self._alarms[0].cancelled:
            heapq.heappop(self._alarms)
        return self._alarms[0] if self._alarms else None


def _end(alarm: _Alarm) -> None:
    # Cancelled at once, so that it does not end again before the task that it wakes has run.
    alarm.cancelled = True
    alarm.callback()


async def _all_others_blocked() -> None:
    for _ in range(_CHECKPOINTS_FIRST):
        await checkpoint()
    while True:
        with anyio.move_on_after(_POLL_S) as scope:
            await anyio.wait_all_tasks_blocked()
            # Twice: when the last task of a group has just ended, asyncio wakes its waiter one iteration later.
            await anyio.wait_all_tasks_blocked()
        if not scope.cancelled_caught:
            return
