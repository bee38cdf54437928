"""An estimate of the server's clock from the `Date` headers of its responses."""

import math

from msgspec import Struct

FORGET_S = 180.0
"""How long a reading is kept at least; at most twice as long."""

_RESOLUTION_S = 1.0  # of `Date`


class ServerClock(Struct):
    """A lower bound of the server's clock less our monotonic one, so that no wait by the server's clock ends too early.

    - The server wrote its date before we read it: its clock is at least `date - read` ahead. As dates are whole
      seconds, the best of many responses is tighter than any one.
    - It wrote it after we sent the request, and cut off less than a second: its clock is at most `date + 1 - sent`
      ahead. If that contradicts the bound, the clock was set back, and the estimate starts again.
    - Readings are forgotten after some minutes, so that the bound follows clocks that drift apart.
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
