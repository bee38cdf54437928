"""Where an export under way stands, and how long it may still take: no I/O, over a clock."""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from time import monotonic

from attrs import define, evolve, field, frozen

from hubapi.errors import HubError
from hubapi.export.pages import PAGE_SIZE
from hubapi.export.report import Progress

_RECENT_S = 60.0  # the length of Docker Hub's window: it hands out its pages in bursts
_SOON_S = 3.0  # before which nothing is foretold


@frozen(kw_only=True)
class Row:
    """One account, as the last news of it has it.

    Attributes:
        account: Whose log it is.
        events: Events read so far.
        pages: Pages read by this run.
        reached: How far back in time it has come.
        done: Whether it is finished, well or badly.
        error: What it failed with.
        began: The share that an earlier run had walked.
        share: The share of its time that is walked, 0 to 1; None where nobody knows.
    """

    account: str
    events: int = 0
    pages: int = 0
    reached: datetime | None = None
    done: bool = False
    error: HubError | None = None
    began: float = 0.0
    share: float | None = None

    @property
    def expected(self) -> float | None:
        """Pages that this run may read in all, by the time that so many have covered; None where nothing tells."""
        if self.done:
            return float(self.pages)
        pages = self.pages - (self.began > 0)  # of one that goes on, the first page tells where it began
        if self.share is None or self.share <= self.began or not pages:
            return None
        return self.pages + pages * (1 - self.share) / (self.share - self.began)


@define
class Standing:
    """What is known of all accounts.

    Args:
        accounts: How many there are.
        window: The time that is walked, where both ends are known.
        now: The time in seconds, from anywhere on.
    """

    accounts: int
    window: tuple[datetime, datetime] | None = None
    now: Callable[[], float] = monotonic
    rows: dict[str, Row] = field(factory=dict[str, Row], init=False)
    finished: list[Row] = field(factory=list[Row], init=False)
    began: float = field(init=False)
    _recent: deque[float] = field(factory=deque[float], init=False)

    def __attrs_post_init__(self) -> None:
        self.began = self.now()

    def take(self, news: Progress) -> Row:
        """Take one account's news in, and return what is known of it now."""
        before = self.rows.get(news.account, Row(account=news.account))
        reached = news.reached or before.reached
        share = 1.0 if news.done else self._share(reached)
        goes_on = news.pages == 1 and news.events > PAGE_SIZE
        row = evolve(
            before,
            events=news.events,
            pages=news.pages,
            reached=reached,
            done=news.done,
            error=news.error,
            began=(share or 0.0) if goes_on else before.began,
            share=share,
        )
        self.rows[row.account] = row
        if row.done:
            self.finished.append(row)
        if row.pages > before.pages:
            self._recent.append(self.now())
        while self._recent and self._recent[0] <= self.now() - _RECENT_S:
            self._recent.popleft()
        return row

    def _share(self, reached: datetime | None) -> float | None:
        if self.window is None or reached is None:
            return None
        since, until = self.window
        return min(1.0, max(0.0, (until - reached) / (until - since)))

    @property
    def under_way(self) -> list[Row]:
        """The accounts that are being read, in the order in which they began."""
        return [row for row in list(self.rows.values()) if not row.done]

    @property
    def failed(self) -> int:
        """How many have failed."""
        return sum(row.error is not None for row in self.finished)

    @property
    def events(self) -> int:
        """Events read so far, all told."""
        return sum(row.events for row in list(self.rows.values()))

    @property
    def pages(self) -> int:
        """Pages read so far, all told."""
        return sum(row.pages for row in list(self.rows.values()))

    @property
    def share(self) -> float:
        """The share of the work that is done, 0 to 1, as if all accounts were alike."""
        return sum(row.share or 0.0 for row in list(self.rows.values())) / self.accounts

    @property
    def elapsed_s(self) -> float:
        """The seconds since it began."""
        return self.now() - self.began

    def left_s(self, fastest: float | None = None) -> float | None:
        """Return the seconds it may still take; None where nothing tells.

        Args:
            fastest: Pages a second that the rate limit allows in the long run, where that is known.
        """
        now = self.now()
        recent = sum(at > now - _RECENT_S for at in list(self._recent))
        rows = [row for row in list(self.rows.values()) if row.pages and row.error is None]
        if self.elapsed_s < _SOON_S or not recent or all(row.expected is None for row in rows):
            return None
        # The first to finish are the shortest: of those under way, each may well be half done.
        expected = [2.0 * row.pages if row.expected is None else row.expected for row in rows]
        usual = sum(expected) / len(expected)
        left = sum(expected) - sum(row.pages for row in rows) + usual * (self.accounts - len(self.rows))
        speed = recent / min(_RECENT_S, self.elapsed_s)
        return left / (speed if fastest is None else min(speed, fastest))
