"""The methods of `FakeHub` that fill and read audit logs."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hubapi.testing._setup.state import Setup
from hubapi.testing._setup.timestamps import datetime_to_ns, seconds_to_ns


class AuditLogSetup(Setup):
    """Fills and reads the audit logs of a state."""

    def add_event(
        self,
        account: str,
        action: str = "repo.tag.push",
        *,
        name: str | None = None,
        actor: str = "octavia",
        data: Mapping[str, Any] | None = None,
        description: str = "",
        at: datetime | None = None,
        visible_in_s: float = 0.0,
    ) -> str:
        """Add one audit event to the log of a user or an organisation: the newest, unless *at* is in the past.

        Args:
            account: The account whose log gets it.
            action: Such as `"repo.tag.push"`.
            name: The subject; `"<account>/service"` by default.
            actor: The user who did it.
            data: Further details, if any; must be valid as JSON.
            description: One sentence about it.
            at: When it happened; the server's present by default. Aware.
            visible_in_s: Seconds, by the server's clock, until the log has it: a late event.

        Returns:
            The `event_id` of the new event.

        Raises:
            KeyError: There is no such account.
            ValueError: *at* is naive.
        """
        state = self._state
        with state.lock:
            now = state.now()
            return state.audit_logs.add(
                account,
                action,
                name=f"{account}/service" if name is None else name,
                actor=actor,
                time_ns=seconds_to_ns(now) if at is None else datetime_to_ns(at),
                data=data,
                description=description,
                visible_from=now + visible_in_s if visible_in_s > 0 else None,
            )

    def grow(self, account: str, *, events: int = 3, times: int | None = None) -> None:
        """Grow a log while it is read: events of page 1 move to page 2 before the client requests that.

        Args:
            account: The account whose log grows.
            events: The number of new events after each read of a page; 0 stops the growth.
            times: The number of reads that are followed by new events; None for all reads.

        Raises:
            KeyError: There is no such account.
            ValueError: A number is negative.
        """
        if events < 0 or (times is not None and times < 0):
            raise ValueError(f"a log can't grow by {events} events after {times} reads")
        with self._state.lock:
            self._state.audit_logs.grow(account, events, times)

    def raw_events(self, account: str) -> list[bytes]:
        """Return all audit events of *account*, newest first, each in the bytes it is served as.

        Late events that are not visible yet are left out.

        Raises:
            KeyError: There is no such account.
        """
        with self._state.lock:
            log = self._state.audit_logs.of(account)
            log.show_late(self._state.now())
            return log.newest_first()

    def events(self, account: str) -> list[dict[str, Any]]:
        """Return the same events as `raw_events`, decoded."""
        return [json.loads(raw) for raw in self.raw_events(account)]

    def event_ids(self, account: str) -> list[str]:
        """Return the `event_id` of the same events as `raw_events`."""
        return [event["event_id"] for event in self.events(account)]
