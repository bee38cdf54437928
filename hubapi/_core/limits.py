"""What the server still allows, as a model of its window: pure, over a monotonic clock.

The documentation speaks of a fixed minute, the server counts a rolling one (D8), and either may be shared with others.
The model follows both:

- Every answer says how many requests remained when it was made. What of our own may have been counted after it is taken
  off: whatever was not answered yet when it was sent. That is a lower bound; of answers that overlap in time, where
  none is known to be the newer, the best bound holds.
- In a rolling window each request of our own frees a place a window after its answer came, at the latest.
- In a fixed window all places come back when it resets, which is when one request goes ahead to see.
- `reset` and `Date` stand in the same answer. Their difference, laid over the monotonic clock, needs no right local
  clock; and as `Date` has whole seconds, the bounds from all answers together are tighter than those of any one.
- After a 429 nothing is sent until the time the server named; then one request goes first, and the rest wait for it.
"""

import math
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime

from attrs import define, field, frozen

from hubapi._core.retry import parse_date

COLD = 8
"""How many requests may be under way before the first answer says what is allowed."""

_ROLLING_SLACK_S = 4.0
"""A rolling window says it resets in nearly a whole window, always (58 of 60 s, D8); a fixed one soon says less."""


@frozen(kw_only=True)
class RateLimit:
    """What the server last said it allows.

    Attributes:
        limit: Requests in a window.
        remaining: Requests left in it; below zero where others, or refused requests, went over (D8).
        reset_at: When the window resets, by the server's clock.
    """

    limit: int
    remaining: int
    reset_at: datetime | None


@frozen(kw_only=True)
class Reading:
    """The rate-limit headers of one answer, as numbers. `date` is None where the answer has none."""

    limit: int
    remaining: int
    reset: float
    date: float | None


def read_headers(headers: Mapping[str, str]) -> Reading | None:
    """Return what an answer says of the limit, or None where it says nothing that can be read.

    Args:
        headers: The answer's headers, names in lower case.

    Source: https://docs.docker.com/reference/api/hub/latest/#tag/rate-limiting
    """
    try:
        limit = int(headers["x-ratelimit-limit"].split(",")[0])
        remaining = int(headers["x-ratelimit-remaining"].split(",")[0])
        reset = float(headers["x-ratelimit-reset"])
    except (KeyError, ValueError):
        return None
    if limit <= 0 or not math.isfinite(reset):
        return None
    if reset >= 1e12:
        reset /= 1000
    return Reading(limit=limit, remaining=remaining, reset=reset, date=parse_date(headers.get("date")))


@define(eq=False)
class Permit:
    """Leave to send one request. A probe goes alone, to see whether there is room again."""

    sent: float
    done_before: int  # how many of our own were answered by then: what the answer counts for certain
    probe: bool = False


@define(eq=False)
class _Bound:
    """What one answer says remained, and what has become free for certain since."""

    read: float
    remaining: int
    done_before: int
    freed: int = 0


@define
class Window:
    """The model. Times are monotonic seconds unless a name says otherwise.

    Args:
        window_s: The window's length in seconds.
    """

    window_s: float = 60.0
    state: RateLimit | None = None
    _taken: int = 0  # requests sent so far
    _done: int = 0  # of these, answered or given up
    _probes: int = 0
    _bounds: list[_Bound] = field(factory=list[_Bound])
    _answered: deque[tuple[float, float]] = field(factory=deque[tuple[float, float]])  # when answered, when sent
    _reset: float = -math.inf  # the latest told, by the server's clock
    _read_at: float = -math.inf
    _offset: float = -math.inf  # server's clock minus ours, at least
    _fixed: bool = False
    _unmetered: bool = False
    _closed_until: float = -math.inf
    _reopening: bool = False

    def wait(self, now: float) -> float:
        """Return how many seconds not to send: 0 may send now, infinity until something under way is answered."""
        if now < self._closed_until:
            return self._closed_until - now
        if self._reopening:
            return math.inf if self._probes else 0.0
        if self.state is None:
            return 0.0 if self._unmetered or self._taken - self._done < COLD else math.inf
        if self.available(now) > 0:
            return 0.0
        next_place = self._next_place(now)
        if self._probes or next_place < math.inf:
            return next_place
        # Others hold every place, or the window is a fixed one: one request goes ahead when it should have reset.
        return max(0.0, self._until_reset(now))

    def available(self, now: float) -> int:
        """Return how many requests may go now, as far as the answers and our own record tell."""
        while self._answered and self._answered[0][0] + self.window_s <= now:
            _, sent = self._answered.popleft()
            for bound in self._bounds:
                # Only what that answer still counted, for certain, has become free since.
                bound.freed += not self._fixed and sent + self.window_s > bound.read
        return max((b.remaining + b.freed - (self._taken - b.done_before - 1) for b in self._bounds), default=0)

    def take(self, now: float) -> Permit:
        """Count a request as under way."""
        probe = self._reopening or (self.state is not None and self.available(now) <= 0)
        self._taken += 1
        self._probes += probe
        return Permit(now, self._done, probe)

    def give_back(self, permit: Permit) -> None:
        """Count a request as gone without an answer: cancelled, or lost. The server may have counted it."""
        self._done += 1
        self._probes -= permit.probe

    def answered(self, permit: Permit, now: float, reading: Reading | None, closed_for: float | None = None) -> None:
        """Learn from an answer.

        Args:
            permit: What `take` returned for it.
            now: When it came.
            reading: What it said of the limit, if anything.
            closed_for: The seconds to wait that a 429 asked for; None for any other answer.
        """
        self.give_back(permit)
        self._answered.append((now, permit.sent))
        if reading is not None:
            self._learn(permit, now, reading)
        elif self.state is None:
            self._unmetered = True
        if closed_for is not None:
            self._closed_until = max(self._closed_until, now + closed_for)
            self._reopening = True
        elif permit.probe:
            self._reopening = False

    def _learn(self, permit: Permit, now: float, reading: Reading) -> None:
        if reading.date is not None:
            # The server wrote its date before we read it: its clock is at least this far ahead of ours.
            self._offset = max(self._offset, reading.date - now)
            left = reading.reset - reading.date
            self._fixed = self._fixed or left < self.window_s - _ROLLING_SLACK_S
        if self._fixed and self._reset - self.window_s < reading.reset < self._reset:
            return  # of a window that is over
        if self._fixed and reading.reset != self._reset:
            self._bounds.clear()
        self._reset, self._read_at = reading.reset, now
        self._bounds = [bound for bound in self._bounds if bound.read > permit.sent]
        self._bounds.append(_Bound(now, reading.remaining, permit.done_before))
        self.state = RateLimit(limit=reading.limit, remaining=reading.remaining, reset_at=_moment(reading.reset))

    def _next_place(self, now: float) -> float:
        """Return the seconds until a request of ours leaves a rolling window; infinity if none will."""
        if self._fixed or not self._answered:
            return math.inf
        return self._answered[0][0] + self.window_s - now

    def _until_reset(self, now: float) -> float:
        if self._offset == -math.inf:  # no dates: a whole window after the reading is surely enough
            return self._read_at + self.window_s - now
        return self._reset - self._offset - now


def _moment(epoch: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(epoch, UTC)
    except (ValueError, OverflowError, OSError):
        return None
