"""What the server still allows, as a model of its window: pure, over a monotonic clock.

The documentation speaks of a fixed minute, the server counts a rolling one (D8), and either may be shared with others.
The model finds out which, and never sends what it does not know to have room:

- Every answer says how many requests remained when it was made. Which of our own were counted before and which after is
  only certain for those that did not overlap with it in time, so what remains now is known from below, in two ways: by
  the best of the latest answers, less all that may have been counted after it; and by the lowest of them, one of which
  was counted last, less what is still under way. The better one holds.
- In a rolling window each request of our own frees a place a window after its answer came, at the latest.
- In a fixed window all places come back at once. One request goes ahead to see: a window after the answer that opened
  it, or when it says it resets if somebody else did.
- `reset` tells which: it stands still in a fixed window and moves on with the time in a rolling one.
- After a 429 nothing is sent until the time the server named; then one request goes first, and the rest wait for it.
- Where others use the same budget, the last places are taken with care (`hubapi._rate_limit.contention`).
- A request that was given up may have been counted, or may be yet: it is taken off until later answers settle it.
"""

import math
from collections import deque
from typing import Literal

from msgspec import Struct, field

from hubapi._datetimes import from_epoch
from hubapi._rate_limit.contention import Others
from hubapi._rate_limit.headers import RateLimit, Reading
from hubapi._rate_limit.server_clock import ServerClock

COLD = 8
"""How many requests may be under way before the first answer says what is allowed."""

_SAME_S = 1.5
"""Resets closer than this are one moment, rounded now up and now down."""

_STILL_S = 3.0
"""A reset that has stood still for so long is that of a fixed window."""

_EARLY_S = 4.0
"""A window that began with a request of ours ends a window later, though it may be said to end so much sooner:
a rolling one is always said to reset 58 s from now (D8), and a moment may be rounded down."""

_LATE_S = 5.0
"""How long a request that was given up may still be on its way to the server."""

_AGAIN_S, _AGAIN_CAP_S = 0.5, 30.0
"""The least wait after a 429, doubled by each probe that is refused: where the time it names is past already."""


class Permit(Struct, eq=False):
    """Leave to send one request. A probe goes alone, to see whether there is room again."""

    sent: float
    done_before: int  # how many of our own were answered by then: what the answer counts for certain
    settled_before: int  # how many of these were lost
    number: int  # of ours, this included
    room: int  # what was left for certain
    probe: bool = False


class _Bound(Struct, eq=False):
    """What one answer says for certain."""

    read: float
    left: int  # what remained, and what has become free since
    up_to: int  # the number of our last request that has room, if each sent after that answer takes a place
    settled_before: int


