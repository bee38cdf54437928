"""A log followed as it grows: what is new since the last poll, again and again.

- Everything before one moment is settled: nothing can come there any more. Of what happened from that moment on, the
  identities of the delivered events are kept, each as often as it came. Both together are the cursor.
- A poll walks from the newest event back to that moment, and leaves out what was delivered. Then the moment moves on,
  to ten minutes before the poll began: what arrives later than that is not found.
- The time is the server's, and not taken to be later than it is: of two readings, before a poll and after it, the
  earlier counts.
- A log is read newest first, and delivered oldest first: a poll is held in memory. So where there is much to catch up
  with, each poll takes in one stretch of time, and a shorter one where that holds too much.
"""

from collections import Counter, deque
from collections.abc import AsyncIterator
from datetime import date, datetime
from operator import itemgetter
from typing import Final

import anyio
import msgspec
from attrs import define, field, frozen
from msgspec.structs import replace

from hubapi._codec.codec import decode
from hubapi._datetimes import SECOND_NS, to_aware, to_ns
from hubapi._operation import Operation
from hubapi._pipeline.pipeline import Pipeline
from hubapi._transport.transport import Response
from hubapi.errors import ConfigurationError, HubError
from hubapi.export.log_walk import SEAM_NS, Longest, Walk
from hubapi.export.pages import (
    OVERLAP_NS,
    PAGE_SIZE,
    Line,
    actions_operation,
    identity_of,
    lines_of,
    page_operation,
    time_of,
)
from hubapi.export.requests import read_page, server_time
from hubapi.models import AuditLog

_NAME: Final = "audit_logs.follow"
_EVENT = Operation(id=_NAME, method="GET", path="", result=AuditLog)

_AHEAD_NS = 3600 * SECOND_NS  # some of the server's clocks are ahead of others
_FIRST_NS = 3600 * SECOND_NS
_LONGEST_NS = 365 * 86400 * SECOND_NS
_MOST = 10 * PAGE_SIZE
"""New events that a poll may hold, if it takes in more than ten minutes."""


@frozen
class _Cursor:
    """Where following stands; `since_ns` is None before the first poll."""

    follows: str
    since_ns: int | None
    delivered: list[tuple[int, str]]


@define(eq=False)
class _Poll:
    """One poll, which may be interrupted at any page."""

    walk: Walk
    since_ns: int
    end_ns: int
    now_ns: int  # when it began
    began: float  # the same by our monotonic clock
    fresh: list[Line] = field(factory=list[Line])

    @property
    def stretch_ns(self) -> int:
        return self.end_ns - self.since_ns

    @property
    def is_last(self) -> bool:
        """Whether it takes in the present."""
        return self.end_ns == self.now_ns


