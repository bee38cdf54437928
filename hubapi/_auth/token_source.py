"""Token providers: one login in flight, refreshed ahead of time, and never again after a refusal.

- Calls that need a token while a login is in flight wait for that one, and share its result or its failure.
- A login is a task of its own: if the caller that started it is cancelled, it still completes for the others, and that
  caller is cancelled then. If no caller waits any more, it is cancelled. It has two minutes in any case.
- In the advisory window one caller refreshes the token while the others use the one they have, and a failure only means
  to try again later; in the mandatory window all wait. Both are scaled to short lifetimes.
- A 401 drops the current token only if it is the one that was refused.
- A refused login, a lock-out too, is remembered: every later call fails with a copy of the same error, alike in type,
  arguments and fields, until `reset` (D26). A failure of the server, the network or a firewall is not remembered.
- The exception of a `two_factor` reaches the call that logs in unchanged, and those that waited for it as a HubError.
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

from hubapi._auth.login import Exchange
from hubapi._auth.token import Grant, Token, granted, windows
from hubapi._auth.token_store import Identity, StoredToken, TokenStore
from hubapi._clock import Clock
from hubapi._secret import Secret
from hubapi.errors import AuthenticationError, ConfigurationError, DeadlineExceeded, HubError, TransportError

LOGIN_S = 120.0
"""Seconds a login may take, waits for the rate limit and for a second factor included."""

Login: TypeAlias = Callable[[Exchange], Awaitable[Grant]]
"""Logs in by means of the calling client, whose options and hooks hold for its requests."""

T = TypeVar("T")

_log = logging.getLogger("hubapi")


class TokenProvider(Protocol):
    """The source of a call's token."""

    async def token(self, exchange: Exchange) -> Token:
        """Return a token that is valid now.

        Args:
            exchange: Sends the steps of a login, if one is due.
        """
        ...

    def reject(self, token: Token) -> bool:
        """Drop a token that the server refused; return whether another may be had."""
        ...

    def reset(self) -> None:
        """Drop the token and any refusal."""
        ...

    def __hash__(self) -> int:
        """Return the hash of the object itself: it stands for an identity."""
        ...


@define(eq=False, repr=False)
class FixedToken:
    """A token that the caller supplied and that can't be refreshed."""

    secret: Secret

    async def token(self, exchange: Exchange) -> Token:
        del exchange
        return Token(secret=self.secret, lifetime_s=math.inf, expires=math.inf)

    def reject(self, token: Token) -> bool:
        del token
        return False

    def reset(self) -> None:
        """Do nothing: there is nothing to drop."""


@define(eq=False, repr=False)
class _Flight:
    """A login in flight, and the callers that wait for it."""

    source: "TokenSource"
    done: anyio.Event = field(factory=anyio.Event)
    waiting: int = 0
    token: Token | None = None
    error: HubError | None = None
    crash: Exception | None = None
    scope: anyio.CancelScope = field(factory=lambda: anyio.CancelScope(shield=True))

    async def wait(self) -> None:
        """Wait for its end. If the last waiting caller is cancelled, so is the login."""
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
    """The token state of one identity: of one hub, or of all that share a store in an event loop."""

    token: Token | None = None
    flight: _Flight | None = None
    refusal: AuthenticationError | None = None
    refused: Secret | None = None
    """The last token that the server refused with a 401: it is not used again, wherever it comes from."""
    refresh_after: float = -math.inf
    must_log_in: bool = False


_shared: anyio.lowlevel.RunVar["WeakKeyDictionary[TokenStore, WeakValueDictionary[Identity, _Held]]"] = (
    anyio.lowlevel.RunVar("hubapi tokens")
)


