"""How credentials become a bearer.

Users log in on `/v2/users/login`, with a second step on `/v2/users/2fa-login` where the account asks for it.
Organisation access tokens are exchanged on `/v2/auth/token`, which the description lacks (D19).
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from hubapi._core.codec import decode, error_of
from hubapi._core.operation import Operation
from hubapi._core.retry import parse_date
from hubapi._core.secret import Secret
from hubapi._core.tokens import Grant
from hubapi._core.transport import Answer
from hubapi.credentials import OrgAccessToken, Password, PersonalAccessToken, TwoFactor
from hubapi.errors import (
    AccountLocked,
    AuthenticationError,
    BadRequest,
    DecodeError,
    Forbidden,
    RateLimited,
    StatusError,
    TwoFactorRequired,
    Unauthorized,
)

Exchange: TypeAlias = Callable[[Operation[dict[str, Any]]], Awaitable[Answer]]
"""Sends an operation without a bearer and returns whatever answer comes."""

Renewable: TypeAlias = Password | PersonalAccessToken | OrgAccessToken

LOGIN: Final = "/v2/users/login"
SECOND_FACTOR: Final = "/v2/users/2fa-login"
EXCHANGE: Final = "/v2/auth/token"
_LOCKED = ("locked", "login attempts")


async def log_in(credentials: Renewable, exchange: Exchange) -> Grant:
    """Exchange credentials for a bearer.

    Raises:
        TwoFactorRequired: a second factor is due, and the credentials bring none.
        AccountLocked: the account is locked after too many failures.
        AuthenticationError: the server refuses the credentials.
        StatusError: the server failed otherwise.
    """
    match credentials:
        case Password(username=name, password=secret, two_factor=two_factor):
            return await _user(name, secret, two_factor, exchange)
        case PersonalAccessToken(username=name, token=secret):
            return await _user(name, secret, None, exchange)
        case OrgAccessToken(org=name, token=secret):
            operation = _operation("authentication.exchange", EXCHANGE, {"identifier": name, "secret": secret})
            answer = await exchange(operation)
            return _grant(answer, operation, "access_token", name)


async def _user(name: str, secret: Secret, two_factor: TwoFactor | None, exchange: Exchange) -> Grant:
    operation = _operation("authentication.login", LOGIN, {"username": name, "password": secret})
    answer = await exchange(operation)
    pending = _pending(answer, operation)
    if pending is None:
        return _grant(answer, operation, "token", name)
    if two_factor is None:
        raise TwoFactorRequired(
            f"{name} has two-factor authentication: give Password(..., two_factor=) a callable that returns the code, "
            "or use a personal access token",
            operation=operation.id,
        )
    code = two_factor()
    if inspect.isawaitable(code):
        code = await code
    second = _operation(
        "authentication.two_factor_login", SECOND_FACTOR, {"login_2fa_token": pending, "code": Secret(code)}
    )
    return _grant(await exchange(second), second, "token", name)


def _operation(name: str, path: str, body: dict[str, object]) -> Operation[dict[str, Any]]:
    # A login that came to nothing may be repeated: it only makes a token. One that was refused never is.
    return Operation(id=name, method="POST", path=path, body=body, result=dict[str, Any], auth="none", repeatable=True)


def _pending(answer: Answer, operation: Operation[dict[str, Any]]) -> Secret | None:
    """Return the intermediate token of a login that needs a second step."""
    if answer.status != 401:
        return None
    try:
        token = decode(answer, operation).get("login_2fa_token")
    except DecodeError:
        return None
    return Secret(token) if isinstance(token, str) and token else None


def _grant(answer: Answer, operation: Operation[dict[str, Any]], key: str, name: str) -> Grant:
    if answer.status >= 300:
        raise _refusal(error_of(answer, operation), name)
    token = decode(answer, operation).get(key)
    if not isinstance(token, str) or not token:
        raise DecodeError(
            f"the login's answer has no {key}", path=f"$.{key}", expected="a token", operation=operation.id
        )
    return Grant(secret=Secret(token), server_now=parse_date(answer.headers.get("date")))


def is_lockout(answer: Answer) -> bool:
    """Say whether a 429 is about failed logins, which waiting and trying again would only prolong (D26).

    Source: https://github.com/docker/hub-feedback/issues/2201
    """
    return answer.status == 429 and any(word in answer.content[:4096].decode("utf-8", "replace") for word in _LOCKED)


def _refusal(error: StatusError, name: str) -> StatusError | AuthenticationError:
    if not isinstance(error, BadRequest | Unauthorized | Forbidden | RateLimited):
        return error  # a failure of the server or of the way there (D10), not a word on the credentials
    locked = any(word in error.message.lower() for word in _LOCKED)
    if isinstance(error, RateLimited) and not locked:
        return error
    kind = AccountLocked if locked else AuthenticationError
    return kind(
        f"the login of {name} was refused: {error.reason}", operation=error.operation, request_id=error.request_id
    )