@define(eq=False)
class Follow(AsyncIterator[AuditLog]):
    """Iterates over an account's events as they happen, each once, and never ends by itself.

    It holds no connection and no task between two events: breaking off costs nothing, and it may go on at any time.

    Attributes:
        account: Whose log it is.
    """

    account: str
    _pipeline: Pipeline = field(repr=False)
    _every_s: float
    _since_ns: int | None = field(repr=False)  # all before it is settled
    _delivered: list[tuple[int, str]] = field(factory=list[tuple[int, str]], repr=False)  # and when it happened
    _coming: deque[tuple[int, Line]] = field(factory=deque[tuple[int, Line]], init=False, repr=False)
    _settled_ns: int = field(default=0, init=False, repr=False)  # as soon as all that is coming was delivered
    _stretch_ns: int = field(default=_FIRST_NS, init=False, repr=False)  # of time, that a poll takes in
    _poll: _Poll | None = field(default=None, init=False, repr=False)  # under way
    _due: float = field(default=0.0, init=False, repr=False)
    _longest: Longest = field(factory=Longest, init=False, repr=False)
    _polling: anyio.Lock = field(factory=anyio.Lock, init=False, repr=False)

    @property
    def cursor(self) -> str:
        """A JSON string that `follow` takes, in this process or another: just the rest follows.

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
        """Return the next event; one that can't be read is an error once, and the next follows it."""
        time_ns, line = self._coming.popleft()
        self._delivered.append((time_ns, identity_of(line)))
        self._settle()
        headers = {"content-type": "application/json"}
        return decode(Response(status=200, headers=headers, content=bytes(line)), _EVENT)

    def _settle(self) -> None:
        """Move on as far as nothing can come any more."""
        next_ns = self._coming[0][0] if self._coming else self._settled_ns
        if self._since_ns is not None:
            self._since_ns = max(self._since_ns, min(next_ns, self._settled_ns))

    def _unsettled(self) -> list[tuple[int, str]]:
        """Return the delivered events that may come again."""
        if self._since_ns is None:
            return []
        since_ns = self._since_ns - SEAM_NS
        return [known for known in self._delivered if known[0] >= since_ns]

    async def _poll_when_due(self) -> None:
        line = self._pipeline.line
        wait_s = self._due - line.clock.monotonic()
        if wait_s > 0:
            await line.life.sleep(wait_s, _NAME)
        due = line.clock.monotonic() + self._every_s
        try:
            self._poll = self._poll or await self._begin()
            if await self._read(self._poll) and self._poll.is_last:
                self._due = due
        except HubError:
            self._due = due
            raise
        self._poll = None

    async def _begin(self) -> _Poll:
        """Begin to read what is new in the next stretch of time."""
        now_ns, began = await self._now_ns(), self._pipeline.line.clock.monotonic()
        since_ns = self._since_ns = now_ns if self._since_ns is None else self._since_ns
        self._delivered = self._unsettled()
        end_ns = min(since_ns + self._stretch_ns, now_ns)
        walk = Walk(
            since_ns=since_ns,
            until_ns=max(since_ns, now_ns) + _AHEAD_NS if end_ns == now_ns else end_ns,
            longest=self._longest,
            delivered=Counter(identity for _, identity in self._delivered),
        )
        return _Poll(walk, since_ns, end_ns, now_ns, began)

    async def _read(self, poll: _Poll) -> bool:
        """Read to the end of a poll; return False where that is too much to hold: the next one takes in less."""
        while not poll.walk.done:
            operation = page_operation(self.account, poll.walk.number, *poll.walk.asks)
            page, content = await read_page(self._pipeline, replace(operation, id=_NAME))
            try:
                poll.fresh += poll.walk.take(lines_of(page, content))
            except HubError:
                self._poll = None
                raise
            if len(poll.fresh) > _MOST and poll.stretch_ns > OVERLAP_NS:
                self._stretch_ns = max(OVERLAP_NS, poll.stretch_ns // 2)
                return False
        if len(poll.fresh) < _MOST // 2:
            self._stretch_ns = min(2 * self._stretch_ns, _LONGEST_NS)
        line = self._pipeline.line
        began_ns = int((line.gate.server_time() - (line.clock.monotonic() - poll.began)) * SECOND_NS)
        self._settled_ns = min(poll.end_ns, min(poll.now_ns, began_ns) - OVERLAP_NS)
        self._coming.extend(_oldest_first(poll.fresh, poll.end_ns))
        self._settle()
        return True

    async def _now_ns(self) -> int:
        """Return the server's time; ours only where its answers don't tell."""
        told = await server_time(self._pipeline, replace(actions_operation(self.account), id=_NAME))
        return int((self._pipeline.line.clock.time() if told is None else told) * SECOND_NS)


def _oldest_first(lines: list[Line], end_ns: int) -> list[tuple[int, Line]]:
    """Return events in the order of time; one that doesn't say when it happened stays beside its neighbour."""
    time_ns = end_ns
    timed: list[tuple[int, Line]] = []
    for line in lines:
        known_ns = time_of(line)
        time_ns = time_ns if known_ns is None else known_ns
        timed.append((time_ns, line))
    timed.reverse()  # so that events at the same time keep the server's order
    timed.sort(key=itemgetter(0))
    return timed


def follow(
    pipeline: Pipeline, account: str, *, since: datetime | date | None, every: float, cursor: str | None
) -> Follow:
    """Follow a log; see `hubapi.AsyncHub.audit_logs.follow`."""
    if not 1 <= every < float("inf"):
        raise ConfigurationError(f"every is {every}; give 1 second or more")
    start = to_aware(since)
    if cursor is None:
        return Follow(account, pipeline, every, None if start is None else to_ns(start))
    if start is not None:
        raise ConfigurationError("since and cursor are both given: the cursor says since when")
    try:
        at = msgspec.json.decode(cursor, type=_Cursor)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise ConfigurationError("this is no cursor: take it from Follow.cursor") from None
    if at.follows != account:
        raise ConfigurationError(f"this cursor belongs to the log of {at.follows!r}, not of {account!r}")
    return Follow(account, pipeline, every, at.since_ns, at.delivered)