@define(eq=False, repr=False)
class TokenSource:
    """The token provider of one identity at one server.

    Args:
        login: Gets a new token.
        clock: The source of time.
        store: Keeps tokens for other hubs and processes, if given.
        identity: The identity that the store keeps them for.
    """

    login: Login
    clock: Clock
    store: TokenStore | None = None
    identity: Identity | None = None
    _mine: _Held = field(factory=_Held, init=False)
    _joined: bool = field(default=False, init=False)
    _key: str = field(default="", init=False)

    async def token(self, exchange: Exchange) -> Token:
        """Return a token that is valid now, logging in if there is none.

        Args:
            exchange: Sends the steps of a login.

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
            return await self._refresh(exchange)
        if now < token.expires - advisory or held.flight or held.refusal or now < held.refresh_after:
            return token
        return await self._refresh_ahead(held, exchange) or token

    def reject(self, token: Token) -> bool:
        """Drop a token that the server refused with a 401, unless there is a newer one already."""
        held = self._held()
        if held.token is token:
            held.token, held.refused = None, token.secret
        return True

    def reset(self) -> None:
        """Drop the token and any refusal: the next call logs in."""
        held = self._held()
        held.token = held.refusal = held.flight = None
        held.must_log_in = True

    def _held(self) -> _Held:
        if self.store is not None and self.identity is not None and not self._joined:
            self._joined, self._mine = True, _join(self.store, self.identity, self._mine)
        return self._mine

    async def _refresh_ahead(self, held: _Held, exchange: Exchange) -> Token | None:
        """Try to refresh a token that is valid for a while yet: not for long, and without failing.

        A failure is raised in the mandatory window.
        """
        advisory, _ = windows(held.token.lifetime_s) if held.token else (0.0, 0.0)
        with self.clock.move_on_after(advisory / 4):
            try:
                return await self._refresh(exchange)
            except Exception as error:  # noqa: BLE001 - a `two_factor` may raise anything
                _log.info("the token could not be refreshed ahead of time: %s", type(error).__name__)
        return held.token

    async def _refresh(self, exchange: Exchange) -> Token:
        held = self._held()
        while True:
            flight = held.flight
            if flight is None:
                flight = await self._lead(held, exchange)
            else:
                await flight.wait()
            mine = flight.source is self
            if flight.token is not None:
                return flight.token
            # A failure of another hub's own connections, such as its closing, means nothing for ours.
            if flight.error is not None and (mine or not isinstance(flight.error, ConfigurationError | TransportError)):
                raise copy.copy(flight.error) from flight.crash

    async def _lead(self, held: _Held, exchange: Exchange) -> _Flight:
        flight = held.flight = _Flight(self)
        # A task of its own, because a shield around the caller would not hold off `asyncio.Task.cancel`.
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._fly, flight, held, exchange)
            await flight.wait()
        if flight.crash is not None:
            raise flight.crash
        return flight

    async def _fly(self, flight: _Flight, held: _Held, exchange: Exchange) -> None:
        try:
            with flight.scope:
                flight.token = await self._stored(held)
                if flight.token is None:
                    flight.token = await self._log_in(exchange)
                    await self._store(flight.token)
        except HubError as error:
            flight.error = copy.copy(error)
        except Exception as error:  # noqa: BLE001 - raised again in the caller
            flight.crash = error
            flight.error = HubError(f"the login that this call waited for failed: {type(error).__name__}")
        finally:
            if held.flight is flight:  # else `reset` was called meanwhile
                self._settle(flight, held)
            flight.done.set()

    def _settle(self, flight: _Flight, held: _Held) -> None:
        held.flight = None
        if flight.token is not None:
            held.token, held.refusal, held.must_log_in = flight.token, None, False
        elif isinstance(flight.error, AuthenticationError):
            held.refusal = flight.error
        elif held.token is not None:
            held.refresh_after = self.clock.monotonic() + windows(held.token.lifetime_s)[0] / 4

    async def _log_in(self, exchange: Exchange) -> Token:
        began = self.clock.monotonic()
        with self.clock.move_on_after(LOGIN_S):
            grant = await self.login(exchange)
            return granted(grant, began=began, ended=self.clock.monotonic())
        raise DeadlineExceeded(f"the login did not complete within {LOGIN_S:g} s", operation="authentication.login")

    # --- the store, whose failures are never the call's

    async def _stored(self, held: _Held) -> Token | None:
        """Return the token that another hub has stored, if it is valid for a while yet."""
        if self.store is None or self.identity is None:
            return None
        key = self._key = self._key or await self.identity.key()  # it is slow to make
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
        except Exception as error:  # noqa: BLE001 - a user's own store may raise anything
            # The kind alone: its message might show the token.
            _log.warning("the token store could not %s a token (%s); going on without", what, type(error).__name__)
            return None


def _join(store: TokenStore, identity: Identity, mine: _Held) -> _Held:
    """Return the state that all hubs of this event loop with the same store share for an identity."""
    try:
        stores = _shared.get()
    except LookupError:
        stores = WeakKeyDictionary[TokenStore, "WeakValueDictionary[Identity, _Held]"]()
        _shared.set(stores)
    try:
        held = stores.setdefault(store, WeakValueDictionary[Identity, _Held]()).setdefault(identity, mine)
    except TypeError:  # such a store can't be hashed or weakly referenced: it shares tokens, but not logins
        return mine
    if mine.must_log_in:
        held.token, held.must_log_in = None, True
    return held
