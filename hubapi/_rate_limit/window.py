"""A model of the server's rate-limit window: pure, over a monotonic clock.

The documentation describes a fixed minute, the server counts a rolling one (D8), and other clients may share either.
The model finds out which, and never sends a request without knowing that there is room for it:

- Every response has the number of requests that remained when it was made. It certainly counts our earlier requests
  only if they did not overlap with it, so the number that remains now has two lower bounds: the highest reading of the
  latest responses, less all requests that may have been counted after it; and their lowest reading, since one of them
  was counted last, less the requests in flight. The higher bound is used.
- In a rolling window each of our requests frees its place at the latest a window after its response arrived.
- In a fixed window all places return at once. One request goes first: a window after the response that opened it, or
  at the reset time if another client opened it.
- `reset` shows the kind of window: it stays the same in a fixed window, and advances with time in a rolling one.
- After a 429 nothing is sent until the time that the server asked for; then one probe is sent, and the rest wait.
- If other clients use the same budget, the last places are used with care (`hubapi._rate_limit.contention`).
- An abandoned request may have been counted, or may still be: it is deducted until later responses settle it.
"""

import math
from collections import deque
from typing import Literal

from msgspec import Struct, field

from hubapi._rate_limit.contention import Contention
from hubapi._rate_limit.headers import RateLimit, Reading

COLD = 8
"""The number of requests that may be in flight before the first response shows the limit."""

_SAME_S = 1.5
"""Resets closer together than this are the same, rounded up or down."""

_STILL_S = 3.0
"""A reset that has not changed for this long belongs to a fixed window."""

_EARLY_S = 4.0
"""A window that one of our requests opened ends a window later, although its reset may be up to this much earlier: in a
rolling window it is always 58 s from now (D8), and it may be rounded down."""

_LATE_S = 5.0
"""The time for which an abandoned request may still be on its way to the server."""

_AGAIN_S, _AGAIN_CAP_S = 0.5, 30.0
"""The minimum wait after a 429, doubled by each refused probe, in case the time that it asks for has passed."""

FORGET_S = 180.0
"""The minimum time to keep a `Date` reading; the maximum is twice as long."""

_RESOLUTION_S = 1.0  # of `Date`


class ServerClock(Struct):
    """A lower bound of the server's clock less our monotonic one, so that no wait by the server's clock ends too early.

    - The server wrote its date before we read it: its clock is at least `date - read` ahead. As dates are whole
      seconds, the best of many responses is tighter than any one.
    - It wrote it after we sent the request, and truncated less than a second: its clock is at most `date + 1 - sent`
      ahead. If that contradicts the bound, the clock was set back, and the estimate starts again.
    - Readings are dropped after some minutes, so that the bound follows clocks that drift apart.
    """

    _recent: float = -math.inf
    _older: float = -math.inf
    _since: float = -math.inf

    @property
    def ahead_s(self) -> float | None:
        """The server's clock less ours, at least; None before the first date."""
        bound = max(self._recent, self._older)
        return None if bound == -math.inf else bound

    def update(self, date: float, sent: float, read: float) -> None:
        """Update from a response's date, and from when its request was sent and the response read."""
        if max(self._recent, self._older) > date + _RESOLUTION_S - sent:
            self._recent = self._older = -math.inf
        if read >= self._since + FORGET_S:
            self._older, self._recent, self._since = self._recent, -math.inf, read
        self._recent = max(self._recent, date - read)


class Reservation(Struct, eq=False):
    """A place in the window for one request. A probe is sent alone, to find out if there is room again."""

    sent: float
    done_before: int  # our requests with a response by then: this response certainly counts them
    settled_before: int  # how many of these were lost
    number: int  # of our requests, including this one
    room: int  # the places that were certainly left
    probe: bool = False


