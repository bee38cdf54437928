"""How far the server's clock is ahead of our monotonic one, as its `Date` headers tell."""

import math

from msgspec import Struct

FORGET_S = 180.0
"""How long what an answer told is held at least; no longer than twice that."""

_RESOLUTION_S = 1.0  # of `Date`


class ServerClock(Struct):
    """Bounds the difference from below, so that what is due by the server's clock is never thought due too early.

    - The server wrote its date before we read it: its clock is at least `date - read` ahead. As dates are whole
      seconds, the best of many answers is tighter than any one.
    - It wrote it after we sent the request, and cut off less than a second: its clock is at most `date + 1 - sent`
      ahead. Where that contradicts the bound, the clock was set back: what is known starts anew.
    - What was learned is forgotten after some minutes, so that the bound follows clocks that drift apart.
    """

    _recent: float = -math.inf
    _older: float = -math.inf
    _since: float = -math.inf

    @property
    def ahead_s(self) -> float | None:
        """The server's clock less ours, at least; None before the first date."""
        bound = max(self._recent, self._older)
        return None if bound == -math.inf else bound

    def learn(self, date: float, sent: float, read: float) -> None:
        """Learn from an answer's date, and from when its request was sent and the answer read."""
        if max(self._recent, self._older) > date + _RESOLUTION_S - sent:
            self._recent = self._older = -math.inf
        if read >= self._since + FORGET_S:
            self._older, self._recent, self._since = self._recent, -math.inf, read
        self._recent = max(self._recent, date - read)
