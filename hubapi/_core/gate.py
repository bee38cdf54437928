"""The gate every request passes: first come, first served, when the window has room."""

import math
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import anyio
from attrs import define, field

from hubapi._core.clock import Clock, SystemClock
from hubapi._core.limits import Permit, RateLimit, Window, read_headers


@define(eq=False)
class Gate:
    """Keeps whoever shares it within one rate limit.

    One gate belongs to one account at one host. Hubs of the same account in one event loop can share one
    (`AsyncHub(..., limiter=gate)`).

    Args:
        window_s: The length of the server's window in seconds; Hub counts a minute.
        clock: Where time comes from.
    """

    window_s: float = 60.0
    clock: Clock = field(factory=SystemClock)
    paused_s: float = field(default=0.0, init=False)
    """The seconds that requests at the head of the line have waited for room, in all."""
    _window: Window = field(init=False)
    _line: deque[anyio.Event] = field(factory=deque[anyio.Event], init=False)
    _changed: anyio.Event | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._window = Window(self.window_s)

    @property
    def state(self) -> RateLimit | None:
        """What the server last said it allows; None before the first answer."""
        return self._window.state

    @property
    def closed_for(self) -> float:
        """The seconds until the next request may go; 0 if one may go now."""
        wait = self._window.wait(self.clock.monotonic())
        return 0.0 if wait == math.inf else wait

    @asynccontextmanager
    async def permit(self) -> AsyncGenerator["Passage", None]:
        """Wait in line for leave to send one request; on the way out it is given back, whatever happened."""
        passage = Passage(self, await self._enter())
        try:
            yield passage
        finally:
            if not passage.settled:
                self._window.give_back(passage.permit)
            self._tell()

    async def _enter(self) -> Permit:
        turn = anyio.Event()
        self._line.append(turn)
        try:
            while self._line[0] is not turn:
                await turn.wait()
            while (wait := self._window.wait(self.clock.monotonic())) > 0:
                await self._stand(wait)
            return self._window.take(self.clock.monotonic())
        finally:
            self._line.remove(turn)
            if self._line:
                self._line[0].set()

    async def _stand(self, seconds: float) -> None:
        """Wait at the head of the line: for so long, or until an answer changes what is known."""
        began = self.clock.monotonic()
        self._changed = anyio.Event()
        if seconds == math.inf:
            await self._changed.wait()
        else:
            async with anyio.create_task_group() as both:

                async def until_changed(changed: anyio.Event) -> None:
                    await changed.wait()
                    both.cancel_scope.cancel()

                both.start_soon(until_changed, self._changed)
                await self.clock.sleep(seconds)
                both.cancel_scope.cancel()
            self.paused_s += self.clock.monotonic() - began

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def learn(self, permit: Permit, headers: Mapping[str, str], closed_for: float | None) -> None:
        """Let the window learn from an answer's headers."""
        self._window.answered(permit, self.clock.monotonic(), read_headers(headers), closed_for)


@define(eq=False)
class Passage:
    """One request's time inside the gate."""

    gate: Gate
    permit: Permit
    settled: bool = False

    def answered(self, headers: Mapping[str, str], closed_for: float | None = None) -> None:
        """Tell what the answer said.

        Args:
            headers: The answer's headers, names in lower case.
            closed_for: The seconds to wait that a 429 asked for.
        """
        self.settled = True
        self.gate.learn(self.permit, headers, closed_for)
