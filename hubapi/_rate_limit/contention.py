"""Contention: other clients that use the same rate limit, and how carefully to use it because of them."""

from msgspec import Struct

STALE_S = 5.0
"""The age in seconds at which the last response's reading may be out of date."""

_PAUSED_RESERVE, _RESERVE, _HELD = 16, 4, 16
"""The reserve after a pause, the largest reserve, and the most places held free: each is the limit divided by this."""

_DECAY = 0.998
"""The factor for the reserve and the held places at each response that shows no other client."""

_CAREFUL = 8
"""Within the reserve, at most one request is in flight for this many places."""


class Contention(Struct):
    """An estimate of the requests of other clients of the same account.

    Their requests are not visible. But if a response has fewer requests remaining than our own requests explain, the
    difference is theirs; a 429 shows that there are some. They may send more between two responses, so:

    - The last places, as many as they have taken between two responses (`reserve`), are used by a few requests at a
      time, each of which waits for the response of an earlier one.
    - In a rolling window, in which places become free one by one, the very last places are left free (`held`): two more
      for each 429.
    - Both decay with every response that shows no other client.

    Without other clients both are zero, and only after a pause does one request go first.
    """

    reserve: float = 0.0
    held: float = 0.0

    def update(self, taken: int, limit: int) -> None:
        """Update from the number of places that other clients certainly took between two readings; at most 0 if none.

        Args:
            taken: The places that they took.
            limit: The places of a window.
        """
        if taken > 0:
            self.reserve = min(max(self.reserve, taken) + 1.0, limit / _RESERVE)
        else:
            self.reserve = _decayed(self.reserve)
            self.held = _decayed(self.held)

    def register_refusal(self, limit: int) -> None:
        """Register a 429 for a request for which there seemed to be room."""
        self.held = min(self.held + 2.0, limit / _HELD)

    def width(self, room: int, limit: int, age_s: float) -> float:
        """Return how many requests may be in flight at once.

        Args:
            room: The places that are left by our own estimate.
            limit: The places of a window.
            age_s: The seconds since the last response.
        """
        reserve = max(self.reserve, limit / _PAUSED_RESERVE) if age_s > STALE_S else self.reserve
        return float("inf") if room > reserve else max(1, room // _CAREFUL)


def _decayed(amount: float) -> float:
    return amount * _DECAY if amount >= 0.5 else 0.0
