"""Who the hub is to the server: what a user hands over.

Passwords and tokens are wrapped at once: no repr, log, traceback or pickle shows them. What can't work is refused here,
before anything is sent, in words that name the mistake and never the secret.
"""

import os
import re
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from attrs import field, frozen

from hubapi._secret import Secret, check_token
from hubapi.errors import ConfigurationError

TwoFactor: TypeAlias = Callable[[], str | Awaitable[str]]
"""Returns the current six-digit code; plain or async."""

_BASE32 = re.compile(r"[A-Z2-7]+")
_ORG_TOKEN, _USER_TOKEN = "dckr_oat_", "dckr_pat_"


# The constructors are written out because a traceback shows their locals: each wraps its secret before it looks at it,
# and is complete, so that its repr works, before it refuses anything.


@frozen(init=False)
class Totp:
    """A second factor that needs nobody to type it: what an authenticator app was given, kept by the program instead.

    The code is that of the server's time, as its answer to the password tells it: a wrong local clock does no harm.
    Needs the extra `totp`.

    Args:
        secret: The key in base32, as shown beside the QR code; spaces and case don't matter.

    Raises:
        ConfigurationError: it is no base32, or pyotp is not installed.

    Example:
        >>> Password("moby", "hunter2", two_factor=Totp("GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"))
        Password(username='moby')
        >>> Totp("GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ").at(59)
        '287082'

    Source: RFC 6238.
    """

    secret: Secret = field(repr=False)

    def __init__(self, secret: str | Secret) -> None:
        secret = Secret(secret)
        secret = Secret("".join(secret.reveal().upper().split()).rstrip("="))
        if not _BASE32.fullmatch(secret.reveal()):
            raise ConfigurationError("a TOTP secret is base32: the letters A to Z and the digits 2 to 7")
        object.__setattr__(self, "secret", secret)
        self.at(0)

    def at(self, seconds: float) -> str:
        """Return the six-digit code of a moment, given in seconds since the epoch."""
        try:
            from pyotp.totp import TOTP  # noqa: PLC0415 - behind an extra
        except ImportError:
            raise ConfigurationError("Totp needs pyotp: pip install 'hubapi-client[totp]'") from None
        try:
            return TOTP(self.secret.reveal()).at(int(seconds))
        except ValueError as error:
            problem = f"pyotp can't use the TOTP secret: {error}"
        raise ConfigurationError(problem)


@frozen(init=False)
class Password:
    """A user and a password.

    Args:
        username: The Docker ID.
        password: The account's password. Organisations that enforce SSO take a personal access token instead.
        two_factor: For an account with two-factor authentication: a `Totp`, or a callable that returns the current
            code, plain or async. A plain one must not block. It has what is left of the login's two minutes; whatever
            it raises reaches the call that logs in unchanged.

    Raises:
        ConfigurationError: a part is empty or can't be sent, or the password is an organisation's access token.

    Example:
        >>> Password("moby", "hunter2")
        Password(username='moby')
    """

    username: str
    password: Secret = field(repr=False)
    two_factor: TwoFactor | Totp | None = field(default=None, repr=False)

    def __init__(self, username: str, password: str | Secret, two_factor: TwoFactor | Totp | None = None) -> None:
        password = Secret(password)
        object.__setattr__(self, "username", username)
        object.__setattr__(self, "password", password)
        object.__setattr__(self, "two_factor", two_factor)
        _check_name(username, "username")
        _check_password(password)
        _check_not_org_token(password)


@frozen(init=False)
class PersonalAccessToken:
    """A user and one of their personal access tokens (`dckr_pat_…`).

    Args:
        username: The Docker ID.
        token: The token. It takes the password's place at login; some routes refuse such logins (D18).
        exchange: Exchange it on `/v2/auth/token` instead, as organisations' tokens are. Audit logs are then open to it;
            the description has no such route, but the documentation does.

    Raises:
        ConfigurationError: a part is empty, the token holds what no token holds, or it is an organisation's.

    Example:
        >>> PersonalAccessToken("moby", "dckr_pat_example")
        PersonalAccessToken(username='moby')

    Source: https://docs.docker.com/reference/api/hub/latest/#tag/authentication-api/operation/AuthCreateAccessToken
    """

    username: str
    token: Secret = field(repr=False)
    exchange: bool = field(default=False, repr=False)

    def __init__(self, username: str, token: str | Secret, *, exchange: bool = False) -> None:
        token = Secret(token)
        object.__setattr__(self, "username", username)
        object.__setattr__(self, "token", token)
        object.__setattr__(self, "exchange", exchange)
        _check_name(username, "username")
        check_token(token, "the personal access token")
        _check_not_org_token(token)


