"""How a test fills audit logs and looks at them."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Lock
from typing import Any

from hubapi.testing._resources.audit_logs import AuditLogs
from hubapi.testing._setup.timestamps import from_datetime, from_seconds

__all__ = ["LogContents"]


class LogContents:
    """The audit logs' part of `FakeHub`."""

    _now: Callable[[], float]
    _lock: Lock
    _audit_logs: AuditLogs

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
        """Add one audit event to a user's or an organisation's log, at its head unless *at* is in the past.

        Args:
            account: Whose log.
            action: Such as ``"repo.tag.push"``.
            name: What it is about; ``"<account>/service"`` by default.
            actor: Who did it.
            data: What else is known of it, if anything; must be fit for JSON.
            description: One sentence about it.
            at: When it happened; the server's present by default. Aware.
            visible_in_s: Seconds, by the server's clock, until the log has it: an event that arrives late.

        Returns:
            The new event's ``event_id``.

        Raises:
            KeyError: There is no such account.
            ValueError: *at* is naive.
        """
        with self._lock:
            now = self._now()
            return self._audit_logs.add(
                account,
                action,
                name=f"{account}/service" if name is None else name,
                actor=actor,
                time_ns=from_seconds(now) if at is None else from_datetime(at),
                data=data,
                description=description,
                visible_from=now + visible_in_s if visible_in_s > 0 else None,
            )

    def grow(self, account: str, *, events: int = 3, times: int | None = None) -> None:
        """Let a log grow while it is read: what was on page 1 moves to page 2 before that is asked for.

        Args:
            account: Whose log.
            events: How many new events follow each read of a page, at the log's head; 0 stops it.
            times: How many reads are followed by some; None is for all that come.

        Raises:
            KeyError: There is no such account.
            ValueError: A number is below 0.
        """
        if events < 0 or (times is not None and times < 0):
            raise ValueError(f"a log can't grow by {events} events after {times} reads")
        with self._lock:
            self._audit_logs.grow(account, events, times)

    def raw_events(self, account: str) -> list[bytes]:
        """Return all audit events of *account*, newest first, each in the bytes it is served as.

        Those that have yet to arrive are left out: it is what a reader would find now.

        Raises:
            KeyError: There is no such account.
        """
        with self._lock:
            log = self._audit_logs.of(account)
            log.show_late(self._now())
            return log.newest_first()

    def events(self, account: str) -> list[dict[str, Any]]:
        """Return all audit events of *account*, newest first, as `raw_events` does, but decoded."""
        return [json.loads(raw) for raw in self.raw_events(account)]

    def event_ids(self, account: str) -> list[str]:
        """Return the ``event_id`` of all audit events of *account*, newest first, as `raw_events` does."""
        return [event["event_id"] for event in self.events(account)]
