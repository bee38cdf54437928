"""The state of a running export, and the time it may still take: no I/O, over a clock."""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from time import monotonic

from attrs import define, evolve, field, frozen

from hubapi.errors import HubError
from hubapi.export import Progress
from hubapi.export.pages import PAGE_SIZE

_RECENT_S = 60.0  # the length of Docker Hub's window: pages come in bursts
_SOON_S = 3.0  # no estimate earlier


@frozen(kw_only=True)
class AccountState:
    """The state of one account.

    Attributes:
        account: The organisation or user.
        events: Events read so far.
        pages: Pages read by this run.
        reached: The time of the oldest event read so far.
        done: Whether the account is finished, successfully or not.
        error: The error, if the account failed.
        began: The share that an earlier run had read.
        share: The share of the window that is read, 0 to 1; None if it isn't known.
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
        """The pages that this run may read in all, estimated from the share so far; None without an estimate."""
        if self.done:
            return float(self.pages)
        pages = self.pages - (self.began > 0)  # the first page of a resumed account tells where it began
        if self.share is None or self.share <= self.began or not pages:
            return None
        return self.pages + pages * (1 - self.share) / (self.share - self.began)


@define
class ProgressState:
    """The state of all accounts.

    Args:
        count: The number of accounts.
        window: The window that is read, if both ends are known.
        now: The time in seconds, from any origin.
    """

    count: int
    window: tuple[datetime, datetime] | None = None
    now: Callable[[], float] = monotonic
    accounts: dict[str, AccountState] = field(factory=dict[str, AccountState], init=False)
    finished: list[AccountState] = field(factory=list[AccountState], init=False)
    began: float = field(init=False)
    _recent: deque[float] = field(factory=deque[float], init=False)

    def __attrs_post_init__(self) -> None:
        self.began = self.now()

    def update(self, progress: Progress) -> AccountState:
        """Update one account, and return its state."""
        before = self.accounts.get(progress.account, AccountState(account=progress.account))
        reached = progress.reached or before.reached
        share = 1.0 if progress.done else self._share(reached)
        is_resumed = progress.pages == 1 and progress.events > PAGE_SIZE
        state = evolve(
            before,
            events=progress.events,
            pages=progress.pages,
            reached=reached,
            done=progress.done,
            error=progress.error,
            began=(share or 0.0) if is_resumed else before.began,
            share=share,
        )
        self.accounts[state.account] = state
        if state.done:
            self.finished.append(state)
        if state.pages > before.pages:
            self._recent.append(self.now())
        while self._recent and self._recent[0] <= self.now() - _RECENT_S:
            self._recent.popleft()
        return state

    def _share(self, reached: datetime | None) -> float | None:
        if self.window is None or reached is None:
            return None
        since, until = self.window
        return min(1.0, max(0.0, (until - reached) / (until - since)))

    @property
    def running(self) -> list[AccountState]:
        """The accounts that are being read, in the order in which they began."""
        return [state for state in list(self.accounts.values()) if not state.done]

    @property
    def failed(self) -> int:
        """The number of accounts that failed."""
        return sum(state.error is not None for state in self.finished)

    @property
    def events(self) -> int:
        """Events read so far."""
        return sum(state.events for state in list(self.accounts.values()))

    @property
    def pages(self) -> int:
        """Pages read so far."""
        return sum(state.pages for state in list(self.accounts.values()))

    @property
    def share(self) -> float:
        """The share of the work that is done, 0 to 1, each account counting the same."""
        return sum(state.share or 0.0 for state in list(self.accounts.values())) / self.count

    @property
    def elapsed_s(self) -> float:
        """The seconds since the beginning."""
        return self.now() - self.began

    def left_s(self, fastest: float | None = None) -> float | None:
        """Return an estimate of the seconds that are left; None without an estimate.

        Args:
            fastest: Pages per second that the rate limit allows in the long run, if that is known.
        """
        now = self.now()
        recent = sum(at > now - _RECENT_S for at in list(self._recent))
        states = [state for state in list(self.accounts.values()) if state.pages and state.error is None]
        if self.elapsed_s < _SOON_S or not recent or all(state.expected is None for state in states):
            return None
        # The first to finish are the shortest, so an account that is still running may be half done.
        expected = [2.0 * state.pages if state.expected is None else state.expected for state in states]
        mean = sum(expected) / len(expected)
        left = sum(expected) - sum(state.pages for state in states) + mean * (self.count - len(self.accounts))
        speed = recent / min(_RECENT_S, self.elapsed_s)
        return left / (speed if fastest is None else min(speed, fastest))
