"""Who the hub is to the server: what a user hands over.

Passwords and tokens are wrapped at once: no repr, log, traceback or pickle shows them.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from attrs import field, frozen

from hubapi._core.secret import Secret
from hubapi.errors import ConfigurationError

TwoFactor: TypeAlias = Callable[[], str | Awaitable[str]]
"""Returns the current six-digit code; plain or async."""


def _secret(value: str | Secret) -> Secret:
    secret = Secret(value)
    if not secret:
        raise ConfigurationError("a password or token is empty")
    return secret


@frozen
class Password:
    """A user and a password.

    Args:
        username: The Docker ID.
        password: The account's password. Organisations that enforce SSO take a personal access token instead.
        two_factor: Called for the current code when the account has two-factor authentication; plain or async.

    Example:
        >>> Password("moby", "hunter2")
        Password(username='moby')
    """

    username: str
    password: Secret = field(converter=_secret, repr=False)
    two_factor: TwoFactor | None = field(default=None, repr=False)


@frozen
class PersonalAccessToken:
    """A user and one of their personal access tokens (`dckr_pat_…`).

    Args:
        username: The Docker ID.
        token: The token. It takes the password's place at login; some routes refuse such logins (D18).

    Example:
        >>> PersonalAccessToken("moby", "dckr_pat_example")
        PersonalAccessToken(username='moby')
    """

    username: str
    token: Secret = field(converter=_secret, repr=False)


@frozen
class OrgAccessToken:
    """An organisation and one of its access tokens (`dckr_oat_…`).

    Args:
        org: The organisation's name.
        token: The token. It is exchanged on `/v2/auth/token`; the users' login refuses it (D19).

    Example:
        >>> OrgAccessToken("acme", "dckr_oat_example")
        OrgAccessToken(org='acme')
    """

    org: str
    token: Secret = field(converter=_secret, repr=False)


@frozen
class StaticToken:
    """A bearer that is already there, used as it is and never refreshed.

    Args:
        token: The JWT.

    Example:
        >>> StaticToken("eyJ…")
        StaticToken()
    """

    token: Secret = field(converter=_secret, repr=False)


@frozen
class Anonymous:
    """Nobody: public repositories only, 180 requests a minute for each address (D8)."""


Credentials: TypeAlias = Password | PersonalAccessToken | OrgAccessToken | StaticToken | Anonymous


def identity(credentials: Credentials) -> str:
    """Return the name that a token, a login and a rate limit belong to."""
    match credentials:
        case Password(username=name) | PersonalAccessToken(username=name):
            return f"user:{name}"
        case OrgAccessToken(org=name):
            return f"org:{name}"
        case StaticToken(token=token):
            return f"token:{hash(token):x}"
        case Anonymous():
            return "anonymous"
