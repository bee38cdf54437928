"""What a fake Docker Hub holds, and how a test puts it there and looks at it."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from random import Random
from threading import Lock
from typing import Any

from ._accounts import Accounts, LoginPolicy
from ._audit_events import encode_event, event_id, generate_events
from ._audit_logs import AuditLogs
from ._login import login_operations
from ._repositories import Repositories, Repository
from ._routes import Operation
from ._tags import generate_tag, tag_name
from ._timestamps import from_datetime, from_seconds

__all__ = ["Contents"]

_DEFAULT_HISTORY = timedelta(days=90)  # how far back the real log goes
_STRANGERS = ["octavia", "reinhard", "sanna"]
_HOUR_NS = 3600 * 10**9


class Contents:
    """Accounts, audit logs and repositories: the part of `FakeHub` that tests fill and look at."""

    def __init__(self, seed: int, now: Callable[[], float], policy: LoginPolicy) -> None:
        self._seed = seed
        self._now = now
        self._lock = Lock()
        self._accounts = Accounts(seed, policy)
        self._audit_logs = AuditLogs(self._accounts)
        self._repositories = Repositories(self._accounts)
        self._added = Random(f"{seed}/added events")  # noqa: S311 - meant to repeat

    def _operations(self) -> list[Operation]:
        return [
            *login_operations(self._accounts),
            *self._audit_logs.operations(),
            *self._repositories.operations(),
        ]

    def add_user(
        self,
        name: str,
        *,
        password: str | None = None,
        tokens: Iterable[str] = (),
        totp_secret: str | None = None,
    ) -> None:
        """Add a user, who signs in with *password* or with any of the personal access *tokens*.

        Args:
            name: The Docker ID.
            password: The password, if there is one.
            tokens: Personal access tokens.
            totp_secret: The key of the authenticator app, in base32, of a user who has two-factor authentication:
                the login then asks whoever gives the password for a code. It takes the present one, and the ones
                before and after; a wrong one is a failed login. Tokens need no code.

        Raises:
            ValueError: The name is taken, *totp_secret* is no base32 or is too short, or it comes without a
                *password*.
        """
        with self._lock:
            if totp_secret is not None and password is None:
                raise ValueError("a second factor goes with a password: give one")
            self._accounts.add(name, tokens, password=password)
            if totp_secret is not None:
                self._accounts.add_second_factor(name, totp_secret)

    def add_org(
        self,
        name: str,
        *,
        owners: Iterable[str] = (),
        tokens: Iterable[str] = (),
        events: int = 0,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> None:
        """Add an organisation, and audit events for it to have had.

        Args:
            name: The organisation's name.
            owners: Users, added before, who may read its audit log and its private repositories.
            tokens: Organisation access tokens: they only work on ``/v2/auth/token``.
            events: How many audit events to make up; the same ones for the same seed, name, owners and times.
                Some share their timestamp with the one before.
            since: The earliest they may be; 90 days before *until* by default. Aware.
            until: All are before this; the server's present by default. Aware.

        Raises:
            ValueError: The name is taken, an owner is unknown, a time is naive, or *since* is not before
                *until*.
        """
        owners = list(owners)
        until_ns = from_seconds(self._now()) if until is None else from_datetime(until)
        history_ns = _DEFAULT_HISTORY // timedelta(microseconds=1) * 1000
        since_ns = until_ns - history_ns if since is None else from_datetime(since)
        if since_ns >= until_ns:
            raise ValueError(f"since ({since}) is not before until ({until})")
        made_up = generate_events(
            name,
            events,
            since_ns=since_ns,
            until_ns=until_ns,
            people=[*owners, *_STRANGERS],
            random=Random(f"{self._seed}/{name}"),  # noqa: S311 - meant to repeat
        )
        with self._lock:
            self._accounts.add(name, tokens, owners)
            self._audit_logs.of(name).add(made_up)

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

        Returns:
            The new event's ``event_id``.

        Raises:
            KeyError: There is no such account.
            ValueError: *at* is naive.
        """
        with self._lock:
            identifier = event_id(self._added)
            event = encode_event(
                account,
                time_ns=from_seconds(self._now()) if at is None else from_datetime(at),
                action=action,
                name=f"{account}/service" if name is None else name,
                actor=actor,
                data=data or {},
                description=description,
                identifier=identifier,
            )
            self._audit_logs.of(account).add([event])
        return identifier

    def add_repository(
        self, namespace: str, name: str, *, tags: int | Iterable[str] = 1, private: bool = False
    ) -> None:
        """Add a repository; its namespace need not be an account.

        Args:
            namespace: Such as ``"library"``.
            name: Such as ``"python"``.
            tags: The tags' names, as listed (newest first), or how many to make up: ``latest``, then
                versions.
            private: Whether only the namespace's owners see it; others are told that there is no such thing.

        Raises:
            ValueError: There already is such a repository.
        """
        names = [tag_name(number) for number in range(tags)] if isinstance(tags, int) else list(tags)
        random = Random(f"{self._seed}/{namespace}/{name}")  # noqa: S311 - meant to repeat
        repository = Repository(private=private)
        updated_ns = from_seconds(self._now())
        for tag in names:
            updated_ns -= random.randrange(_HOUR_NS)
            repository.tags[tag] = generate_tag(tag, owner=namespace, updated_ns=updated_ns, random=random)
        with self._lock:
            self._repositories.add(namespace, name, repository)

    def revoke_tokens(self) -> None:
        """Make every bearer token handed out so far worthless, whatever its expiry says."""
        with self._lock:
            self._accounts.revoke_tokens()

    def raw_events(self, account: str) -> list[bytes]:
        """Return all audit events of *account*, newest first, each in the bytes it is served as.

        Raises:
            KeyError: There is no such account.
        """
        with self._lock:
            return self._audit_logs.of(account).newest_first()

    def events(self, account: str) -> list[dict[str, Any]]:
        """Return all audit events of *account*, newest first, as `raw_events` does, but decoded."""
        return [json.loads(raw) for raw in self.raw_events(account)]

    def event_ids(self, account: str) -> list[str]:
        """Return the ``event_id`` of all audit events of *account*, newest first."""
        return [event["event_id"] for event in self.events(account)]
