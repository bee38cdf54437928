"""One log's way from its newest event to its oldest: which page to ask for next, and which of its events are new.

No I/O and no clock: pages go in, new events come out.

- Pages are numbered, and each must continue the one before: its first event is older than the last one read. Where it
  is not, events came or went meanwhile, and what is known already is left out (`event_id`, else the whole event).
- Every so many pages, and whenever pages don't continue, the walk is anchored anew: it asks for what happened up to
  just after the last event read, from page 1. So offsets stay small in the deepest log, a server that miscounts pages
  is got round, and a walk goes on in another process with nothing but the events it has read. Anchored, it meets some
  events again, and leaves out as many of each as it has: two events without an `event_id` may be alike.
- An anchored walk must meet the last event it read. If not, the server takes `to` for something else, and the walk goes
  back to counting pages.
- A page shorter than the longest that this server gave is the last. One as short as a server's default may be is not:
  for days at a time it has ignored the size asked for (D14). What such a page, or a first short one, is the end of, the
  next anchor tells: nothing is older than the last event read. Where pages don't continue, the size may have changed:
  what was the longest is learned anew.
"""

from collections import Counter, deque
from collections.abc import Sequence

from attrs import define, field, frozen

from hubapi._datetimes import SECOND_NS
from hubapi.errors import HubError
from hubapi.export.pages import PAGE_SIZE, Line, Page, is_digest, time_of

SEAM_NS = 3 * SECOND_NS
"""What to know of the events before: a walk asks for up to two seconds more than it needs."""

DEEPEST = 50
"""Pages after which a walk is anchored anew: deep offsets cost the server, and us the time."""

_DEFAULT_SIZES = {10, 25}  # what a server may give where it ignores the size asked for: this one 25
_RESTARTS = 5  # of one anchor, before the server is given up
_REMEMBERED = 2  # pages at least, to know again what late events push over a seam


class Misplaced(HubError):
    """A resumed walk did not meet the event it stopped at: it has to begin anew."""


@define
class Longest:
    """The longest page a server gave, which all walks of an export learn from."""

    size: int = 0


@frozen
class _Anchor:
    """Where a walk stopped to begin anew: at its last event; and the way back, if there is one."""

    last: str
    last_ns: int
    way_back: tuple[int, int, int] | None  # the end asked for, the page's number, and their size


