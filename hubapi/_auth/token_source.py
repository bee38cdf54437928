"""Bearers: one login in flight, refreshed ahead of time, and never again after a refusal.

- Whoever needs a token while a login is under way waits for that one, and shares its result or its failure.
- The login is a task of its own: if the caller who began it is cancelled, it still completes for the others, and that
  caller hears of its cancellation then. If nobody waits any more, it is given up. It has two minutes in any case.
- In the advisory window one caller renews while the others go on with the token they have, and a failure only means to
  try again later; in the mandatory window all wait. Both are scaled to short lifetimes.
- A 401 gives up the current token only if it is the one that was refused.
- A refused login, a lock-out too, is remembered: every later call fails with a copy of the same error, alike in type,
  arguments and fields, until `reauthenticate` (D26). A failure of the server, the network or a firewall is not.
- What a `two_factor` raises reaches the call that logs in unchanged, and those that waited for it as a HubError.
- With a store, a token that another hub or process left there is used before logging in; hubs of one event loop that
  share a store share the login too. A store that fails is as good as none.
"""

import copy
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

import anyio
import anyio.lowlevel
from attrs import define, field

from hubapi._auth.token import Grant, Token, granted, windows
from hubapi._auth.token_store import Identity, StoredToken, TokenStore
from hubapi._clock import Clock
from hubapi._secret import Secret
from hubapi.errors import AuthenticationError, ConfigurationError, DeadlineExceeded, HubError, TransportError

LOGIN_S = 120.0
"""Seconds a login may take, waits for the rate limit and for a second factor included."""

Login: TypeAlias = Callable[[], Awaitable[Grant]]

T = TypeVar("T")

_log = logging.getLogger("hubapi")


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


@define(eq=False, repr=False)
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


@define(eq=False, repr=False)
class _Flight:
    """A login under way, and who waits for it."""

    source: "TokenSource"
    done: anyio.Event = field(factory=anyio.Event)
    waiting: int = 0
    token: Token | None = None
    error: HubError | None = None
    crash: Exception | None = None
    scope: anyio.CancelScope = field(factory=lambda: anyio.CancelScope(shield=True))

    async def landed(self) -> None:
        """Wait until it is over; the last to be cancelled meanwhile ends it."""
        self.waiting += 1
        try:
            await self.done.wait()
        except BaseException:
            self.waiting -= 1
            if not self.waiting:
                self.scope.cancel()
            raise


@define(eq=False, repr=False)
class _Held:
    """What is known of one identity's bearer: by one hub, or by all that share a store in an event loop."""

    token: Token | None = None
    flight: _Flight | None = None
    refusal: AuthenticationError | None = None
    refused: Secret | None = None
    """The token that the server answered with 401 last: wherever it turns up again, it is not used."""
    renew_after: float = -math.inf
    must_log_in: bool = False


_shared: anyio.lowlevel.RunVar["WeakKeyDictionary[TokenStore, WeakValueDictionary[Identity, _Held]]"] = (
    anyio.lowlevel.RunVar("hubapi tokens")
)


