"""Logins, which return a token for credentials.

Users log in at `/v2/users/login`, with a second step at `/v2/users/2fa-login` if the account requires it. Organisation
access tokens, and on request personal ones, are exchanged at `/v2/auth/token` (D18, D19).
"""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from hubapi._auth.token import Grant
from hubapi._codec.error_body import error_of
from hubapi._codec.response import decode
from hubapi._datetimes import parse_http_date
from hubapi._operation import Operation, T, operation_of
from hubapi._secret import Secret, check_token
from hubapi._transport.transport import Response
from hubapi.credentials import Totp, TwoFactor
from hubapi.errors import (
    AccountLocked,
    AuthenticationError,
    BadRequest,
    ConfigurationError,
    DecodeError,
    Forbidden,
    RateLimited,
    StatusError,
    TwoFactorRequired,
    Unauthorized,
)

Exchange: TypeAlias = Callable[[Operation[Any]], Awaitable[Response]]
"""Sends one step of a login, without a token, and returns its response: a success, or the API's refusal."""

# "You have been blocked" comes from a firewall and is not a lock-out.
_LOCKED: Final = re.compile(r"\blocked\b|\blogin attempts\b", re.IGNORECASE)


async def log_in(name: str, secret: Secret, two_factor: TwoFactor | Totp | None, exchange: Exchange) -> Grant:
    """Log a user in with a password or a personal access token.

    Raises:
        TwoFactorRequired: a second factor is required, and *two_factor* is None.
        AccountLocked: the account is locked after too many failed logins.
        AuthenticationError: the server refuses the credentials.
        StatusError: the server fails in another way, or a firewall in front of it refuses this client (D10).
        Exception: any exception of *two_factor*.
    """
    # A hub that only reads public repositories needs none of these models, which take 2 ms to define.
    from hubapi._generated.endpoints import authentication as endpoints  # noqa: PLC0415
    from hubapi._generated.models import authentication as models  # noqa: PLC0415

    first = await operation_of(
        lambda client: endpoints.login(client, models.UsersLoginRequest(username=name, password=secret.reveal()))
    )
    response = await exchange(first)
    pending = None
    if response.status == 401:
        refused = first.with_result(models.PostUsersLoginErrorResponse)
        pending = _token(response, refused, lambda body: body.login_2fa_token)
    if pending is None:
        return _grant(response, first, name, lambda body: body.token)
    if two_factor is None:
        raise TwoFactorRequired(
            f"{name} has two-factor authentication: give Password(..., two_factor=) a callable that returns the code, "
            "or use a personal access token",
            operation=first.id,
        )
    code = await _code(two_factor, response)
    second = await operation_of(
        lambda client: endpoints.two_factor_login(
            client, models.Users2FALoginRequest(login_2fa_token=pending.reveal(), code=code.reveal())
        )
    )
    return _grant(await exchange(second), second, name, lambda body: body.token)


async def exchange_token(name: str, secret: Secret, exchange: Exchange) -> Grant:
    """Exchange the access token of an organisation or a user.

    Raises:
        AccountLocked: the account is locked after too many failed logins.
        AuthenticationError: the server refuses the token.
        StatusError: the server fails in another way, or a firewall in front of it refuses this client (D10).
    """
    from hubapi._generated.endpoints import authentication as endpoints  # noqa: PLC0415
    from hubapi._generated.models import authentication as models  # noqa: PLC0415

    operation = await operation_of(
        lambda client: endpoints.exchange(
            client, models.AuthCreateTokenRequest(identifier=name, secret=secret.reveal())
        )
    )
    return _grant(await exchange(operation), operation, name, lambda body: body.access_token)


async def _code(two_factor: TwoFactor | Totp, response: Response) -> Secret:
    if isinstance(two_factor, Totp):
        server_now = parse_http_date(response.headers.get("date"))
        return Secret(two_factor.at(time.time() if server_now is None else server_now))
    code = two_factor()
    return Secret(code if isinstance(code, str) else await code)


def _token(response: Response, operation: Operation[T], token_of: Callable[[T], str | None]) -> Secret | None:
    """Return the token of a response, or None if it has no valid one."""
    try:
        token = Secret(token_of(decode(response, operation)) or "")
        check_token(token, "the token")
    except (DecodeError, ConfigurationError):
        return None
    return token


def _grant(response: Response, operation: Operation[T], name: str, token_of: Callable[[T], str | None]) -> Grant:
    if response.status >= 300:
        raise _refusal(error_of(response, operation), name)
    token = _token(response, operation, token_of)
    if token is None:
        raise DecodeError("the login's response has no token", expected="a token", operation=operation.id)
    return Grant(secret=token, server_now=parse_http_date(response.headers.get("date")))


def is_lockout(response: Response) -> bool:
    """Return whether a 429 is a lock-out after failed logins, which another attempt would only prolong (D26).

    Source: https://github.com/docker/hub-feedback/issues/2201
    """
    return response.status == 429 and _LOCKED.search(response.content[:4096].decode("utf-8", "replace")) is not None


def _refusal(error: StatusError, name: str) -> StatusError | AuthenticationError:
    """Return the error for refused credentials; *error* itself if the server or a firewall is the cause (D10)."""
    if not isinstance(error, BadRequest | Unauthorized | Forbidden | RateLimited):
        return error
    locked = _LOCKED.search(error.message) is not None
    if isinstance(error, RateLimited) and not locked:
        return error
    kind = AccountLocked if locked else AuthenticationError
    return kind(
        f"the login of {name} was refused: {error.reason}", operation=error.operation, request_id=error.request_id
    )
