"""The audit log of each account, and the routes that read it."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

from attrs import define
from starlette.responses import Response

from hubapi.testing._server.calls import Call, Refused, json_answer, message, rpc_status
from hubapi.testing._server.router import Operation
from hubapi.testing._setup.accounts import Accounts
from hubapi.testing._setup.audit_events import ACTIONS, AuditEvent, encode_event, event_id, generate_events
from hubapi.testing._setup.timestamps import from_seconds, parse

__all__ = ["AuditLogs", "EventLog"]

_DEFAULT_PAGE_SIZE = 25
_MAX_PAGE_SIZE = 100

_Facets = tuple[str, str, str]
_Wanted = tuple[str | None, str | None, str | None]


class EventLog:
    """The events of one account: kept oldest first, where new ones are cheap to add; read newest first."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._facets: list[_Facets] = []
        self._raw: list[bytes] = []
        self._known: dict[_Facets, _Facets] = {}
        self._late: list[tuple[float, AuditEvent]] = []
        self._matches: dict[_Wanted, list[int]] = {}

    def add(self, events: Iterable[AuditEvent]) -> None:
        """Put each where its time belongs; of two at the same time the one added last is the newer."""
        for event in events:
            at = bisect_right(self._times, event.time_ns)
            facets = (event.action, event.name, event.actor)
            self._times.insert(at, event.time_ns)
            self._facets.insert(at, self._known.setdefault(facets, facets))
            self._raw.insert(at, event.raw)
        self._matches.clear()

    def add_late(self, event: AuditEvent, visible_from: float) -> None:
        """Keep an event back until the clock shows *visible_from*."""
        self._late.append((visible_from, event))
        self._late.sort(key=lambda late: late[0])

    def show_late(self, now: float) -> None:
        """Put in the late events whose time has come; cheap when there are none."""
        while self._late and self._late[0][0] <= now:
            self.add([self._late.pop(0)[1]])

    def newest_first(self) -> list[bytes]:
        return self._raw[::-1]

    def page(
        self, number: int, size: int, *, wanted: _Wanted, since_ns: int | None, until_ns: int | None
    ) -> list[bytes]:
        """Return a page of the events in ``since <= time <= until`` that have every wanted facet."""
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

    def _matching(self, wanted: _Wanted) -> list[int]:
        # Remembered until the log changes: an export asks for every page of the same filter.
        found = self._matches.get(wanted)
        if found is None:
            kinds = {facets for facets in self._known if _has(facets, wanted)}
            found = [at for at, facets in enumerate(self._facets) if facets in kinds]
            self._matches[wanted] = found
        return found


def _has(facets: _Facets, wanted: _Wanted) -> bool:
    return all(want in {None, facet} for facet, want in zip(facets, wanted, strict=True))


@define
class _Growth:
    """So many new events after each read, for so many reads more; None is for ever."""

    events: int
    reads_left: int | None


class AuditLogs:
    """Every account's log."""

    def __init__(self, accounts: Accounts, seed: int) -> None:
        self._accounts = accounts
        self._logs: dict[str, EventLog] = {}
        self._random = Random(f"{seed}/added events")  # noqa: S311 - meant to repeat
        self._growing: dict[str, _Growth] = {}

    def of(self, account: str) -> EventLog:
        """Return the log of an account; raise KeyError if there is no such account."""
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
        """Put what a client has just done in the log of *account*; return the event's id.

        Raises KeyError if there is no such account.
        """
        return self.add(
            account,
            action,
            name=name,
            actor=actor,
            time_ns=from_seconds(now),
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
        """Put an event where its time belongs, at once or once the clock shows *visible_from*."""
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
        """Let so many events follow each of so many reads of the log; None is for ever."""
        self.of(account)
        self._growing[account] = _Growth(events, reads)

    def operations(self) -> list[Operation]:
        return [
            Operation("audit_logs.list", "GET", "/v2/auditlogs/{account}", self._list),
            Operation("audit_logs.actions", "GET", "/v2/auditlogs/{account}/actions", self._actions),
        ]

    def _list(self, call: Call) -> Response:
        log = self._readable(call)
        query = call.query
        events = log.page(
            _number(call, "page", default=1),
            min(_number(call, "page_size", default=_DEFAULT_PAGE_SIZE), _MAX_PAGE_SIZE),
            wanted=(query.get("action") or None, query.get("name") or None, query.get("actor") or None),
            since_ns=_time(call, "from"),
            until_ns=_time(call, "to"),
        )
        if self._growing:
            self._grow_after_read(call, log)
        return json_answer(b'{"logs":[' + b",".join(events) + b"]}")

    def _grow_after_read(self, call: Call, log: EventLog) -> None:
        account = call.params["account"]
        growth = self._growing.get(account)
        if growth is None or growth.reads_left == 0:
            return
        if growth.reads_left is not None:
            growth.reads_left -= 1
        now_ns = from_seconds(call.now)
        people = self._accounts.people_of(account)
        log.add(
            generate_events(
                account, growth.events, since_ns=now_ns, until_ns=now_ns + 1, people=people, random=self._random
            )
        )

    def _actions(self, call: Call) -> Response:
        self._readable(call)
        return json_answer({"actions": ACTIONS})

    def _readable(self, call: Call) -> EventLog:
        account = call.params["account"]
        if self._accounts.get(account) is None:
            raise Refused(message("object not found", 404))
        # Owners only, and not with a personal access token on the login route: docker/hub-feedback#2367. One that was
        # exchanged will do (docs.runreveal.com, "docker-hub").
        if call.kind == "pat" or not self._accounts.may_administer(call.account, account):
            raise Refused(message("forbidden", 403))
        log = self.of(account)
        log.show_late(call.now)
        return log


def _number(call: Call, name: str, *, default: int) -> int:
    """Read a page number or size: absent, empty and 0 are the default, as protobuf has it."""
    text = call.query.get(name) or "0"
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise Refused(rpc_status(f"invalid {name}: {text!r}"))
    return number or default


def _time(call: Call, name: str) -> int | None:
    text = call.query.get(name)
    if not text:
        return None
    try:
        return parse(text)
    except ValueError:
        raise Refused(rpc_status(f"invalid {name}: {text!r}")) from None