class _Bound(Struct, eq=False):
    """The bounds that one response gives."""

    read: float
    left: int  # the places that remained, and those that became free since
    up_to: int  # the number of our last request that has room, if each sent after that response takes a place
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
    _contention: Contention = field(default_factory=Contention)
    _taken: int = 0  # requests sent so far
    _in_flight: int = 0
    _probes: int = 0
    _done: int = 0  # of those taken: with a response, or lost so long ago that they were counted or never will be
    _lost: int = 0
    _settled: int = 0  # of those lost, the ones lost so long ago
    _settling: deque[float] = field(default_factory=deque[float])  # when the others will be
    _bounds: deque[_Bound] = field(default_factory=deque[_Bound])  # of the latest, overlapping responses
    _best: int = 0  # remaining by the best of them, before what was taken since
    _lowest: int = 0  # remaining by the lowest of them, before what is in flight or lost
    _settled_before: int = 0  # the least of any of them
    _responses: deque[tuple[float, float]] = field(
        default_factory=deque[tuple[float, float]]
    )  # when the response came, and when its request was sent
    _kind: Literal["unknown", "fixed", "rolling"] = "unknown"
    _reset: float | None = None  # by the server's clock, as first reported
    _reset_read: float = -math.inf  # when it was first reported
    _opened: bool = False  # a request of ours opened the window that resets then
    _unmetered: bool = False
    _closed_until: float = -math.inf
    _reopening: bool = False
    _refused: int = 0  # probes in a row

    @property
    def state(self) -> RateLimit | None:
        """The rate limit of the latest response; None before the first."""
        return None if self._latest is None else self._latest.rate_limit

    def closed_for(self, now: float) -> float:
        """Return the seconds that the server still asks all requests to wait; 0 if it does not."""
        return max(0.0, self._closed_until - now)

    def wait(self, now: float) -> float:
        """Return how many seconds to wait before sending; infinity means until the next response."""
        if now < self._closed_until:
            return self._closed_until - now
        if self._reopening:
            return math.inf if self._probes else 0.0
        if self._latest is None or not self._bounds:
            return 0.0 if self._unmetered or self._in_flight < COLD else math.inf
        room = self.available(now)
        if room > self._held:
            width = self._contention.width(room, self._latest.limit, now - self._bounds[-1].read)
            return 0.0 if self._in_flight < width else math.inf
        if not self._in_flight and room + self._lost - self._settled_before > self._held:
            return 0.0  # lost requests may never have been counted
        if self._kind == "rolling" and self._responses:
            return max(0.0, self._responses[0][0] + self.window_s - now)
        # It is a fixed window, or other clients hold every place: one request goes first when it should have reset.
        waits_for_ours = self._probes or (self._in_flight and self._kind != "fixed")
        return math.inf if waits_for_ours else max(0.0, self._over() - now)

    def available(self, now: float) -> int:
        """Return how many requests may be sent now, according to the responses and our own count."""
        while self._settling and self._settling[0] <= now:
            self._settling.popleft()
            self._settled += 1
            self._done += 1
        if self._responses and self._responses[0][0] + self.window_s <= now:
            self._free(now)
        if not self._bounds:
            return 0
        return max(self._best - self._taken, self._lowest - self._in_flight - self._lost)

    def take(self, now: float) -> Reservation:
        """Count a request as in flight."""
        room = self.available(now)
        probe = self._reopening or (bool(self._bounds) and room <= self._held)
        self._taken += 1
        self._in_flight += 1
        self._probes += probe
        return Reservation(now, self._done, self._settled, self._taken, room - 1, probe)

    def mark_sent(self, reservation: Reservation, now: float) -> None:
        """Register that a request is sent only now: responses since its reservation were counted before it."""
        reservation.sent, reservation.done_before, reservation.settled_before = now, self._done, self._settled

    def cancel(self, reservation: Reservation) -> None:
        """Count a request as not sent: the server can't have received it."""
        self._taken -= 1
        self._leave(reservation)

    def lose(self, reservation: Reservation, now: float) -> None:
        """Count a request as lost, without a response. The server may have counted it, or may still do so."""
        self._lost += 1
        self._settling.append(now + _LATE_S)
        self._leave(reservation)

    def update(
        self, reservation: Reservation, now: float, reading: Reading | None, closed_for: float | None = None
    ) -> None:
        """Update from a response.

        Args:
            reservation: What `take` returned for it.
            now: When it was read.
            reading: Its rate-limit headers, if it had any.
            closed_for: The seconds to wait that a 429 asked for; None for any other response.
        """
        self._done += 1
        self._leave(reservation)
        if reading is not None:
            self._update_bounds(reservation, now, reading)
            if closed_for is None:  # a refused one may not have taken a place, and frees none
                self._responses.append((now, reservation.sent))
        elif closed_for is None and (reservation.probe or not self._bounds):
            # The server never reported a limit, or no longer does.
            self._bounds.clear()
            self._unmetered = True
        if closed_for is not None:
            self._close(reservation, now, closed_for)
        elif reservation.probe:
            self._reopening, self._refused = False, 0

    @property
    def _held(self) -> float:
        """The places left free for other clients."""
        return self._contention.held if self._kind == "rolling" else 0.0

    def _leave(self, reservation: Reservation) -> None:
        self._in_flight -= 1
        self._probes -= reservation.probe

    def _close(self, reservation: Reservation, now: float, seconds: float) -> None:
        least = min(_AGAIN_CAP_S, _AGAIN_S * 2.0 ** min(self._refused, 10))
        self._closed_until = max(self._closed_until, now + max(seconds, least))
        self._reopening = True
        self._refused += reservation.probe
        if self._latest is not None:
            self._contention.register_refusal(self._latest.limit)

    def _free(self, now: float) -> None:
        """Free the places of the responses of a window ago."""
        while self._responses and self._responses[0][0] + self.window_s <= now:
            _, sent = self._responses.popleft()
            if self._kind != "rolling":
                continue
            for bound in self._bounds:
                # Only what that response certainly still counted has become free since.
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

    def _update_bounds(self, reservation: Reservation, now: float, reading: Reading) -> None:
        remaining = reading.remaining
        if reading.date is not None:
            self.clock.update(reading.date, reservation.sent, now)
        if reading.reset is not None:
            self._update_kind(reservation, now, reading, reading.reset)
        taken_since = self._taken - reservation.number
        self._contention.update(reservation.room - taken_since - remaining, reading.limit)
        bounds = self._bounds
        while bounds and bounds[0].read <= reservation.sent:
            bounds.popleft()
        bounds.append(_Bound(now, remaining, remaining + reservation.done_before + 1, reservation.settled_before))
        self._weigh()
        dated, read = self._dated
        if reading.date is None or reading.date >= dated or reservation.sent >= read:
            self._dated = (dated if reading.date is None else reading.date, now)
            self._latest = reading

    def _update_kind(self, reservation: Reservation, now: float, reading: Reading, reset: float) -> None:
        moved = math.inf if self._reset is None else reset - self._reset
        first = reading.remaining >= reading.limit - 1
        if abs(moved) <= _SAME_S:
            self._opened = self._opened or first
            if reservation.sent >= self._reset_read + _STILL_S:
                self._kind = "fixed"
            return
        if moved < 0 and reservation.sent < self._reset_read:
            return  # an older response
        counted = self._taken - reservation.done_before  # of our own at most, if a window had just begun
        only_some = self._kind == "unknown" and moved < math.inf and reading.remaining + counted < reading.limit
        if 0 < moved < self.window_s - _SAME_S or only_some:  # places returned
            self._kind = "rolling"
        self._reset, self._reset_read, self._opened = reset, now, first

    def _over(self) -> float:
        """Return when the window ends, assuming that it is fixed."""
        surely = self._reset_read if self._reset is not None else self._bounds[-1].read
        surely += self.window_s
        if self._reset is None or self.clock.ahead_s is None:
            return surely
        # It is given in seconds, perhaps rounded down: the response that opened the window is a better start.
        reported = self._reset - self.clock.ahead_s
        if reported > surely - _EARLY_S and (self._opened or self._kind == "unknown"):
            return surely
        return min(reported, surely)