@frozen(init=False)
class OrgAccessToken:
    """An organisation and one of its access tokens (`dckr_oat_…`).

    Args:
        org: The organisation's name.
        token: The token. It is exchanged on `/v2/auth/token`; the users' login refuses it (D19).

    Raises:
        ConfigurationError: a part is empty, or the token holds what no token holds.

    Example:
        >>> OrgAccessToken("acme", "dckr_oat_example")
        OrgAccessToken(org='acme')
    """

    org: str
    token: Secret = field(repr=False)

    def __init__(self, org: str, token: str | Secret) -> None:
        token = Secret(token)
        object.__setattr__(self, "org", org)
        object.__setattr__(self, "token", token)
        _check_name(org, "org")
        check_token(token, "the organisation access token")


@frozen(init=False)
class StaticToken:
    """A bearer that is already there, used as it is and never refreshed.

    Args:
        token: The JWT, without the word `Bearer`.

    Raises:
        ConfigurationError: it is empty, holds what no token holds, or must be exchanged for a bearer first.

    Example:
        >>> StaticToken("eyJhbGciOiJIUzI1NiJ9.e30.c2ln")
        StaticToken()
    """

    token: Secret = field(repr=False)

    def __init__(self, token: str | Secret) -> None:
        token = Secret(token)
        check_token(token, "the bearer")
        _check_not_org_token(token)
        if token.reveal().startswith(_USER_TOKEN):
            raise ConfigurationError(
                "this is a personal access token, which is no bearer: use PersonalAccessToken(username, token)"
            )
        object.__setattr__(self, "token", token)


@frozen
class Anonymous:
    """Nobody: public repositories only, 180 requests a minute for each address (D8)."""


Credentials: TypeAlias = Password | PersonalAccessToken | OrgAccessToken | StaticToken | Anonymous


def credentials_from_env() -> Credentials:
    """Return what the environment says: see `AsyncHub.from_env`. An empty variable counts as none.

    Raises:
        ConfigurationError: half of a pair is missing, two ways to log in are given, or one can't work. It names the
            variables.
    """
    given = [name for name in ("HUBAPI_PASSWORD", "HUBAPI_TOKEN", "HUBAPI_ORG_TOKEN") if os.environ.get(name)]
    if len(given) > 1:
        raise ConfigurationError(f"{' and '.join(given)} are set: set one, so that it is clear who to log in as")
    if given == ["HUBAPI_PASSWORD"]:
        name = _beside("HUBAPI_PASSWORD", "HUBAPI_USERNAME")
        return _named(lambda: Password(name, os.environ["HUBAPI_PASSWORD"]), "HUBAPI_USERNAME, HUBAPI_PASSWORD")
    if given == ["HUBAPI_TOKEN"]:
        name = _beside("HUBAPI_TOKEN", "HUBAPI_USERNAME")
        return _named(lambda: PersonalAccessToken(name, os.environ["HUBAPI_TOKEN"]), "HUBAPI_USERNAME, HUBAPI_TOKEN")
    if given == ["HUBAPI_ORG_TOKEN"]:
        name = _beside("HUBAPI_ORG_TOKEN", "HUBAPI_ORG")
        return _named(lambda: OrgAccessToken(name, os.environ["HUBAPI_ORG_TOKEN"]), "HUBAPI_ORG, HUBAPI_ORG_TOKEN")
    if os.environ.get("HUBAPI_USERNAME"):
        raise ConfigurationError("HUBAPI_USERNAME is set, but neither HUBAPI_PASSWORD nor HUBAPI_TOKEN")
    if os.environ.get("HUBAPI_ORG"):
        raise ConfigurationError("HUBAPI_ORG is set, but not HUBAPI_ORG_TOKEN")
    return Anonymous()


def scim_token_from_env() -> Secret | None:
    """Return the SCIM routes' bearer, if the environment has one.

    Raises:
        ConfigurationError: it holds what no token holds.
    """
    token = Secret(os.environ.get("HUBAPI_SCIM_TOKEN", ""))
    if not token:
        return None
    check_token(token, "HUBAPI_SCIM_TOKEN")
    return token


def _beside(given: str, missing: str) -> str:
    value = os.environ.get(missing)
    if not value:
        raise ConfigurationError(f"{given} is set, but not {missing}")
    return value


def _named(make: Callable[[], Credentials], variables: str) -> Credentials:
    """Make credentials, or say which variables the mistake is in."""
    try:
        return make()
    except ConfigurationError as error:
        problem = ConfigurationError(f"{variables}: {error.reason}")
    raise problem


def _check_password(password: Secret) -> None:
    # Anything may be in a password, white space too, so only what JSON can't carry is refused.
    if not password:
        raise ConfigurationError("the password is empty")
    if any("\ud800" <= character <= "\udfff" for character in password.reveal()):
        raise ConfigurationError("the password is not valid Unicode: was it read in another encoding than UTF-8?")


def _check_name(name: str, what: str) -> None:
    if not name or not name.isprintable() or any(map(str.isspace, name)):
        raise ConfigurationError(f"{what} is {name!r}; give the name alone, without spaces or line breaks")


def _check_not_org_token(token: Secret) -> None:
    # D19: the users' login answers 401 to these, and a few 401s lock an account.
    if token.reveal().startswith(_ORG_TOKEN):
        raise ConfigurationError("this is an organisation access token: use OrgAccessToken(org, token)")
