"""Enumeration of the scheduling steps of a coroutine: every point at which it can be cancelled."""

from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

from attrs import define

T = TypeVar("T")


@define
class Steps:
    """Counts how often coroutines yield to the event loop, and acts just before one of these steps."""

    at: int
    act: Callable[[], object]
    taken: int = 0

    async def follow(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* as if it were awaited, and count its steps."""
        result: T = await _drive(self, work)
        return result

    def step(self) -> None:
        self.taken += 1
        if self.taken == self.at:
            self.act()


@coroutine
def _drive(steps: Steps, work: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    value, error = None, None
    while True:
        try:
            pending = work.send(value) if error is None else work.throw(error)
        except StopIteration as stop:
            return stop.value
        steps.step()
        value, error = None, None
        try:
            value = yield pending
        except BaseException as thrown:  # noqa: BLE001 - thrown into the coroutine above
            error = thrown