class Window(Struct, eq=False):
    """The model. Times are monotonic seconds unless a name says otherwise.

    Args:
        window_s: The window's length in seconds.
    """

    window_s: float = 60.0
    clock: ServerClock = field(default_factory=ServerClock)
    _latest: Reading | None = None  # by its date
    _dated: tuple[float, float] = (-math.inf, -math.inf)  # its date, and when it was read
    _others: Others = field(default_factory=Others)
    _taken: int = 0  # requests sent so far
    _under_way: int = 0
    _probes: int = 0
    _done: int = 0  # of those taken, the ones answered, or lost so long ago that they were counted or never will be
    _lost: int = 0
    _settled: int = 0  # of those lost, the ones lost so long ago
    _settling: deque[float] = field(default_factory=deque[float])  # when the others will be
    _bounds: deque[_Bound] = field(default_factory=deque[_Bound])  # by the answers none of which is surely the older
    _best: int = 0  # remaining by the best of them, but for what was taken since
    _lowest: int = 0  # remaining by the lowest of them, but for what is under way or lost
    _settled_before: int = 0  # any of them
    _answered: deque[tuple[float, float]] = field(default_factory=deque[tuple[float, float]])  # when, and when sent
    _kind: Literal["unknown", "fixed", "rolling"] = "unknown"
    _reset: float | None = None  # by the server's clock, as first told
    _reset_read: float = -math.inf  # when it was first told
    _opened: bool = False  # the window that resets then, by a request of ours
    _unmetered: bool = False
    _closed_until: float = -math.inf
    _reopening: bool = False
    _refused: int = 0  # probes in a row

    @property
    def state(self) -> RateLimit | None:
        """What the server last said it allows."""
        told = self._latest
        if told is None:
            return None
        return RateLimit(limit=told.limit, remaining=told.remaining, reset_at=from_epoch(told.reset))

    def closed_for(self, now: float) -> float:
        """Return the seconds for which the server has asked everyone to wait; 0 where it hasn't."""
        return max(0.0, self._closed_until - now)

    def wait(self, now: float) -> float:
        """Return how many seconds not to send: 0 may send now, infinity until something under way is answered."""
        if now < self._closed_until:
            return self._closed_until - now
        if self._reopening:
            return math.inf if self._probes else 0.0
        if self._latest is None or not self._bounds:
            return 0.0 if self._unmetered or self._under_way < COLD else math.inf
        room = self.available(now)
        if room > self._held:
            width = self._others.width(room, self._latest.limit, now - self._bounds[-1].read)
            return 0.0 if self._under_way < width else math.inf
        if not self._under_way and room + self._lost - self._settled_before > self._held:
            return 0.0  # what was lost may never have been counted
        if self._kind == "rolling" and self._answered:
            return max(0.0, self._answered[0][0] + self.window_s - now)
        # The window is a fixed one, or others hold every place: one request goes ahead when it should have reset.
        waits_for_ours = self._probes or (self._under_way and self._kind != "fixed")
        return math.inf if waits_for_ours else max(0.0, self._over() - now)

    def available(self, now: float) -> int:
        """Return how many requests may go now, as far as the answers and our own record tell."""
        while self._settling and self._settling[0] <= now:
            self._settling.popleft()
            self._settled += 1
            self._done += 1
        if self._answered and self._answered[0][0] + self.window_s <= now:
            self._free(now)
        if not self._bounds:
            return 0
        return max(self._best - self._taken, self._lowest - self._under_way - self._lost)

    def take(self, now: float) -> Permit:
        """Count a request as under way."""
        room = self.available(now)
        probe = self._reopening or (bool(self._bounds) and room <= self._held)
        self._taken += 1
        self._under_way += 1
        self._probes += probe
        return Permit(now, self._done, self._settled, self._taken, room - 1, probe)

    def sending(self, permit: Permit, now: float) -> None:
        """Hear that a request goes out only now: what was answered since it was taken is counted before it."""
        permit.sent, permit.done_before, permit.settled_before = now, self._done, self._settled

    def unsent(self, permit: Permit) -> None:
        """Count a request as never made: the server can't have seen it."""
        self._taken -= 1
        self._leave(permit)

    def lost(self, permit: Permit, now: float) -> None:
        """Count a request as gone without an answer. The server may have counted it, or may do so yet."""
        self._lost += 1
        self._settling.append(now + _LATE_S)
        self._leave(permit)

    def answered(self, permit: Permit, now: float, reading: Reading | None, closed_for: float | None = None) -> None:
        """Learn from an answer.

        Args:
            permit: What `take` returned for it.
            now: When it came.
            reading: What it said of the limit, if anything.
            closed_for: The seconds to wait that a 429 asked for; None for any other answer.
        """
        self._done += 1
        self._leave(permit)
        if reading is not None:
            self._learn(permit, now, reading)
            if closed_for is None:  # one that was refused may not have taken a place, and frees none
                self._answered.append((now, permit.sent))
        elif closed_for is None and (permit.probe or not self._bounds):
            # It has never told of a limit, or no longer does.
            self._bounds.clear()
            self._unmetered = True
        if closed_for is not None:
            self._close(permit, now, closed_for)
        elif permit.probe:
            self._reopening, self._refused = False, 0

    @property
    def _held(self) -> float:
        """The places that are left to others."""
        return self._others.held if self._kind == "rolling" else 0.0

    def _leave(self, permit: Permit) -> None:
        self._under_way -= 1
        self._probes -= permit.probe

    def _close(self, permit: Permit, now: float, seconds: float) -> None:
        least = min(_AGAIN_CAP_S, _AGAIN_S * 2.0 ** min(self._refused, 10))
        self._closed_until = max(self._closed_until, now + max(seconds, least))
        self._reopening = True
        self._refused += permit.probe
        if self._latest is not None:
            self._others.refused(self._latest.limit)

    def _free(self, now: float) -> None:
        """Count as free the places of what was answered a window ago."""
        while self._answered and self._answered[0][0] + self.window_s <= now:
            _, sent = self._answered.popleft()
            if self._kind != "rolling":
                continue
            for bound in self._bounds:
                # Only what that answer still counted, for certain, has become free since.
                if sent + self.window_s > bound.read:
                    bound.left += 1
                    bound.up_to += 1
        self._weigh()

    def _weigh(self) -> None:
        bounds = self._bounds
        if bounds:
            self._best = max([bound.up_to for bound in bounds])
            self._settled_before = min([bound.settled_before for bound in bounds]) if self._settled else 0
            self._lowest = min([bound.left for bound in bounds]) + self._settled_before

    def _learn(self, permit: Permit, now: float, reading: Reading) -> None:
        remaining = reading.remaining
        if reading.date is not None:
            self.clock.learn(reading.date, permit.sent, now)
        if reading.reset is not None:
            self._learn_reset(permit, now, reading, reading.reset)
        taken_since = self._taken - permit.number
        self._others.learn(permit.room - taken_since - remaining, reading.limit)
        bounds = self._bounds
        while bounds and bounds[0].read <= permit.sent:
            bounds.popleft()
        bounds.append(_Bound(now, remaining, remaining + permit.done_before + 1, permit.settled_before))
        self._weigh()
        dated, read = self._dated
        if reading.date is None or reading.date >= dated or permit.sent >= read:
            self._dated = (dated if reading.date is None else reading.date, now)
            self._latest = reading

    def _learn_reset(self, permit: Permit, now: float, reading: Reading, reset: float) -> None:
        moved = math.inf if self._reset is None else reset - self._reset
        first = reading.remaining >= reading.limit - 1
        if abs(moved) <= _SAME_S:
            self._opened = self._opened or first
            if permit.sent >= self._reset_read + _STILL_S:
                self._kind = "fixed"
            return
        if moved < 0 and permit.sent < self._reset_read:
            return  # an older answer
        counted = self._taken - permit.done_before  # of our own at most, had a window just begun
        only_some = self._kind == "unknown" and moved < math.inf and reading.remaining + counted < reading.limit
        if 0 < moved < self.window_s - _SAME_S or only_some:  # places came back
            self._kind = "rolling"
        self._reset, self._reset_read, self._opened = reset, now, first

    def _over(self) -> float:
        """Return when the window is over, should it be a fixed one."""
        surely = self._reset_read if self._reset is not None else self._bounds[-1].read
        surely += self.window_s
        if self._reset is None or self.clock.ahead_s is None:
            return surely
        # To the second only, and perhaps rounded down: better counted from the answer that opened it.
        told = self._reset - self.clock.ahead_s
        if told > surely - _EARLY_S and (self._opened or self._kind == "unknown"):
            return surely
        return min(told, surely)
