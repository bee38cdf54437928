"""The methods of `FakeHub` that add users and organisations."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from hubapi.testing._setup.audit_events import generate_events
from hubapi.testing._setup.state import Setup
from hubapi.testing._setup.timestamps import datetime_to_ns, seconds_to_ns

_DEFAULT_HISTORY_NS = timedelta(days=90) // timedelta(microseconds=1) * 1000  # as far back as the real log goes
_OTHER_PEOPLE = ["octavia", "reinhard", "sanna"]


class AccountSetup(Setup):
    """Adds accounts to a state."""

    def add_user(
        self,
        name: str,
        *,
        password: str | None = None,
        tokens: Iterable[str] = (),
        totp_secret: str | None = None,
    ) -> None:
        """Add a user, who logs in with *password* or with any of the personal access *tokens*.

        Args:
            name: The Docker ID.
            password: The password, if there is one.
            tokens: Personal access tokens with the scope `repo:admin`; the user's list has them in addition to those
                created through the API.
            totp_secret: The authenticator app's key, in base32, for a user with two-factor authentication: a login with
                the password then requires a code. The current code, the previous and the next are accepted; a wrong one
                is a failed login. Tokens require no code.

        Raises:
            ValueError: The name is taken, *totp_secret* is not base32 or is too short, or it has no *password* to go
                with.
        """
        state = self._state
        with state.lock:
            if totp_secret is not None and password is None:
                raise ValueError("totp_secret requires a password")
            state.accounts.add(name, tokens, password=password, now=state.now())
            if totp_secret is not None:
                state.accounts.add_second_factor(name, totp_secret)

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
        """Add an organisation, with generated audit events in its past.

        Args:
            name: The organisation's name.
            owners: Users, added before, who may read its audit log and its private repositories.
            tokens: Organisation access tokens; `/v2/auth/token` alone accepts them.
            scim_tokens: Tokens for the SCIM routes of the organisation. Its owners are its first users there, with
                the email address `<owner>@example.com`.
            events: The number of audit events to generate; the same seed, name, owners and times give the same events.
                Some share their timestamp with the one before.
            since: The earliest time of an event; 90 days before *until* by default. Aware.
            until: The end of their time, exclusive; the server's present by default. Aware.

        Raises:
            ValueError: The name is taken, an owner is unknown, a SCIM token belongs to another organisation, a time is
                naive, or *since* is not before *until*.
        """
        state, owners = self._state, list(owners)
        until_ns = seconds_to_ns(state.now()) if until is None else datetime_to_ns(until)
        since_ns = until_ns - _DEFAULT_HISTORY_NS if since is None else datetime_to_ns(since)
        if since_ns >= until_ns:
            raise ValueError(f"since ({since}) is not before until ({until})")
        generated = generate_events(
            name,
            events,
            since_ns=since_ns,
            until_ns=until_ns,
            people=[*owners, *_OTHER_PEOPLE],
            random=Random(f"{state.seed}/{name}"),  # noqa: S311 - meant to repeat
        )
        with state.lock:
            state.accounts.add(name, tokens, owners, now=state.now())
            state.audit_logs.of(name).add(generated)
            state.scim.add(name, scim_tokens, owners, state.now())

    def scim_users(self, org: str) -> list[dict[str, Any]]:
        """Return the users that *org* provisions, active or not, as they are served but without `meta.location`.

        Raises:
            KeyError: There is no such organisation, or it has no SCIM tokens.
        """
        with self._state.lock:
            return self._state.scim.users_of(org).as_served()
