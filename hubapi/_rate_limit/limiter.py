"""The gate every request passes: first come, first served, when the window has room."""

import math
from collections import deque
from collections.abc import Mapping
from typing import Self

import anyio
from attrs import define, field
from msgspec import Struct

from hubapi._clock import Clock, SystemClock
from hubapi._datetimes import from_epoch
from hubapi._rate_limit.headers import RateLimit, read_headers
from hubapi._rate_limit.window import Permit, Window
from hubapi.errors import NotSentError, RateLimited


@define(eq=False, repr=False)
class _Turn:
    """One request's place in the line."""

    patience_s: float  # the longest closure it will stand
    ends: float  # when its time is up
    called: anyio.Event = field(factory=anyio.Event)  # to the head of the line, or away from a gate closed too long
    refused: bool = False

    def too_long(self, seconds: float, now: float) -> bool:
        return seconds > self.patience_s or now + seconds > self.ends


@define(eq=False)
class RateLimiter:
    """Keeps whoever shares it within one rate limit.

    One gate belongs to one account at one host. Hubs of the same account in one event loop can share one
    (`AsyncHub(..., limiter=gate)`).

    - Permits go first come, first served: only the head of the line asks the window, and it hands on its place when it
      leaves, however it leaves. No checkpoint stands between a permit and the block that gives it back.
    - When a 429 closes the gate for longer than someone in the line will stand, they hear of it at once, wherever they
      are in it; and so does whoever comes while it is closed.

    Args:
        window_s: The length of the server's window in seconds; Hub counts a minute.
        clock: Where time comes from.
    """

    window_s: float = 60.0
    clock: Clock = field(factory=SystemClock)
    paused_s: float = field(default=0.0, init=False)
    """The seconds that requests at the head of the line have waited for room, in all."""
    _window: Window = field(init=False)
    _line: deque[_Turn] = field(factory=deque[_Turn], init=False)
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

    @property
    def knows_time(self) -> float | None:
        """The server's clock, in seconds since the epoch; None where no answer has told it yet."""
        ahead_s = self._window.clock.ahead_s
        return None if ahead_s is None else self.clock.monotonic() + ahead_s

    def server_time(self) -> float:
        """Return the server's clock, as far as its answers tell, else the local one; in seconds since the epoch."""
        known = self.knows_time
        return self.clock.time() if known is None else known

    async def permit(self, *, patience_s: float = math.inf, ends: float = math.inf) -> "Passage":
        """Wait in line for leave to send one request; the block it is used in gives it back, whatever happens.

        Args:
            patience_s: The longest wait, in seconds, that the server may ask for.
            ends: When the caller's time is up, on the monotonic clock.

        Raises:
            RateLimited: the server has asked everyone to wait for longer than that.

        Example:
            >>> async def send_when_there_is_room(gate):
            ...     with await gate.permit() as passage:
            ...         passage.sending()
        """
        now = self.clock.monotonic()
        if self._line or self._window.wait(now) > 0:
            permit = await self._stand_in_line(_Turn(patience_s, ends))
        else:
            permit = self._window.take(now)
        return Passage(self, permit)

    async def _stand_in_line(self, turn: _Turn) -> Permit:
        window, clock = self._window, self.clock
        self._refuse_if_closed(turn)
        self._line.append(turn)
        try:
            while self._line[0] is not turn and not turn.refused:
                await turn.called.wait()
            if turn.refused:
                raise self._closed()
            while (wait := window.wait(clock.monotonic())) > 0:
                await self._stand(wait)
                self._refuse_if_closed(turn)
            return window.take(clock.monotonic())
        finally:
            self._line.remove(turn)
            if self._line:
                self._line[0].called.set()

    def sending(self, permit: Permit) -> None:
        """Hear that a request goes out now: from here on the server may count it."""
        self._window.sending(permit, self.clock.monotonic())

    def learn(self, permit: Permit, headers: Mapping[str, str], closed_for: float | None) -> None:
        """Let the window learn from an answer, and those in line whom it closes the gate to for too long."""
        now = self.clock.monotonic()
        self._window.answered(permit, now, read_headers(headers), closed_for)
        if closed_for is not None:
            closed = self._window.closed_for(now)
            for turn in self._line:
                if turn.too_long(closed, now):
                    turn.refused = True
                    turn.called.set()

    def give_back(self, permit: Permit, *, sent: bool) -> None:
        """Hear of a request that got no answer; if it was sent, the server may have counted it all the same."""
        if sent:
            self._window.lost(permit, self.clock.monotonic())
        else:
            self._window.unsent(permit)

    def tell(self) -> None:
        """Let the head of the line look again: what is known has changed."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def _stand(self, seconds: float) -> None:
        """Wait at the head of the line: for so long, or until an answer changes what is known."""
        began = self.clock.monotonic()
        changed = self._changed = anyio.Event()
        try:
            with self.clock.move_on_after(seconds):
                await changed.wait()
        finally:
            if seconds < math.inf:
                self.paused_s += self.clock.monotonic() - began

    def _refuse_if_closed(self, turn: _Turn) -> None:
        now = self.clock.monotonic()
        closed = self._window.closed_for(now)
        if closed > 0 and turn.too_long(closed, now):
            raise self._closed()

    def _closed(self) -> RateLimited:
        """Return the error of a call that a closed gate turns away: nothing of it was sent."""
        seconds = self._window.closed_for(self.clock.monotonic())
        until = from_epoch(self.server_time() + seconds)
        when = f" (until {until:%Y-%m-%d %H:%M:%S} UTC)" if until else ""
        error = RateLimited(
            f"not sent: the server has asked to wait {seconds:.0f} s more{when}, longer than allowed",
            status=429,
            message="Rate limit exceeded",
        )
        error.retry_after, error.retry_at = seconds, until
        if self.state is not None:
            error.limit, error.remaining = self.state.limit, self.state.remaining
        return error


class Passage(Struct, eq=False):
    """One request's time inside the gate."""

    gate: RateLimiter
    permit: Permit
    sent: bool = False
    settled: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if not self.settled:
            self.gate.give_back(self.permit, sent=self.sent and not isinstance(error, NotSentError))
        self.gate.tell()

    def sending(self) -> None:
        """Tell that the request goes out now."""
        self.sent = True
        self.gate.sending(self.permit)

    def answered(self, headers: Mapping[str, str], closed_for: float | None = None) -> None:
        """Tell what the answer said.

        Args:
            headers: The answer's headers, names in lower case.
            closed_for: The seconds to wait that a 429 asked for.
        """
        self.settled = True
        self.gate.learn(self.permit, headers, closed_for)
