"""The audit log of each account."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

from attrs import define

from hubapi.testing._setup.accounts import Accounts
from hubapi.testing._setup.audit_events import AuditEvent, encode_event, event_id, generate_events
from hubapi.testing._setup.timestamps import seconds_to_ns

_Facets = tuple[str, str, str]
"""Action, name and actor of an event."""

Filter = tuple[str | None, str | None, str | None]
"""The action, name and actor to find; None matches any."""


class EventLog:
    """The events of one account: stored oldest first, so that appending is cheap, and read newest first."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._facets: list[_Facets] = []
        self._raw: list[bytes] = []
        self._known: dict[_Facets, _Facets] = {}
        self._late: list[tuple[float, AuditEvent]] = []
        self._matches: dict[Filter, list[int]] = {}

    def add(self, events: Iterable[AuditEvent]) -> None:
        """Insert each event by its time; of two with the same time, the one added last is the newer."""
        for event in events:
            at = bisect_right(self._times, event.time_ns)
            facets = (event.action, event.name, event.actor)
            self._times.insert(at, event.time_ns)
            self._facets.insert(at, self._known.setdefault(facets, facets))
            self._raw.insert(at, event.raw)
        self._matches.clear()

    def add_late(self, event: AuditEvent, visible_from: float) -> None:
        """Hold an event back until the clock shows *visible_from*."""
        self._late.append((visible_from, event))
        self._late.sort(key=lambda late: late[0])

    def show_late(self, now: float) -> None:
        """Insert the late events that are due; cheap if there are none."""
        while self._late and self._late[0][0] <= now:
            self.add([self._late.pop(0)[1]])

    def newest_first(self) -> list[bytes]:
        return self._raw[::-1]

    def page(
        self, number: int, size: int, *, wanted: Filter, since_ns: int | None, until_ns: int | None
    ) -> list[bytes]:
        """Return a page of the events in `since <= time <= until` that match *wanted*."""
        first = 0 if since_ns is None else bisect_left(self._times, since_ns)
        end = len(self._times) if until_ns is None else bisect_right(self._times, until_ns)
        positions: Sequence[int] = range(first, max(first, end))
        if any(wanted):
            matching = self._matching(wanted)
            positions = matching[bisect_left(matching, first) : bisect_left(matching, end)]
        stop = len(positions) - (number - 1) * size
        if stop <= 0:
            return []
        return [self._raw[at] for at in reversed(positions[max(0, stop - size) : stop])]

    def _matching(self, wanted: Filter) -> list[int]:
        # Cached until the log changes: an export requests every page of the same filter.
        found = self._matches.get(wanted)
        if found is None:
            kinds = {facets for facets in self._known if _match(facets, wanted)}
            found = [at for at, facets in enumerate(self._facets) if facets in kinds]
            self._matches[wanted] = found
        return found


def _match(facets: _Facets, wanted: Filter) -> bool:
    return all(want in {None, facet} for facet, want in zip(facets, wanted, strict=True))


@define
class _Growth:
    """The number of new events after each read, and of the reads that remain; None is no end."""

    events: int
    reads_left: int | None


class AuditLogs:
    """The logs of all accounts."""

    def __init__(self, accounts: Accounts, seed: int) -> None:
        self._accounts = accounts
        self._logs: dict[str, EventLog] = {}
        self._random = Random(f"{seed}/added events")  # noqa: S311 - meant to repeat
        self._growing: dict[str, _Growth] = {}

    def of(self, account: str) -> EventLog:
        """Return the log of an account.

        Raises:
            KeyError: There is no such account.
        """
        if self._accounts.get(account) is None:
            raise KeyError(f"there is no account {account!r}")
        return self._logs.setdefault(account, EventLog())

    def record(
        self,
        account: str,
        action: str,
        *,
        name: str,
        actor: str,
        now: float,
        data: Mapping[str, Any] | None = None,
        description: str = "",
    ) -> str:
        """Record in the log of *account* what a client has just done, and return the event's id.

        Raises:
            KeyError: There is no such account.
        """
        return self.add(
            account,
            action,
            name=name,
            actor=actor,
            time_ns=seconds_to_ns(now),
            data=data,
            description=description,
        )

    def add(
        self,
        account: str,
        action: str,
        *,
        name: str,
        actor: str,
        time_ns: int,
        data: Mapping[str, Any] | None,
        description: str,
        visible_from: float | None = None,
    ) -> str:
        """Add an event of any time, visible at once or when the clock shows *visible_from*, and return its id."""
        log = self.of(account)
        identifier = event_id(self._random)
        event = encode_event(
            account,
            time_ns=time_ns,
            action=action,
            name=name,
            actor=actor,
            data=data or {},
            description=description,
            identifier=identifier,
        )
        if visible_from is None:
            log.add([event])
        else:
            log.add_late(event, visible_from)
        return identifier

    def grow(self, account: str, events: int, reads: int | None) -> None:
        """Add *events* events after each of the next *reads* reads of a log, or after every read if that is None."""
        self.of(account)
        self._growing[account] = _Growth(events, reads)

    def grow_after_read(self, account: str, now: float) -> None:
        """Add the events that are to follow a read, if `grow` was called for this log."""
        growth = self._growing.get(account)
        if growth is None or growth.reads_left == 0:
            return
        if growth.reads_left is not None:
            growth.reads_left -= 1
        now_ns, people = seconds_to_ns(now), self._accounts.people_of(account)
        new = generate_events(
            account, growth.events, since_ns=now_ns, until_ns=now_ns + 1, people=people, random=self._random
        )
        self.of(account).add(new)
