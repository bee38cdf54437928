"""Bearers: one login in flight, refreshed ahead of time, and never again after a refusal.

- Whoever needs a token while a login is under way waits for that one, and shares its result or its failure.
- The login is shielded: if the caller who began it is cancelled, it still completes for the others.
- In the advisory window one caller renews while the others go on with the token they have; in the mandatory window all
  wait. Both are scaled to short lifetimes.
- A lifetime is `exp - iat`, so no clock needs to be right; it is kept on the monotonic clock.
- A 401 gives up the current token only if it is the one that was refused.
- A refused login is remembered: every later call fails with the same error until `reauthenticate` (D26).
"""

import base64
import copy
import math
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias, cast

import anyio
import anyio.lowlevel
import msgspec
from attrs import define, field, frozen

from hubapi._core.clock import Clock
from hubapi._core.secret import Secret
from hubapi.errors import AuthenticationError, HubError

_ASSUMED_LIFETIME_S = 300.0  # of a token that doesn't say (D24)
_ADVISORY_S, _MANDATORY_S = 60.0, 10.0


@frozen(kw_only=True)
class Token:
    """A bearer and its time. `expires` is monotonic; infinity never expires."""

    secret: Secret
    lifetime_s: float
    expires: float


@frozen(kw_only=True)
class Grant:
    """What a login gave: a bearer, and the server's clock (its `Date`) where it told."""

    secret: Secret
    server_now: float | None = None


Login: TypeAlias = Callable[[], Awaitable[Grant]]


def lifetime(jwt: Secret, server_now: float | None = None) -> float:
    """Return a JWT's lifetime in seconds: `exp - iat`, else `exp` from *server_now*, else an assumed one.

    The signature is not checked: the token is the server's to judge.

    Source: RFC 7519, 4.1.4 and 4.1.6.
    """
    claims = _claims(jwt)
    expires, issued = claims.get("exp"), claims.get("iat", server_now)
    if isinstance(expires, int | float) and isinstance(issued, int | float) and expires > issued:
        return float(expires - issued)
    return _ASSUMED_LIFETIME_S


def _claims(jwt: Secret) -> dict[str, object]:
    try:
        part = jwt.reveal().split(".")[1]
        claims: Any = msgspec.json.decode(_base64url(part))
    except (IndexError, ValueError, msgspec.DecodeError):
        return {}
    return cast("dict[str, object]", claims) if isinstance(claims, dict) else {}


def _base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def windows(lifetime_s: float) -> tuple[float, float]:
    """Return the advisory and the mandatory window, in seconds before the end of a lifetime.

    Example:
        >>> windows(600)
        (60.0, 10.0)
        >>> windows(10)
        (2.0, 0.5)
    """
    return min(_ADVISORY_S, lifetime_s * 0.2), min(_MANDATORY_S, lifetime_s * 0.05)


@define(eq=False)
class _Flight:
    """A login under way."""

    done: anyio.Event = field(factory=anyio.Event)
    error: HubError | None = None


class Bearer(Protocol):
    """Where a call gets its bearer from."""

    async def token(self) -> Token:
        """Return a token that is good for now."""
        ...

    def refused(self, token: Token) -> bool:
        """Hear that the server refused a token; return whether another may be had."""
        ...

    def reauthenticate(self) -> None:
        """Forget the token and any refusal."""
        ...


@define(eq=False)
class FixedToken:
    """A bearer that was handed over and can't be renewed."""

    secret: Secret

    async def token(self) -> Token:
        return Token(secret=self.secret, lifetime_s=math.inf, expires=math.inf)

    def refused(self, token: Token) -> bool:
        del token
        return False

    def reauthenticate(self) -> None:
        """Do nothing: there is nothing to forget."""


@define(eq=False)
class TokenSource:
    """The bearer of one identity at one server.

    Args:
        login: Asks the server for a new one.
        clock: Where time comes from.
    """

    login: Login = field(repr=False)
    clock: Clock
    _token: Token | None = field(default=None, repr=False)
    _flight: _Flight | None = field(default=None, repr=False)
    _refusal: AuthenticationError | None = None

    async def token(self) -> Token:
        """Return a token that is good for now, logging in if there is none.

        Raises:
            AuthenticationError: a login was refused, now or earlier.
            HubError: the login failed otherwise; the next call tries again.
        """
        if self._refusal is not None:
            raise copy.copy(self._refusal)
        token, now = self._token, self.clock.monotonic()
        if token is None:
            return await self._renew()
        advisory, mandatory = windows(token.lifetime_s)
        if now < token.expires - advisory:
            return token
        if now >= token.expires - mandatory:
            return await self._renew()
        if self._flight is not None:
            return token
        try:
            return await self._renew()
        except HubError:
            return token  # still good for a while; whoever comes in the mandatory window will hear of it

    def refused(self, token: Token) -> bool:
        """Give up a token that the server answered with 401, unless a newer one is there already."""
        if self._token is token:
            self._token = None
        return True

    def reauthenticate(self) -> None:
        """Forget the token and any refusal: the next call logs in."""
        self._token = self._refusal = None

    async def _renew(self) -> Token:
        flight = self._flight
        if flight is None:
            flight = await self._lead()
        else:
            await flight.done.wait()
        if flight.error is not None:
            raise copy.copy(flight.error)
        return self._token or await self._renew()  # given up again meanwhile

    async def _lead(self) -> _Flight:
        flight = self._flight = _Flight()
        try:
            began = self.clock.monotonic()
            with anyio.CancelScope(shield=True):
                grant = await self.login()
                seconds = lifetime(grant.secret, grant.server_now)
                self._token = Token(secret=grant.secret, lifetime_s=seconds, expires=began + seconds)
        except HubError as error:
            flight.error = error.with_traceback(None)
            if isinstance(error, AuthenticationError):
                self._refusal = error
        except BaseException:
            flight.error = HubError("the login was interrupted")
            raise
        finally:
            self._flight = None
            flight.done.set()
        await anyio.lowlevel.checkpoint_if_cancelled()
        return flight
