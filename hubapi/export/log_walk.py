"""The walk over one log, from its newest event to its oldest: which page to request next, which of its events are new.

No I/O and no clock: pages go in, new events come out.

- Pages are numbered, and each must continue the one before: its first event is older than the last one read. If not,
  events appeared or disappeared in the meantime, and known events are left out (by `event_id`, else by all of it).
- Every so many pages, and whenever a page doesn't continue the one before, the walk restarts from a timestamp: it
  requests what happened up to just after the last event read, from page 1. This keeps offsets small in the deepest log,
  copes with a server that miscounts pages, and lets a walk continue in another process that has nothing but the events
  read. A restarted walk reads some events again, and leaves out as many of each as it knows: two events without an
  `event_id` may be equal.
- A restarted walk must find the last event read. If it doesn't, the server understands `to` differently, and the walk
  falls back to counting pages.
- A page shorter than the longest page of this server is the last one, unless it has the size of a server's default: for
  days at a time the server has ignored the size asked for (D14). After such a page, or a first short page, a restart
  tells whether it was the end: nothing is older than the last event read. If pages don't continue, the page size may
  have changed, and the longest page is learned again.
"""

from collections import Counter, deque
from collections.abc import Sequence

from attrs import define, field, frozen

from hubapi._datetimes import SECOND_NS
from hubapi.errors import HubError
from hubapi.export.pages import PAGE_SIZE, Line, Page, is_digest, time_of

RESTART_OVERLAP_NS = 3 * SECOND_NS
"""The time whose events a restart must know: it requests up to two seconds more than it needs."""

RESTART_AFTER_PAGES = 50
"""Deep offsets take the server, and so the export, more time."""

_DEFAULT_SIZES = {10, 25}  # of servers that ignore the size asked for: Docker Hub's is 25
_MAX_RECOUNTS = 5  # of one restart
_KEPT_PAGES = 2  # at least, to recognise events that late ones have pushed over a page boundary


class ResumePointLost(HubError):
    """A resumed walk did not find the event it stopped at: it has to start over."""


@define
class LongestPage:
    """The longest page that a server has sent, shared by all walks of an export."""

    size: int = 0


@frozen
class _Fallback:
    """The window's end, page number and page size that a walk counts on with if a restart fails."""

    until_ns: int
    number: int
    size: int


@frozen
class _Restart:
    """The event that a restarted walk has to find, and the fallback if it doesn't."""

    last: str
    last_ns: int
    fallback: _Fallback | None


