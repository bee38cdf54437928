"""The clock that the package waits by. Tests replace it to run in virtual time."""

import math
import time
from contextlib import AbstractContextManager
from typing import Protocol

import anyio


class Clock(Protocol):
    """A source of time, and the way to wait for it."""

    def time(self) -> float:
        """Return the wall clock in seconds since the epoch. It may be wrong, and may jump."""
        ...

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary origin. They never decrease."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for *seconds*. Zero or less only yields to other tasks."""
        ...

    def move_on_after(self, seconds: float) -> AbstractContextManager[anyio.CancelScope]:
        """Return a cancel scope that is cancelled after *seconds*, or never if they are infinite."""
        ...


class SystemClock:
    """The clock of the machine."""

    monotonic = staticmethod(time.monotonic)  # called often: a method of our own would double the cost
    time = staticmethod(time.time)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(max(0.0, seconds))

    def move_on_after(self, seconds: float) -> AbstractContextManager[anyio.CancelScope]:
        return anyio.move_on_after(seconds if seconds < math.inf else None)
