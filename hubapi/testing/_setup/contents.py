"""What a fake Docker Hub holds, and how a test puts it there and looks at it."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from random import Random
from threading import Lock
from typing import Any

from hubapi.testing._resources.access_tokens import AccessTokens
from hubapi.testing._resources.audit_logs import AuditLogs
from hubapi.testing._resources.authentication import login_operations
from hubapi.testing._resources.org_settings import OrgSettings
from hubapi.testing._resources.profiles import Profiles
from hubapi.testing._resources.repositories import Repositories
from hubapi.testing._resources.scim.routes import Scim
from hubapi.testing._server.router import Operation
from hubapi.testing._setup.accounts import Accounts, LoginPolicy
from hubapi.testing._setup.audit_events import generate_events
from hubapi.testing._setup.log_contents import LogContents
from hubapi.testing._setup.repository_contents import RepositoryContents
from hubapi.testing._setup.timestamps import from_datetime, from_seconds

__all__ = ["Contents"]

_DEFAULT_HISTORY = timedelta(days=90)  # how far back the real log goes
_STRANGERS = ["octavia", "reinhard", "sanna"]


class Contents(LogContents, RepositoryContents):
    """Accounts, audit logs and repositories: the part of `FakeHub` that tests fill and look at."""

    def __init__(self, seed: int, now: Callable[[], float], policy: LoginPolicy) -> None:
        self._seed = seed
        self._now = now
        self._lock = Lock()
        self._accounts = Accounts(seed, policy)
        self._audit_logs = AuditLogs(self._accounts, seed)
        self._repositories = Repositories(self._accounts, self._audit_logs)
        self._scim = Scim(self._accounts, self._audit_logs)
        self._pushed = Random(f"{seed}/pushed tags")  # noqa: S311 - meant to repeat

    def _operations(self) -> list[Operation]:
        return [
            *login_operations(self._accounts),
            *self._audit_logs.operations(),
            *self._repositories.operations(),
            *self._scim.operations(),
            *AccessTokens(self._accounts, self._audit_logs).operations(),
            *OrgSettings(self._accounts, self._audit_logs).operations(),
            *Profiles(self._accounts, self._repositories).operations(),
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
            tokens: Personal access tokens, of the scope ``repo:admin``: the user's list has them, beside those that
                are created through the API.
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
            self._accounts.add(name, tokens, password=password, now=self._now())
            if totp_secret is not None:
                self._accounts.add_second_factor(name, totp_secret)

    def add_org(
        self,
        name: str,
        *,
        owners: Iterable[str] = (),
        tokens: Iterable[str] = (),
        scim_tokens: Iterable[str] = (),
        events: int = 0,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> None:
        """Add an organisation, and audit events for it to have had.

        Args:
            name: The organisation's name.
            owners: Users, added before, who may read its audit log and its private repositories.
            tokens: Organisation access tokens: they only work on ``/v2/auth/token``.
            scim_tokens: What opens the SCIM routes for the organisation, whose owners are its first users there: the
                address of *owner* is ``<owner>@example.com``.
            events: How many audit events to make up; the same ones for the same seed, name, owners and times.
                Some share their timestamp with the one before.
            since: The earliest they may be; 90 days before *until* by default. Aware.
            until: All are before this; the server's present by default. Aware.

        Raises:
            ValueError: The name is taken, an owner is unknown, a SCIM token is another organisation's, a time is
                naive, or *since* is not before *until*.
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
            self._accounts.add(name, tokens, owners, now=self._now())
            self._audit_logs.of(name).add(made_up)
            self._scim.add_org(name, scim_tokens, owners, self._now())

    def scim_users(self, org: str) -> list[dict[str, Any]]:
        """Return the users that *org* provisions, active or not, as they are served but for ``meta.location``.

        Raises:
            KeyError: There is no such organisation, or it has no SCIM tokens.
        """
        with self._lock:
            return self._scim.users(org)

    def revoke_tokens(self) -> None:
        """Make every bearer token handed out so far worthless, whatever its expiry says."""
        with self._lock:
            self._accounts.revoke_tokens()
