"""The lifetime of a token, and when to refresh it: pure functions over plain values.

- A lifetime is read from the token itself, against the server's clock: no local clock needs to be right.
- It is kept on the monotonic clock, which is never set.
- The windows before its end are scaled to short lifetimes.
"""

import base64
from functools import lru_cache
from typing import Any, cast

import msgspec
from msgspec import Struct

from hubapi._secret import Secret

_ASSUMED_LIFETIME_S = 300.0  # of a token without `exp` (D24)
_ADVISORY_S, _MANDATORY_S = 60.0, 10.0


class Token(Struct, frozen=True, kw_only=True):
    """A token and its lifetime. `expires` is on the monotonic clock; infinity never expires."""

    secret: Secret
    lifetime_s: float
    expires: float


class Grant(Struct, frozen=True, kw_only=True):
    """The result of a login: a token, and the server's clock (its `Date`) if the response had one."""

    secret: Secret
    server_now: float | None = None


def granted(grant: Grant, *, began: float, ended: float) -> Token:
    """Return the token of a login, with its lifetime.

    The lifetime counts from the beginning of the login, when the server may have made the token; but a login that took
    long, waiting for the rate limit or for a person to type a code, costs no more than a fifth of it.

    Args:
        grant: The result of the login.
        began: When it began, on the monotonic clock.
        ended: When its response was read.
    """
    seconds = lifetime(grant.secret, grant.server_now)
    expires = max(began, ended - seconds / 5) + seconds
    return Token(secret=grant.secret, lifetime_s=seconds, expires=expires)


def lifetime(jwt: Secret, server_now: float | None = None) -> float:
    """Return a JWT's lifetime in seconds: from `iat` or the server's clock, whichever is later, to `exp`.

    A clock that is past `exp` is ignored; a token without `exp` has an assumed lifetime. The signature is not checked:
    that is for the server to do.

    Args:
        jwt: The token.
        server_now: The `Date` of its response, in seconds since the epoch.

    Source: RFC 7519, 4.1.4 and 4.1.6.
    """
    claims = _claims(jwt)
    expires = _moment(claims.get("exp"))
    if expires is None:
        return _ASSUMED_LIFETIME_S
    since = [moment for moment in (_moment(claims.get("iat")), server_now) if moment is not None and moment < expires]
    return expires - max(since) if since else _ASSUMED_LIFETIME_S


@lru_cache(maxsize=64)  # asked by every call
def windows(lifetime_s: float) -> tuple[float, float]:
    """Return the advisory and the mandatory window, in seconds before the end of a lifetime.

    `iat` and `exp` are whole seconds, so that up to one second of a lifetime is over before it begins: the mandatory
    window is no shorter, as long as the lifetime allows.

    Example:
        >>> windows(600)
        (60.0, 10.0)
        >>> windows(10)
        (2.0, 1.0)
        >>> windows(1)
        (0.25, 0.2)
    """
    mandatory = max(lifetime_s * 0.05, min(1.0, lifetime_s * 0.2))
    return min(_ADVISORY_S, max(lifetime_s * 0.2, mandatory * 1.25)), min(_MANDATORY_S, mandatory)


def _moment(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e15 else None


def _claims(jwt: Secret) -> dict[str, object]:
    try:
        claims: Any = msgspec.json.decode(_base64url(jwt.reveal().split(".")[1]))
    except (IndexError, ValueError, msgspec.DecodeError, RecursionError):
        return {}
    return cast("dict[str, object]", claims) if isinstance(claims, dict) else {}


def _base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
