"""Following a log as it grows: poll after poll returns what is new.

- Everything before one moment is settled: no event can appear there any more. Of the events from that moment on, the
  identities of those delivered are kept, each as often as it was delivered. The moment and the identities are the
  cursor.
- A poll walks from the newest event back to that moment, and leaves out what was delivered. Then the moment moves on,
  to ten minutes before the poll began: an event that appears later than that is not found.
- The time is the server's, and never estimated too late: of two readings, before and after a poll, the earlier counts.
- A log is read newest first and delivered oldest first, so a poll is held in memory. If there is much to catch up with,
  each poll covers one stretch of time, and a shorter one if that holds too many events.
"""

from collections import Counter, deque
from collections.abc import AsyncIterator
from datetime import date, datetime
from operator import itemgetter

import anyio
import msgspec
from attrs import define, field, frozen

from hubapi._datetimes import SECOND_NS, to_aware, to_ns
from hubapi._pipeline.pipeline import Pipeline
from hubapi.errors import ConfigurationError, HubError
from hubapi.export.log_walk import RESTART_OVERLAP_NS, LogWalk, LongestPage
from hubapi.export.pages import LATE_NS, PAGE_SIZE, Line, identity_of, split_page, time_of
from hubapi.export.requests import LogRequests
from hubapi.models import AuditLog

_NAME = "audit_logs.follow"

_AHEAD_NS = 3600 * SECOND_NS  # one of the server's clocks may be ahead of the others
_FIRST_STRETCH_NS = 3600 * SECOND_NS
_LONGEST_STRETCH_NS = 365 * 86400 * SECOND_NS
_MAX_HELD = 10 * PAGE_SIZE
"""New events that a poll may hold, if it covers more than ten minutes."""


@frozen
class _Cursor:
    """The position in a log; `since_ns` is None before the first poll."""

    follows: str
    since_ns: int | None
    delivered: list[tuple[int, str]]


@define(eq=False)
class _Poll:
    """One poll, which may be interrupted after any page."""

    walk: LogWalk
    since_ns: int
    end_ns: int
    now_ns: int  # when it began
    began: float  # the same on the local monotonic clock
    fresh: list[Line] = field(factory=list[Line])

    @property
    def stretch_ns(self) -> int:
        return self.end_ns - self.since_ns

    @property
    def is_last(self) -> bool:
        """Whether it covers the present."""
        return self.end_ns == self.now_ns


