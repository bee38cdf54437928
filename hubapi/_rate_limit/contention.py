"""The caution that a budget calls for which other clients use too."""

from msgspec import Struct

STALE_S = 5.0
"""After a pause as long as this, the last response's reading may no longer hold."""

_PAUSED_RESERVE, _RESERVE, _HELD = 16, 4, 16
"""The parts of the limit that are used carefully after a pause, and at most, and that are left free at most."""

_RESERVE_FADES, _HELD_FADES = 0.998, 0.998
"""The share of the caution that remains after each response that shows no other client."""

_CAREFUL = 8
"""Within the reserve, at most one request in flight for so many places."""


class Contention(Struct):
    """The evidence of other clients of the same account, as the caution it calls for.

    Nothing announces other clients' requests. But a response with fewer requests remaining than our own can explain
    shows that there are some, and how many; so does a 429. They may send again between two responses, so:

    - the last places, as many as they once took unseen, are used by a few requests at a time, each waiting for the
      response of one before it;
    - the very last ones are left free in a rolling window, in which places return one by one: two more for each 429;
    - both fade with every response that shows no other client.

    Without other clients there is no caution, except for one request that goes first after a pause.
    """

    reserve: float = 0.0
    held: float = 0.0

    def update(self, taken: int, limit: int) -> None:
        """Update from the number of places that others certainly took between two readings; 0 or less for none."""
        if taken > 0:
            self.reserve = min(max(self.reserve, taken) + 1.0, limit / _RESERVE)
            return
        if self.reserve or self.held:
            self.reserve = _fade(self.reserve, _RESERVE_FADES)
            self.held = _fade(self.held, _HELD_FADES)

    def register_refusal(self, limit: int) -> None:
        """Register a 429 for a request that seemed to have room."""
        self.held = min(self.held + 2.0, limit / _HELD)

    def width(self, room: int, limit: int, age_s: float) -> float:
        """Return how many requests may be in flight at once.

        Args:
            room: The places that seem to be left.
            limit: The places of a window.
            age_s: The seconds since the last response.
        """
        reserve = max(self.reserve, limit / _PAUSED_RESERVE) if age_s > STALE_S else self.reserve
        return float("inf") if room > reserve else max(1, room // _CAREFUL)


def _fade(amount: float, factor: float) -> float:
    return amount * factor if amount >= 0.5 else 0.0
