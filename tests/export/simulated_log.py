"""A log that responds as the server does, or as it might, without any I/O."""

from typing import Literal

import msgspec
from attrs import define, field, frozen

from hubapi._datetimes import SECOND_NS, from_ns
from hubapi.export.log_walk import LogWalk, LongestPage
from hubapi.export.pages import Page, RawPage, split_page

BEGIN_NS = 1_767_225_600 * SECOND_NS  # 2026-01-01


@frozen
class Event:
    """One event; without an `event_id` it looks like another of the same time and name."""

    time_ns: int
    name: str
    has_id: bool = True

    @property
    def line(self) -> bytes:
        whole, nanoseconds = divmod(self.time_ns, SECOND_NS)
        stamp = f"{from_ns(whole * SECOND_NS):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"
        return msgspec.json.encode({"timestamp": stamp, "event_id" if self.has_id else "name": self.name})


@define
class SimulatedLog:
    """A log that returns pages of its events, newest first.

    Args:
        events: What it holds.
        page_size: Events a page, as asked for (100), or whatever the server does.
        changes_at: The request from which on it gives 25, whatever is asked for.
        takes_page: Whether it uses the page's number.
        reads_to: The meaning it gives to `to`.
        late: Events that appear after so many requests.
    """

    events: list[Event]
    page_size: int = 100
    changes_at: int | None = None
    takes_page: bool = True
    reads_to: Literal["inclusive", "exclusive", "seconds", "minutes"] = "inclusive"
    late: dict[int, list[Event]] = field(factory=dict[int, list[Event]])
    requests: int = 0

    def page(self, walk: LogWalk) -> Page:
        """Return the page that a walk requests."""
        self.requests += 1
        self.events = [*self.late.pop(self.requests, []), *self.events]
        since_ns, until_ns = walk.requested_window
        if self.reads_to in {"seconds", "minutes"}:
            grain = SECOND_NS if self.reads_to == "seconds" else 60 * SECOND_NS
            until_ns = until_ns // grain * grain
        elif self.reads_to == "exclusive":
            until_ns -= 1
        # The order of events at the same time never changes.
        found = sorted(
            (e for e in self.events if (since_ns or 0) <= e.time_ns <= until_ns), key=lambda e: e.time_ns, reverse=True
        )
        size = 25 if self.changes_at is not None and self.requests >= self.changes_at else self.page_size
        first = (walk.number - 1) * size if self.takes_page else 0
        raw = b'{"logs":[' + b",".join(event.line for event in found[first : first + size]) + b"]}"
        return split_page(msgspec.json.decode(raw, type=RawPage), raw)


def drain(log: SimulatedLog, walk: LogWalk, *, stop_after: int | None = None) -> list[bytes]:
    """Walk to the end, or for so many requests; return the new events, newest first."""
    read: list[bytes] = []
    while not walk.done and (stop_after is None or log.requests < stop_after):
        read += map(bytes, walk.take(log.page(walk)))
    return read


def walk_of(*, since_ns: int | None = None, until_ns: int = BEGIN_NS + 10**6 * SECOND_NS, **options: object) -> LogWalk:
    """A walk over everything by default."""
    return LogWalk(since_ns=since_ns, until_ns=until_ns, longest=LongestPage(), **options)  # type: ignore[arg-type]