@define(eq=False)
class Walk:
    """The events of `since_ns <= time < until_ns`, the newest first.

    Args:
        since_ns: The earliest time, in nanoseconds since 1970; None for all there is.
        until_ns: The time that all events are before.
        longest: What the walks of one server share.
        delivered: Identities of events of an earlier export, each as often as it was written, to leave out.
        read: The last events that an interrupted walk read, the newest first: all of the last three seconds at least.
    """

    since_ns: int | None
    until_ns: int
    longest: Longest
    delivered: Counter[str] = field(factory=Counter[str])
    done: bool = field(default=False, init=False)
    repeated: int = field(default=0, init=False)
    number: int = field(default=1, init=False)
    read: Page | None = None
    _until_ns: int = field(init=False)  # the end asked for
    _recent: deque[Page] = field(factory=deque[Page], init=False)
    _anchor: _Anchor | None = field(default=None, init=False)  # until the walk is past it
    _again: Counter[str] = field(factory=Counter[str], init=False)  # what it has yet to meet again
    _met: bool = field(default=False, init=False)
    _here: set[str] = field(factory=set[str], init=False)  # what it has met since
    _before: list[str] = field(factory=list[str], init=False)  # and on the page before
    _restarts: int = field(default=0, init=False)
    _size: int = field(default=0, init=False)  # of the first page since the count began
    _trusting: bool = field(default=True, init=False)

    def __attrs_post_init__(self) -> None:
        self._until_ns = _next_second(self.until_ns)
        if self.read is not None and self.read.lines:
            self._recent.append(self.read)
            if not self._anchor_anew(way_back=None):
                raise Misplaced("the event where the log was left has no time")

    @property
    def asks(self) -> tuple[int | None, int]:
        """The window to ask the server for: a second wider, as nobody knows whether its ends are in it."""
        since_ns = None if self.since_ns is None else _next_second(self.since_ns) - 2 * SECOND_NS
        return since_ns, self._until_ns

    def take(self, page: Page) -> Sequence[Line]:
        """Take the page asked for; return those of its events that are new, in its order.

        Raises:
            Misplaced: the walk was resumed, and does not find its place.
            HubError: the server's pages don't follow each other, and can't be got round.
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
        # Where the server gives fewer than asked for, a page's number means another place as soon as it gives more.
        if (self.number > DEEPEST or length < PAGE_SIZE) and self._trusting and self._anchor is None and not ends:
            self._anchor_anew(way_back=(self._until_ns, self.number, self._size))
        return self._wanted(new)

    def _new_on(self, page: Page, *, ends: bool) -> Sequence[Line] | None:
        """Return what is new on a page; None where the walk begins to count anew, and asks again."""
        self._size = len(page.lines) if self.number == 1 else self._size
        grew = len(page.lines) > self._size  # and so the number means another place in the log
        if self._anchor is not None:
            if not grew:
                return self._beyond(self._anchor, page, ends=ends)
            self._restart(self._anchor)
            return None
        if self._is_older(page) and not grew:
            return page.lines
        return self._unread(page) if self.number == 1 or self._continues(page, grew=grew) else None

    # --- does it continue?

    @property
    def _last(self) -> Page | None:
        return self._recent[-1] if self._recent else None

    def _is_older(self, page: Page) -> bool:
        """Say whether all of a page is older than all that was read: nothing of it can be known."""
        if self._last is None:
            return True
        first, last = page.first_ns, self._last.last_ns
        return first is not None and last is not None and first < last

    def _continues(self, page: Page, *, grew: bool) -> bool:
        """Anchor anew, and return False, where a page does not follow what was read.

        Raises:
            HubError: it can't be found out what follows.
        """
        last = self._last
        if last is None or not page.lines:
            return True
        known = self._known()
        again = [identity for identity in page.identities if known[identity]]
        first, top = page.first_ns, last.first_ns
        jumped = grew or (first is not None and top is not None and first > top)
        # Of events without an `event_id` nobody can tell whether one came twice, or two are alike.
        if not jumped and len(again) < len(page.lines) and not any(map(is_digest, again)):
            return True
        self.longest = Longest()
        if self._trusting and self._anchor_anew(way_back=(self._until_ns, self.number, self._size)):
            return False
        if grew or len(again) == len(page.lines):
            raise self._out_of_order()
        return True

    def _unread(self, page: Page) -> list[Line]:
        known = self._known()
        return [line for line, identity in zip(page.lines, page.identities, strict=True) if not known[identity]]

    def _known(self) -> Counter[str]:
        return Counter(identity for page in self._recent for identity in page.identities)

    # --- anchors

    def _anchor_anew(self, way_back: tuple[int, int, int] | None) -> bool:
        """Ask for what happened up to just after the last event read; return False where that would be no less."""
        last = self._last
        if last is None or last.last_ns is None:
            return False
        until_ns = _next_second(last.last_ns)
        if until_ns >= self._until_ns and way_back is not None:
            return False
        self._until_ns, self._restarts = until_ns, 0
        self._begin_at(_Anchor(last.identities[-1], last.last_ns, way_back))
        return True

    def _begin_at(self, anchor: _Anchor) -> None:
        self.number, self._anchor = 1, anchor
        self._again, self._here, self._before, self._met = self._known(), set(), [], False

    def _restart(self, anchor: _Anchor) -> None:
        """Count the pages of an anchored walk from the first again: events came between them, or their size changed.

        Raises:
            HubError: that has happened before, and led no further.
        """
        self._restarts += 1
        if self._restarts > _RESTARTS:
            raise self._out_of_order()
        self._begin_at(anchor)

    def _out_of_order(self) -> HubError:
        return HubError(f"page {self.number} does not follow the pages before it: the log would have gaps, or no end")

    def _beyond(self, anchor: _Anchor, page: Page, *, ends: bool) -> list[Line] | None:
        """Return what is new on a page of an anchored walk; None where the walk goes back, or begins to count anew."""
        fresh: list[Line] = []
        for line, identity in zip(page.lines, page.identities, strict=True):
            if self._again[identity]:
                self._again[identity] -= 1
                self._met = self._met or identity == anchor.last
            elif identity in self._here and not is_digest(identity):
                self._restart(anchor)
                return None
            else:
                fresh.append(line)
        if page.lines and page.identities == self._before:
            self._restart(anchor)
            return None
        self._here.update(page.identities)
        self._before = page.identities
        oldest = page.last_ns
        is_past = ends or (self._met if oldest is None else oldest < anchor.last_ns)
        if is_past and not self._met:
            self._go_back(anchor)
            return None
        if is_past:
            self._anchor = None
        return fresh

    def _go_back(self, anchor: _Anchor) -> None:
        """Count pages again from where the walk was before its anchor, and trust no anchor any more."""
        if anchor.way_back is None:
            raise Misplaced("the log has changed: the event where it was left is no longer there")
        self._until_ns, self.number, self._size = anchor.way_back
        self._anchor, self._trusting = None, False

    # --- what is kept, and what comes next

    def _wanted(self, page: Page) -> Sequence[Line]:
        """Leave out what the server gave beyond the window, and what an earlier export delivered."""
        if not page.lines or not (self.delivered or self._sticks_out(page)):
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

    def _sticks_out(self, page: Page) -> bool:
        first, last = page.first_ns, page.last_ns
        return (first is None or first >= self.until_ns) or (
            self.since_ns is not None and (last is None or last < self.since_ns)
        )

    def _remember(self, page: Page) -> None:
        self._recent.append(page)
        last = page.last_ns
        while len(self._recent) > _REMEMBERED:
            oldest = self._recent[0].last_ns
            if last is not None and oldest is not None and oldest <= last + SEAM_NS:
                break
            self._recent.popleft()


def _next_second(time_ns: int) -> int:
    """Return the whole second that ends at least one second after a time."""
    return -(-time_ns // SECOND_NS) * SECOND_NS + SECOND_NS
