"""How credentials become a bearer.

Users log in on `/v2/users/login`, with a second step on `/v2/users/2fa-login` where the account asks for it.
Organisation access tokens, and on request personal ones, are exchanged on `/v2/auth/token`, which the description lacks
(D18, D19).
"""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from hubapi._auth.token import Grant
from hubapi._auth.token_store import Renewable
from hubapi._codec.error_body import error_of
from hubapi._codec.response import decode
from hubapi._datetimes import parse_http_date
from hubapi._operation import Operation
from hubapi._secret import Secret, check_token
from hubapi._transport.transport import Response
from hubapi.credentials import OrgAccessToken, Password, PersonalAccessToken, Totp, TwoFactor
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

Exchange: TypeAlias = Callable[[Operation[dict[str, Any]]], Awaitable[Response]]
"""Sends an operation without a bearer and returns whatever answer comes."""

LOGIN: Final = "/v2/users/login"
SECOND_FACTOR: Final = "/v2/users/2fa-login"
EXCHANGE: Final = "/v2/auth/token"
# "You have been blocked" is a firewall's, and no lock-out.
_LOCKED: Final = re.compile(r"\blocked\b|\blogin attempts\b", re.IGNORECASE)


async def log_in(credentials: Renewable, exchange: Exchange) -> Grant:
    """Exchange credentials for a bearer.

    Raises:
        TwoFactorRequired: a second factor is due, and the credentials bring none.
        AccountLocked: the account is locked after too many failures.
        AuthenticationError: the server refuses the credentials.
        StatusError: the server failed otherwise, or something in front of it refuses this client (D10).
        Exception: whatever a `two_factor` raises.
    """
    match credentials:
        case Password(username=name, password=secret, two_factor=two_factor):
            return await _user(name, secret, two_factor, exchange)
        case PersonalAccessToken(username=name, token=secret, exchange=False):
            return await _user(name, secret, None, exchange)
        case PersonalAccessToken(username=name, token=secret) | OrgAccessToken(org=name, token=secret):
            operation = _operation("authentication.exchange", EXCHANGE, {"identifier": name, "secret": secret})
            response = await exchange(operation)
            return _grant(response, operation, "access_token", name)


async def _user(name: str, secret: Secret, two_factor: TwoFactor | Totp | None, exchange: Exchange) -> Grant:
    operation = _operation("authentication.login", LOGIN, {"username": name, "password": secret})
    response = await exchange(operation)
    pending = _text(response, operation, "login_2fa_token") if response.status == 401 else None
    if pending is None:
        return _grant(response, operation, "token", name)
    if two_factor is None:
        raise TwoFactorRequired(
            f"{name} has two-factor authentication: give Password(..., two_factor=) a callable that returns the code, "
            "or use a personal access token",
            operation=operation.id,
        )
    code = await _code(two_factor, response)
    # Unlike the first step it is not repeated when its answer is lost: the code may be used up.
    body: dict[str, object] = {"login_2fa_token": pending, "code": code}
    second = _operation("authentication.two_factor_login", SECOND_FACTOR, body, repeatable=False)
    return _grant(await exchange(second), second, "token", name)


async def _code(two_factor: TwoFactor | Totp, response: Response) -> Secret:
    if isinstance(two_factor, Totp):
        server_now = parse_http_date(response.headers.get("date"))
        return Secret(two_factor.at(time.time() if server_now is None else server_now))
    code = two_factor()
    return Secret(code if isinstance(code, str) else await code)


def _operation(name: str, path: str, body: dict[str, object], *, repeatable: bool = True) -> Operation[dict[str, Any]]:
    # A login that came to nothing may be repeated: it only makes a token. One that was refused never is.
    return Operation(
        id=name, method="POST", path=path, body=body, result=dict[str, Any], auth="none", repeatable=repeatable
    )


def _text(response: Response, operation: Operation[dict[str, Any]], key: str) -> Secret | None:
    """Return a token out of an answer, if it has one that can be sent."""
    try:
        found = decode(response, operation).get(key)
        token = Secret(found if isinstance(found, str) else "")
        check_token(token, key)
    except (DecodeError, ConfigurationError):
        return None
    return token


def _grant(response: Response, operation: Operation[dict[str, Any]], key: str, name: str) -> Grant:
    if response.status >= 300:
        raise _refusal(error_of(response, operation), name)
    token = _text(response, operation, key)
    if token is None:
        raise DecodeError(
            f"the login's answer has no {key}", path=f"$.{key}", expected="a token", operation=operation.id
        )
    return Grant(secret=token, server_now=parse_http_date(response.headers.get("date")))


def is_lockout(response: Response) -> bool:
    """Say whether a 429 is about failed logins, which waiting and trying again would only prolong (D26).

    Source: https://github.com/docker/hub-feedback/issues/2201
    """
    return response.status == 429 and _LOCKED.search(response.content[:4096].decode("utf-8", "replace")) is not None


def _refusal(error: StatusError, name: str) -> StatusError | AuthenticationError:
    """Turn an error into a word on the credentials; leave it if it is the server's failure, or a firewall's (D10)."""
    if not isinstance(error, BadRequest | Unauthorized | Forbidden | RateLimited):
        return error
    locked = _LOCKED.search(error.message) is not None
    if isinstance(error, RateLimited) and not locked:
        return error
    kind = AccountLocked if locked else AuthenticationError
    return kind(
        f"the login of {name} was refused: {error.reason}", operation=error.operation, request_id=error.request_id
    )