@define(eq=False, repr=False)
class TokenSource:
    """The bearer of one identity at one server.

    Args:
        login: Asks the server for a new one.
        clock: Where time comes from.
        store: Where tokens are kept beside, if anywhere.
        identity: Whose they are there.
    """

    login: Login
    clock: Clock
    store: TokenStore | None = None
    identity: Identity | None = None
    _mine: _Held = field(factory=_Held, init=False)
    _joined: bool = field(default=False, init=False)
    _key: str = field(default="", init=False)

    async def token(self) -> Token:
        """Return a token that is good for now, logging in if there is none.

        Raises:
            AuthenticationError: a login was refused, now or earlier.
            HubError: the login failed otherwise; the next call tries again.
        """
        held = self._held()
        token, now = held.token, self.clock.monotonic()
        advisory, mandatory = windows(token.lifetime_s) if token else (0.0, 0.0)
        if token is None or now >= token.expires - mandatory:
            if held.refusal is not None:
                raise copy.copy(held.refusal)
            return await self._renew()
        if now < token.expires - advisory or held.flight or held.refusal or now < held.renew_after:
            return token
        return await self._renew_ahead(held) or token

    def refused(self, token: Token) -> bool:
        """Give up a token that the server answered with 401, unless a newer one is there already."""
        held = self._held()
        if held.token is token:
            held.token, held.refused = None, token.secret
        return True

    def reauthenticate(self) -> None:
        """Forget the token and any refusal: the next call logs in."""
        held = self._held()
        held.token = held.refusal = held.flight = None
        held.must_log_in = True

    def _held(self) -> _Held:
        if self.store is not None and self.identity is not None and not self._joined:
            self._joined, self._mine = True, _join(self.store, self.identity, self._mine)
        return self._mine

    async def _renew_ahead(self, held: _Held) -> Token | None:
        """Try to renew a token that is good for a while yet: not for long, and without failing.

        Whoever comes in the mandatory window will hear of a failure.
        """
        advisory, _ = windows(held.token.lifetime_s) if held.token else (0.0, 0.0)
        with self.clock.move_on_after(advisory / 4):
            try:
                return await self._renew()
            except Exception as error:  # noqa: BLE001 - a `two_factor` may raise anything
                _log.info("the token could not be renewed ahead of time: %s", type(error).__name__)
        return held.token

    async def _renew(self) -> Token:
        held = self._held()
        while True:
            flight = held.flight
            if flight is None:
                flight = await self._lead(held)
            else:
                await flight.landed()
            mine = flight.source is self
            if flight.token is not None:
                return flight.token
            # What another hub met on its own connections, its closing for one, says nothing of ours.
            if flight.error is not None and (mine or not isinstance(flight.error, ConfigurationError | TransportError)):
                raise copy.copy(flight.error) from flight.crash

    async def _lead(self, held: _Held) -> _Flight:
        flight = held.flight = _Flight(self)
        # A task of its own, because a shield around the caller would not hold off `asyncio.Task.cancel`.
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._fly, flight, held)
            await flight.landed()
        if flight.crash is not None:
            raise flight.crash
        return flight

    async def _fly(self, flight: _Flight, held: _Held) -> None:
        try:
            with flight.scope:
                flight.token = await self._stored(held)
                if flight.token is None:
                    flight.token = await self._log_in()
                    await self._store(flight.token)
        except HubError as error:
            flight.error = copy.copy(error)
        except Exception as error:  # noqa: BLE001 - raised again where the caller is
            flight.crash = error
            flight.error = HubError(f"the login that this call waited for failed: {type(error).__name__}")
        finally:
            if held.flight is flight:  # else `reauthenticate` came between
                self._settle(flight, held)
            flight.done.set()

    def _settle(self, flight: _Flight, held: _Held) -> None:
        held.flight = None
        if flight.token is not None:
            held.token, held.refusal, held.must_log_in = flight.token, None, False
        elif isinstance(flight.error, AuthenticationError):
            held.refusal = flight.error
        elif held.token is not None:
            held.renew_after = self.clock.monotonic() + windows(held.token.lifetime_s)[0] / 4

    async def _log_in(self) -> Token:
        began = self.clock.monotonic()
        with self.clock.move_on_after(LOGIN_S):
            grant = await self.login()
            return granted(grant, began=began, ended=self.clock.monotonic())
        raise DeadlineExceeded(f"the login was not done within {LOGIN_S:g} s", operation="authentication.login")

    # --- the store: a help, never a reason to fail

    async def _stored(self, held: _Held) -> Token | None:
        """Return the token that somebody else has left, if it is good and will be for a while."""
        if self.store is None or self.identity is None:
            return None
        key = self._key = self._key or await self.identity.key()  # which takes a while
        if held.must_log_in:
            await self._try("forget", self.store.forget(key))
            return None
        stored = await self._try("read", self.store.get(key))
        if not isinstance(stored, StoredToken):
            return None
        if stored.token == held.refused:
            await self._try("forget", self.store.forget(key))
            return None
        left = min(stored.expires_at - self.clock.time(), stored.lifetime_s)
        if left <= windows(stored.lifetime_s)[0]:
            return None
        return Token(secret=stored.token, lifetime_s=stored.lifetime_s, expires=self.clock.monotonic() + left)

    async def _store(self, token: Token) -> None:
        if self.store is not None and self.identity is not None:
            expires_at = self.clock.time() + token.expires - self.clock.monotonic()
            stored = StoredToken(token=token.secret, expires_at=expires_at, lifetime_s=token.lifetime_s)
            await self._try("write", self.store.put(self._key, stored))

    async def _try(self, what: str, operation: Awaitable[T]) -> T | None:
        try:
            return await operation
        except Exception as error:  # noqa: BLE001 - a store of the user's own may raise anything
            # The kind alone: its words might show what it was given.
            _log.warning("the token store could not %s a token (%s); going on without", what, type(error).__name__)
            return None


def _join(store: TokenStore, identity: Identity, mine: _Held) -> _Held:
    """Return what all hubs of this event loop that share a store know of an identity, *mine* if it is the first."""
    try:
        stores = _shared.get()
    except LookupError:
        stores = WeakKeyDictionary[TokenStore, "WeakValueDictionary[Identity, _Held]"]()
        _shared.set(stores)
    try:
        held = stores.setdefault(store, WeakValueDictionary[Identity, _Held]()).setdefault(identity, mine)
    except TypeError:  # a store that can't be hashed or weakly referenced shares tokens, but not logins
        return mine
    if mine.must_log_in:
        held.token, held.must_log_in = None, True
    return held
