"""The credentials that a hub authenticates with.

Each class wraps its password or token in a `Secret` at once, so that no repr, log, traceback or pickle shows it. Each
also validates it, so that a mistake is reported before anything is sent, in a message without the secret.
"""

import os
import re
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from attrs import field, frozen

from hubapi._secret import Secret, check_token
from hubapi.errors import ConfigurationError

TwoFactor: TypeAlias = Callable[[], str | Awaitable[str]]
"""A sync or async callable that returns the current six-digit code."""

_BASE32 = re.compile(r"[A-Z2-7]+")
_ORG_TOKEN, _USER_TOKEN = "dckr_oat_", "dckr_pat_"


# The constructors are written by hand because tracebacks show locals and reprs: each rebinds its argument to a `Secret`
# first, and sets all its attributes, so that its repr works, before it validates them.


@frozen(init=False)
class Totp:
    """A second factor that computes its codes, as an authenticator app does.

    Codes are computed for the server's time, taken from its response to the password, so a wrong local clock does no
    harm. Requires the extra `totp`.

    Args:
        secret: The key in base32, as shown with the QR code. Spaces and case are ignored.

    Raises:
        ConfigurationError: the key is not base32, or pyotp is not installed.

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
            raise ConfigurationError("the TOTP secret is not base32 (the letters A to Z and the digits 2 to 7)")
        object.__setattr__(self, "secret", secret)
        self.at(0)

    def at(self, seconds: float) -> str:
        """Return the six-digit code for a time in seconds since the epoch."""
        try:
            from pyotp.totp import TOTP  # noqa: PLC0415 - behind an extra
        except ImportError:
            raise ConfigurationError("Totp requires pyotp: pip install 'hubapi-client[totp]'") from None
        try:
            return TOTP(self.secret.reveal()).at(int(seconds))
        except ValueError as error:
            problem = f"pyotp can't use the TOTP secret: {error}"
        raise ConfigurationError(problem)


@frozen(init=False)
class Password:
    """A user name and password.

    Args:
        username: The Docker ID.
        password: The account's password. Organisations that enforce SSO require a personal access token instead.
        two_factor: For an account with two-factor authentication: a `Totp`, or a sync or async callable that returns
            the current code. A sync one must not block. It has the rest of the login's two minutes. An exception it
            raises reaches the call that logs in unchanged.

    Raises:
        ConfigurationError: an argument is empty or not valid, or the password is an organisation access token.

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
    """A user name and a personal access token (`dckr_pat_…`).

    Args:
        username: The Docker ID.
        token: The token. It replaces the password at login. Some routes refuse such logins (D18).
        exchange: Exchange the token on `/v2/auth/token` instead, as with organisation access tokens. Such a login can
            read audit logs. The route is documented, but not in the API description.

    Raises:
        ConfigurationError: an argument is empty or not valid, or the token is an organisation access token.

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
        token: The token. It is exchanged on `/v2/auth/token`, because the login route for users refuses it (D19).

    Raises:
        ConfigurationError: an argument is empty or not valid.

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
    """A bearer token that you already have, sent as it is and never refreshed.

    Args:
        token: The JWT, without the word `Bearer`.

    Raises:
        ConfigurationError: the token is empty or not valid, or is an access token, which must be exchanged first.

    Example:
        >>> StaticToken("eyJhbGciOiJIUzI1NiJ9.e30.c2ln")
        StaticToken()
    """

    token: Secret = field(repr=False)

    def __init__(self, token: str | Secret) -> None:
        token = Secret(token)
        check_token(token, "the bearer token")
        _check_not_org_token(token)
        if token.reveal().startswith(_USER_TOKEN):
            raise ConfigurationError(
                "this is a personal access token, not a bearer token: use PersonalAccessToken(username, token)"
            )
        object.__setattr__(self, "token", token)


@frozen
class Anonymous:
    """No credentials: public repositories only, and 180 requests per minute and IP address (D8)."""


Credentials: TypeAlias = Password | PersonalAccessToken | OrgAccessToken | StaticToken | Anonymous


def credentials_from_env() -> Credentials:
    """Return the credentials in the environment variables that `AsyncHub.from_env` lists. Empty ones are ignored.

    Raises:
        ConfigurationError: one variable of a pair is missing, two kinds of credentials are set, or they are not valid.
            The message names the variables.
    """
    given = [name for name in ("HUBAPI_PASSWORD", "HUBAPI_TOKEN", "HUBAPI_ORG_TOKEN") if os.environ.get(name)]
    if len(given) > 1:
        raise ConfigurationError(f"{' and '.join(given)} are set: set only one of them")
    if given == ["HUBAPI_PASSWORD"]:
        name = _partner_of("HUBAPI_PASSWORD", "HUBAPI_USERNAME")
        return _naming(lambda: Password(name, os.environ["HUBAPI_PASSWORD"]), "HUBAPI_USERNAME, HUBAPI_PASSWORD")
    if given == ["HUBAPI_TOKEN"]:
        name = _partner_of("HUBAPI_TOKEN", "HUBAPI_USERNAME")
        return _naming(lambda: PersonalAccessToken(name, os.environ["HUBAPI_TOKEN"]), "HUBAPI_USERNAME, HUBAPI_TOKEN")
    if given == ["HUBAPI_ORG_TOKEN"]:
        name = _partner_of("HUBAPI_ORG_TOKEN", "HUBAPI_ORG")
        return _naming(lambda: OrgAccessToken(name, os.environ["HUBAPI_ORG_TOKEN"]), "HUBAPI_ORG, HUBAPI_ORG_TOKEN")
    if os.environ.get("HUBAPI_USERNAME"):
        raise ConfigurationError("HUBAPI_USERNAME is set, but neither HUBAPI_PASSWORD nor HUBAPI_TOKEN")
    if os.environ.get("HUBAPI_ORG"):
        raise ConfigurationError("HUBAPI_ORG is set, but not HUBAPI_ORG_TOKEN")
    return Anonymous()


def scim_token_from_env() -> Secret | None:
    """Return the SCIM token in the environment, if any.

    Raises:
        ConfigurationError: it is not a valid token.
    """
    token = Secret(os.environ.get("HUBAPI_SCIM_TOKEN", ""))
    if not token:
        return None
    check_token(token, "HUBAPI_SCIM_TOKEN")
    return token


def _partner_of(given: str, missing: str) -> str:
    value = os.environ.get(missing)
    if not value:
        raise ConfigurationError(f"{given} is set, but not {missing}")
    return value


def _naming(make: Callable[[], Credentials], variables: str) -> Credentials:
    """Make credentials; name their variables in the error if they are not valid."""
    try:
        return make()
    except ConfigurationError as error:
        problem = ConfigurationError(f"{variables}: {error.reason}")
    raise problem


def _check_password(password: Secret) -> None:
    # A password may contain anything, white space too, so only text that JSON can't represent is refused.
    if not password:
        raise ConfigurationError("the password is empty")
    if any("\ud800" <= character <= "\udfff" for character in password.reveal()):
        raise ConfigurationError("the password is not valid Unicode: check that it was decoded as UTF-8")


def _check_name(name: str, what: str) -> None:
    if not name or not name.isprintable() or any(map(str.isspace, name)):
        raise ConfigurationError(f"{what} is {name!r}; pass only the name, without spaces or line breaks")


def _check_not_org_token(token: Secret) -> None:
    # D19: the login route for users refuses these with 401, and repeated 401s lock an account (D26).
    if token.reveal().startswith(_ORG_TOKEN):
        raise ConfigurationError("this is an organisation access token: use OrgAccessToken(org, token)")
