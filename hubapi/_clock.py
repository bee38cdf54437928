"""The clock every wait goes through, so that tests can run in virtual time."""

import math
import time
from contextlib import AbstractContextManager
from typing import Protocol

import anyio


class Clock(Protocol):
    """What the request core asks of time: two readings and a way to wait."""

    def time(self) -> float:
        """Return the wall clock, in seconds since the epoch (may jump, may be wrong)."""
        ...

    def monotonic(self) -> float:
        """Return seconds from an arbitrary origin that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for *seconds*; zero or less only yields to other tasks."""
        ...

    def move_on_after(self, seconds: float) -> AbstractContextManager[anyio.CancelScope]:
        """Return a scope that is cancelled after *seconds*; infinity never."""
        ...


class SystemClock:
    """The machine's own clock."""

    monotonic = staticmethod(time.monotonic)  # asked often: a frame of our own would double what it takes
    time = staticmethod(time.time)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(max(0.0, seconds))

    def move_on_after(self, seconds: float) -> AbstractContextManager[anyio.CancelScope]:
        return anyio.move_on_after(seconds if seconds < math.inf else None)


def scope_class() -> type[anyio.CancelScope]:
    """Return the class of this event loop's cancel scopes.

    `anyio.CancelScope` looks for it each time, and initialises what it makes twice: half of what a scope takes.
    """
    return type(anyio.CancelScope())