@define(eq=False)
class LogWalk:
    """A walk over the events of `since_ns <= time < until_ns`, newest first.

    Args:
        since_ns: The earliest time, in nanoseconds since the epoch; None for no limit.
        until_ns: The time that all events are before.
        longest: The longest page, shared by the walks of one server.
        delivered: Identities of events to leave out, each as often as an earlier export has written it.
        read: The last events that an interrupted walk has read, newest first: those of the last three seconds at least.

    Raises:
        ResumePointLost: the last event read has no time.
    """

    since_ns: int | None
    until_ns: int
    longest: LongestPage
    delivered: Counter[str] = field(factory=Counter[str])
    done: bool = field(default=False, init=False)
    repeated: int = field(default=0, init=False)
    number: int = field(default=1, init=False)
    read: Page | None = None
    _until_ns: int = field(init=False)  # the end that is requested
    _recent: deque[Page] = field(factory=deque[Page], init=False)
    _restart: _Restart | None = field(default=None, init=False)  # until the walk is past it
    _expected: Counter[str] = field(factory=Counter[str], init=False)  # known events that the restart has yet to find
    _found: bool = field(default=False, init=False)  # the last event read
    _seen: set[str] = field(factory=set[str], init=False)  # since the restart
    _previous: list[str] = field(factory=list[str], init=False)  # the identities of the page before
    _recounts: int = field(default=0, init=False)
    _size: int = field(default=0, init=False)  # of the first page since the count began
    _can_restart: bool = field(default=True, init=False)

    def __attrs_post_init__(self) -> None:
        self._until_ns = _next_second(self.until_ns)
        if self.read is not None and self.read.lines:
            self._recent.append(self.read)
            if not self._restart_from_last_event(None):
                raise ResumePointLost("the last event that was read has no time")

    @property
    def requested_window(self) -> tuple[int | None, int]:
        """The window to request: a second wider at both ends, as it isn't documented whether they belong to it."""
        since_ns = None if self.since_ns is None else _next_second(self.since_ns) - 2 * SECOND_NS
        return since_ns, self._until_ns

    def take(self, page: Page) -> Sequence[Line]:
        """Take the page that was requested, and return its new events in its order.

        Raises:
            ResumePointLost: the walk was resumed, and does not find the event it stopped at.
            HubError: the server's pages don't continue each other, whatever is requested.
        """
        length = len(page.lines)
        ends = length == 0 or (length < self.longest.size and length not in _DEFAULT_SIZES)
        fresh = self._new_on(page, ends=ends)
        if fresh is None:
            return ()
        self.repeated += length - len(fresh)
        self.longest.size = max(self.longest.size, length)
        self.done = ends
        self.number += 1
        new = page if fresh is page.lines else Page(fresh)
        if fresh:
            self._remember(new)
        # If the server sends fewer than asked for, a page's number means another place as soon as it sends more.
        is_due = self.number > RESTART_AFTER_PAGES or length < PAGE_SIZE
        if is_due and self._can_restart and self._restart is None and not ends:
            self._restart_from_last_event(self._fallback())
        return self._wanted(new)

    def _new_on(self, page: Page, *, ends: bool) -> Sequence[Line] | None:
        """Return what is new on a page; None if the walk counts again, and this page is not used."""
        self._size = len(page.lines) if self.number == 1 else self._size
        grew = len(page.lines) > self._size  # so its number means another place in the log
        if self._restart is not None:
            if not grew:
                return self._new_after_restart(self._restart, page, ends=ends)
            self._recount(self._restart)
            return None
        if self._is_older(page) and not grew:
            return page.lines
        return self._unknown(page) if self.number == 1 or self._continues(page, grew=grew) else None

    # --- does it continue?

    @property
    def _last(self) -> Page | None:
        return self._recent[-1] if self._recent else None

    def _is_older(self, page: Page) -> bool:
        """Return whether all of a page is older than all that was read, so that nothing on it can be known."""
        if self._last is None:
            return True
        first, last = page.first_ns, self._last.last_ns
        return first is not None and last is not None and first < last

    def _continues(self, page: Page, *, grew: bool) -> bool:
        """Return whether a page continues what was read; if it doesn't, restart.

        Raises:
            HubError: the page that continues can't be found.
        """
        last = self._last
        if last is None or not page.lines:
            return True
        known = self._known()
        again = [identity for identity in page.identities if known[identity]]
        first, top = page.first_ns, last.first_ns
        jumped = grew or (first is not None and top is not None and first > top)
        # Of events without an `event_id` it can't be told whether one came twice, or two are equal.
        if not jumped and len(again) < len(page.lines) and not any(map(is_digest, again)):
            return True
        self.longest = LongestPage()
        if self._can_restart and self._restart_from_last_event(self._fallback()):
            return False
        if grew or len(again) == len(page.lines):
            raise self._out_of_order()
        return True

    def _unknown(self, page: Page) -> list[Line]:
        known = self._known()
        return [line for line, identity in zip(page.lines, page.identities, strict=True) if not known[identity]]

    def _known(self) -> Counter[str]:
        return Counter(identity for page in self._recent for identity in page.identities)

    # --- restarts

    def _fallback(self) -> _Fallback:
        return _Fallback(self._until_ns, self.number, self._size)

    def _restart_from_last_event(self, fallback: _Fallback | None) -> bool:
        """Request what happened up to just after the last event read; return False if that is no less than before."""
        last = self._last
        if last is None or last.last_ns is None:
            return False
        until_ns = _next_second(last.last_ns)
        if until_ns >= self._until_ns and fallback is not None:
            return False
        self._until_ns, self._recounts = until_ns, 0
        self._count_from_first_page(_Restart(last.identities[-1], last.last_ns, fallback))
        return True

    def _count_from_first_page(self, restart: _Restart) -> None:
        self.number, self._restart = 1, restart
        self._expected, self._seen, self._previous, self._found = self._known(), set(), [], False

    def _recount(self, restart: _Restart) -> None:
        """Count the pages after a restart from the first again: events appeared between them, or their size changed.

        Raises:
            HubError: that has happened too often.
        """
        self._recounts += 1
        if self._recounts > _MAX_RECOUNTS:
            raise self._out_of_order()
        self._count_from_first_page(restart)

    def _out_of_order(self) -> HubError:
        return HubError(f"page {self.number} does not continue the pages before it: there would be gaps, or no end")

    def _new_after_restart(self, restart: _Restart, page: Page, *, ends: bool) -> list[Line] | None:
        """Return what is new on a page of a restarted walk; None if the walk falls back, or counts again."""
        fresh: list[Line] = []
        for line, identity in zip(page.lines, page.identities, strict=True):
            if self._expected[identity]:
                self._expected[identity] -= 1
                self._found = self._found or identity == restart.last
            elif identity in self._seen and not is_digest(identity):
                self._recount(restart)
                return None
            else:
                fresh.append(line)
        if page.lines and page.identities == self._previous:
            self._recount(restart)
            return None
        self._seen.update(page.identities)
        self._previous = page.identities
        oldest = page.last_ns
        is_past = ends or (self._found if oldest is None else oldest < restart.last_ns)
        if is_past and not self._found:
            self._fall_back(restart)
            return None
        if is_past:
            self._restart = None
        return fresh

    def _fall_back(self, restart: _Restart) -> None:
        """Count pages from where the walk was before the restart, and don't restart any more."""
        if restart.fallback is None:
            raise ResumePointLost("the log has changed: the last event that was read is no longer in it")
        back = restart.fallback
        self._until_ns, self.number, self._size = back.until_ns, back.number, back.size
        self._restart, self._can_restart = None, False

    # --- what is kept, and what is returned

    def _wanted(self, page: Page) -> Sequence[Line]:
        """Leave out what lies outside the window, and what an earlier export has delivered."""
        if not page.lines or not (self.delivered or self._exceeds_window(page)):
            return page.lines
        kept: list[Line] = []
        for line, identity in zip(page.lines, page.identities, strict=True):
            time_ns = time_of(line)
            if time_ns is not None and not (self.since_ns or time_ns) <= time_ns < self.until_ns:
                continue
            if self.delivered[identity]:
                self.delivered[identity] -= 1
                continue
            kept.append(line)
        return kept

    def _exceeds_window(self, page: Page) -> bool:
        first, last = page.first_ns, page.last_ns
        return (first is None or first >= self.until_ns) or (
            self.since_ns is not None and (last is None or last < self.since_ns)
        )

    def _remember(self, page: Page) -> None:
        self._recent.append(page)
        last = page.last_ns
        while len(self._recent) > _KEPT_PAGES:
            oldest = self._recent[0].last_ns
            if last is not None and oldest is not None and oldest <= last + RESTART_OVERLAP_NS:
                break
            self._recent.popleft()


def _next_second(time_ns: int) -> int:
    """Return the whole second that ends at least one second after a time."""
    return -(-time_ns // SECOND_NS) * SECOND_NS + SECOND_NS