@define(eq=False)
class Follow(AsyncIterator[AuditLog]):
    """An endless iterator over an account's events as they happen, each once.

    It holds no connection and no task between two events: you can stop at any event, and continue at any time.

    Attributes:
        account: The organisation or user.
    """

    account: str
    _requests: LogRequests = field(repr=False)
    _every_s: float
    _since_ns: int | None = field(repr=False)  # everything before it is settled
    _delivered: list[tuple[int, str]] = field(factory=list[tuple[int, str]], repr=False)  # times and identities
    _coming: deque[tuple[int, Line]] = field(factory=deque[tuple[int, Line]], init=False, repr=False)
    _settled_ns: int = field(default=0, init=False, repr=False)  # once everything that is coming was delivered
    _stretch_ns: int = field(default=_FIRST_STRETCH_NS, init=False, repr=False)  # the time that a poll covers
    _poll: _Poll | None = field(default=None, init=False, repr=False)  # not finished yet
    _due: float = field(default=0.0, init=False, repr=False)
    _longest: LongestPage = field(factory=LongestPage, init=False, repr=False)
    _polling: anyio.Lock = field(factory=anyio.Lock, init=False, repr=False)

    @property
    def cursor(self) -> str:
        """The position, as a JSON string for `follow(cursor=)`, in this process or another.

        It has about 60 bytes for each event of the last ten minutes.
        """
        return msgspec.json.encode(_Cursor(self.account, self._since_ns, self._unsettled())).decode()

    async def __anext__(self) -> AuditLog:
        try:
            while not self._coming:
                async with self._polling:
                    if not self._coming:
                        await self._poll_when_due()
            return self._next()
        except HubError as error:
            error.operation, error.cursor = error.operation or _NAME, self.cursor
            raise

    def _next(self) -> AuditLog:
        """Return the next event. One that can't be read is raised as an error once, and the next one follows."""
        time_ns, line = self._coming.popleft()
        self._delivered.append((time_ns, identity_of(line)))
        self._settle()
        return self._requests.decode_event(line)

    def _settle(self) -> None:
        """Move on to the moment before which no event can appear any more."""
        next_ns = self._coming[0][0] if self._coming else self._settled_ns
        if self._since_ns is not None:
            self._since_ns = max(self._since_ns, min(next_ns, self._settled_ns))

    def _unsettled(self) -> list[tuple[int, str]]:
        """Return the delivered events that may be read again."""
        if self._since_ns is None:
            return []
        since_ns = self._since_ns - RESTART_OVERLAP_NS
        return [known for known in self._delivered if known[0] >= since_ns]

    async def _poll_when_due(self) -> None:
        clock = self._requests.clock
        wait_s = self._due - clock.monotonic()
        if wait_s > 0:
            await self._requests.sleep(wait_s)
        due = clock.monotonic() + self._every_s
        try:
            self._poll = self._poll or await self._begin()
            if await self._read(self._poll) and self._poll.is_last:
                self._due = due
        except HubError:
            self._due = due
            raise
        self._poll = None

    async def _begin(self) -> _Poll:
        """Begin to read the next stretch of time."""
        now_ns, began = await self._now_ns(), self._requests.clock.monotonic()
        since_ns = self._since_ns = now_ns if self._since_ns is None else self._since_ns
        self._delivered = self._unsettled()
        end_ns = min(since_ns + self._stretch_ns, now_ns)
        walk = LogWalk(
            since_ns=since_ns,
            until_ns=max(since_ns, now_ns) + _AHEAD_NS if end_ns == now_ns else end_ns,
            longest=self._longest,
            delivered=Counter(identity for _, identity in self._delivered),
        )
        return _Poll(walk, since_ns, end_ns, now_ns, began)

    async def _read(self, poll: _Poll) -> bool:
        """Read to the end of a poll; return False if it holds too many events, and the next one is to cover less."""
        while not poll.walk.done:
            raw = await self._requests.page(self.account, poll.walk.number, *poll.walk.requested_window)
            try:
                poll.fresh += poll.walk.take(split_page(*raw))
            except HubError:
                self._poll = None
                raise
            if len(poll.fresh) > _MAX_HELD and poll.stretch_ns > LATE_NS:
                self._stretch_ns = max(LATE_NS, poll.stretch_ns // 2)
                return False
        if len(poll.fresh) < _MAX_HELD // 2:
            self._stretch_ns = min(2 * self._stretch_ns, _LONGEST_STRETCH_NS)
        took_s = self._requests.clock.monotonic() - poll.began
        began_ns = int((self._requests.estimated_server_time() - took_s) * SECOND_NS)
        self._settled_ns = min(poll.end_ns, min(poll.now_ns, began_ns) - LATE_NS)
        self._coming.extend(_oldest_first(poll.fresh, poll.end_ns))
        self._settle()
        return True

    async def _now_ns(self) -> int:
        """Return the server's time; the local clock's only if no response has a date."""
        time = await self._requests.server_time(self.account)
        return int((self._requests.clock.time() if time is None else time) * SECOND_NS)


def _oldest_first(lines: list[Line], end_ns: int) -> list[tuple[int, Line]]:
    """Return events with their times, in the order of time. One without a time stays next to its neighbour."""
    time_ns = end_ns
    timed: list[tuple[int, Line]] = []
    for line in lines:
        known_ns = time_of(line)
        time_ns = time_ns if known_ns is None else known_ns
        timed.append((time_ns, line))
    timed.reverse()  # so that events of the same time keep the server's order
    timed.sort(key=itemgetter(0))
    return timed


def follow(
    pipeline: Pipeline, account: str, *, since: datetime | date | None, every: float, cursor: str | None
) -> Follow:
    """Follow a log; see `hubapi.AsyncHub.audit_logs.follow`.

    Raises:
        ConfigurationError: an argument can't work.
    """
    if not 1 <= every < float("inf"):
        raise ConfigurationError(f"every is {every}; give 1 second or more")
    requests, start = LogRequests(pipeline, _NAME), to_aware(since)
    if cursor is None:
        return Follow(account, requests, every, None if start is None else to_ns(start))
    if start is not None:
        raise ConfigurationError("since and cursor are both given: a cursor includes its own since")
    try:
        at = msgspec.json.decode(cursor, type=_Cursor)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise ConfigurationError("this is not a cursor: take it from Follow.cursor") from None
    if at.follows != account:
        raise ConfigurationError(f"this cursor belongs to the log of {at.follows!r}, not of {account!r}")
    return Follow(account, requests, every, at.since_ns, at.delivered)
