"""The lifetime of a token, and when to refresh it: pure functions over plain values.

- The lifetime comes from the token itself and the server's clock, so the local clock may be wrong.
- The expiry is kept on the monotonic clock, which is never adjusted.
- The refresh windows before the expiry are scaled down for short lifetimes.
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
    """A token and its lifetime. `expires` is on the monotonic clock; infinity means never."""

    secret: Secret
    lifetime_s: float
    expires: float


class Grant(Struct, frozen=True, kw_only=True):
    """The result of a login: a token, and the server's clock (its `Date`) if the response had one."""

    secret: Secret
    server_now: float | None = None


def granted(grant: Grant, *, began: float, ended: float) -> Token:
    """Return the token of a login, with its lifetime.

    The lifetime counts from the start of the login, since the server may have issued the token then; but a login that
    took long, waiting for the rate limit or for a user to type a code, takes at most a fifth of it away.

    Args:
        grant: The result of the login.
        began: When it began, on the monotonic clock.
        ended: When its response was read, on the monotonic clock.
    """
    seconds = lifetime(grant.secret, grant.server_now)
    expires = max(began, ended - seconds / 5) + seconds
    return Token(secret=grant.secret, lifetime_s=seconds, expires=expires)


def lifetime(jwt: Secret, server_now: float | None = None) -> float:
    """Return a JWT's lifetime in seconds: from `iat` or the server's clock, whichever is later, to `exp`.

    A clock later than `exp` is ignored; a token without `exp` gets an assumed lifetime. The signature is not checked:
    that is the server's job.

    Args:
        jwt: The token.
        server_now: The `Date` of its response, in seconds since the epoch.

    Source: RFC 7519, 4.1.4 and 4.1.6.
    """
    claims = _claims(jwt)
    expires = _timestamp(claims.get("exp"))
    if expires is None:
        return _ASSUMED_LIFETIME_S
    starts = [time for time in (_timestamp(claims.get("iat")), server_now) if time is not None and time < expires]
    return expires - max(starts) if starts else _ASSUMED_LIFETIME_S


@lru_cache(maxsize=64)  # called for every request
def refresh_windows(lifetime_s: float) -> tuple[float, float]:
    """Return the advisory and the mandatory refresh window, in seconds before the expiry.

    `iat` and `exp` are whole seconds, so a token may expire up to a second earlier than calculated: the mandatory
    window is at least that long, unless the lifetime is very short.

    Example:
        >>> refresh_windows(600)
        (60.0, 10.0)
        >>> refresh_windows(10)
        (2.0, 1.0)
        >>> refresh_windows(1)
        (0.25, 0.2)
    """
    mandatory = max(lifetime_s * 0.05, min(1.0, lifetime_s * 0.2))
    return min(_ADVISORY_S, max(lifetime_s * 0.2, mandatory * 1.25)), min(_MANDATORY_S, mandatory)


def _timestamp(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e15 else None


def _claims(jwt: Secret) -> dict[str, object]:
    try:
        claims: Any = msgspec.json.decode(_base64url(jwt.reveal().split(".")[1]))
    except (IndexError, ValueError, msgspec.DecodeError, RecursionError):
        return {}
    return cast("dict[str, object]", claims) if isinstance(claims, dict) else {}


def _base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
