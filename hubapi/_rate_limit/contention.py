"""How careful to be with a budget that others use too."""

from msgspec import Struct

STALE_S = 5.0
"""After a pause as long as this, what the last answer said may no longer hold."""

_PAUSED_RESERVE, _RESERVE, _HELD = 16, 4, 16
"""The parts of the limit that are taken carefully after a pause, and at most, and that are left alone at most."""

_RESERVE_FADES, _HELD_FADES = 0.998, 0.998
"""What each answer that shows nobody else leaves of the caution."""

_CAREFUL = 8
"""Within the reserve, no more requests are under way than one for so many places."""


class Others(Struct):
    """What is known of other clients of the same account, as the caution it calls for.

    Nothing tells when others send. But an answer that says less remains than our own requests can have left shows that
    they do, and by how much; and so does a 429. Between two answers they may do it again, so:

    - the last places, as many as they once took unseen, are taken by few at a time, each waiting for news;
    - the very last are left alone where places come back one by one (in a rolling window): two more for each 429;
    - both fade with every answer that shows nobody else.

    With nobody else there is no caution, but for one request that goes ahead after a pause.
    """

    reserve: float = 0.0
    held: float = 0.0

    def learn(self, taken: int, limit: int) -> None:
        """Learn how many places others took, for certain, between two readings; zero or less shows nobody."""
        if taken > 0:
            self.reserve = min(max(self.reserve, taken) + 1.0, limit / _RESERVE)
            return
        if self.reserve or self.held:
            self.reserve = _fade(self.reserve, _RESERVE_FADES)
            self.held = _fade(self.held, _HELD_FADES)

    def refused(self, limit: int) -> None:
        """Learn that there was no place where one was thought to be."""
        self.held = min(self.held + 2.0, limit / _HELD)

    def width(self, room: int, limit: int, age_s: float) -> float:
        """Return how many requests may be under way at once.

        Args:
            room: The places that seem to be left.
            limit: The places of a window.
            age_s: The seconds since the last answer.
        """
        reserve = max(self.reserve, limit / _PAUSED_RESERVE) if age_s > STALE_S else self.reserve
        return float("inf") if room > reserve else max(1, room // _CAREFUL)


def _fade(amount: float, factor: float) -> float:
    return amount * factor if amount >= 0.5 else 0.0
