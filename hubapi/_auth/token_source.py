"""Token providers: one login in flight, refreshed ahead of time, and never again after a refusal.

- Calls that need a token while a login is in flight wait for it, and share its result or its failure.
- A login is a task of its own: if the caller that started it is cancelled, it still completes for the other callers,
  and only then is that caller cancelled. If no caller is waiting any more, it is cancelled. It may take two minutes.
- In the advisory window one caller refreshes the token while the others use the current one, and a failure only means
  to try again later; in the mandatory window all wait. Both windows are scaled down for short lifetimes.
- A 401 drops the current token only if it is the one that was refused.
- A refused login, including a lock-out, is remembered: until `reset`, every later call fails with a copy of the error,
  of the same type and with the same attributes (D26). A failure of the server, the network or a firewall is not.
- An exception of `two_factor` is raised unchanged in the call that logs in; calls that wait for it get a `HubError`.
- With a store, a token that another hub or process stored is used instead of a login; hubs of one event loop that share
  a store also share the login. If the store fails, the hub logs in as if there were none.
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
from hubapi._auth.token import Grant, Token, granted, refresh_windows
from hubapi._auth.token_store import Identity, StoredToken, TokenStore
from hubapi._clock import Clock
from hubapi._secret import Secret
from hubapi.errors import AuthenticationError, ConfigurationError, DeadlineExceeded, HubError, TransportError

LOGIN_TIMEOUT_S = 120.0
"""Seconds that a login may take, including waits for the rate limit and for a second factor."""

Login: TypeAlias = Callable[[Exchange], Awaitable[Grant]]
"""Logs in through the calling client, whose options and hooks apply to the requests."""

T = TypeVar("T")

_log = logging.getLogger("hubapi")


class TokenProvider(Protocol):
    """The source of the tokens of one identity."""

    async def token(self, exchange: Exchange) -> Token:
        """Return a valid token.

        Args:
            exchange: Sends the steps of a login, if one is needed.
        """
        ...

    def reject(self, token: Token) -> bool:
        """Drop a token that the server refused; return whether another can be obtained."""
        ...

    def reset(self) -> None:
        """Drop the token and any refusal."""
        ...

    def __hash__(self) -> int:
        """Return a hash by identity: requests with the same provider share connections."""
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
class _PendingLogin:
    """A login in flight, and the callers that wait for it."""

    source: "TokenSource"
    done: anyio.Event = field(factory=anyio.Event)
    waiting: int = 0
    token: Token | None = None
    error: HubError | None = None
    cause: Exception | None = None
    """The exception of a `two_factor`, raised unchanged in the caller that logs in."""
    scope: anyio.CancelScope = field(factory=lambda: anyio.CancelScope(shield=True))

    async def wait(self) -> None:
        """Wait until it is done. If the last waiting caller is cancelled, so is the login."""
        self.waiting += 1
        try:
            await self.done.wait()
        except BaseException:
            self.waiting -= 1
            if not self.waiting:
                self.scope.cancel()
            raise


@define(eq=False, repr=False)
class _TokenState:
    """The token of one identity: of one hub, or of all hubs that share a store in an event loop."""

    token: Token | None = None
    pending: _PendingLogin | None = None
    refusal: AuthenticationError | None = None
    refused: Secret | None = None
    """The last token that the server refused with a 401: it is not used again, even if a store returns it."""
    refresh_after: float = -math.inf
    must_log_in: bool = False


_shared: anyio.lowlevel.RunVar["WeakKeyDictionary[TokenStore, WeakValueDictionary[Identity, _TokenState]]"] = (
    anyio.lowlevel.RunVar("hubapi tokens")
)


@define(eq=False, repr=False)
class TokenSource:
    """The token provider of one identity at one server.

    Args:
        login: Returns a new token.
        clock: The source of time.
        identity: The identity whose tokens it provides.
        store: Shares tokens with other hubs and processes, if given.
    """

    login: Login
    clock: Clock
    identity: Identity
    store: TokenStore | None = None
    _own_state: _TokenState | None = field(default=None, init=False)
    _key: str = field(default="", init=False)

    async def token(self, exchange: Exchange) -> Token:
        """Return a valid token, logging in if there is none.

        Args:
            exchange: Sends the steps of a login.

        Raises:
            AuthenticationError: a login was refused, now or earlier.
            HubError: the login failed otherwise; the next call tries again.
        """
        state = self._state()
        token, now = state.token, self.clock.monotonic()
        advisory, mandatory = refresh_windows(token.lifetime_s) if token else (0.0, 0.0)
        if token is None or now >= token.expires - mandatory:
            if state.refusal is not None:
                raise copy.copy(state.refusal)
            return await self._refresh(exchange)
        if now < token.expires - advisory or state.pending or state.refusal or now < state.refresh_after:
            return token
        return await self._refresh_ahead(token, exchange)

    def reject(self, token: Token) -> bool:
        """Drop a token that the server refused with a 401, unless there is a newer one already."""
        state = self._state()
        if state.token is token:
            state.token, state.refused = None, token.secret
        return True

    def reset(self) -> None:
        """Drop the token and any refusal: the next call logs in."""
        state = self._state()
        state.token = state.refusal = state.pending = None
        state.must_log_in = True

    def _state(self) -> _TokenState:
        if self._own_state is None:
            self._own_state = _TokenState() if self.store is None else _shared_state(self.store, self.identity)
        return self._own_state

    async def _refresh_ahead(self, token: Token, exchange: Exchange) -> Token:
        """Return a new token; if that fails or takes long, return the current one, which is still valid for a while.

        A failure is raised only in the mandatory window.
        """
        advisory, _ = refresh_windows(token.lifetime_s)
        with self.clock.move_on_after(advisory / 4):
            try:
                return await self._refresh(exchange)
            except Exception as error:  # noqa: BLE001 - a `two_factor` may raise anything
                _log.info("the token could not be refreshed ahead of time: %s", type(error).__name__)
        return self._state().token or token

    async def _refresh(self, exchange: Exchange) -> Token:
        state = self._state()
        while True:
            login = state.pending
            if login is None:
                login = await self._start_login(state, exchange)
            else:
                await login.wait()
            if login.token is not None:
                return login.token
            # A failure of another hub's own connections, such as its closing, does not concern this hub.
            of_other_hub = login.source is not self and isinstance(login.error, ConfigurationError | TransportError)
            if login.error is not None and not of_other_hub:
                raise copy.copy(login.error) from login.cause

    async def _start_login(self, state: _TokenState, exchange: Exchange) -> _PendingLogin:
        login = state.pending = _PendingLogin(self)
        # A task of its own, because a shield around the caller would not stop `asyncio.Task.cancel`.
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._run_login, login, state, exchange)
            await login.wait()
        if login.cause is not None:
            raise login.cause
        return login

    async def _run_login(self, login: _PendingLogin, state: _TokenState, exchange: Exchange) -> None:
        try:
            with login.scope:
                login.token = await self._read_store(state)
                if login.token is None:
                    login.token = await self._log_in(exchange)
                    await self._write_store(login.token)
        except HubError as error:
            login.error = copy.copy(error)
        except Exception as error:  # noqa: BLE001 - raised again in the caller
            login.cause = error
            login.error = HubError(f"the login that this call waited for failed: {type(error).__name__}")
        finally:
            if state.pending is login:  # unless `reset` was called in the meantime
                self._finish_login(login, state)
            login.done.set()

    def _finish_login(self, login: _PendingLogin, state: _TokenState) -> None:
        state.pending = None
        if login.token is not None:
            state.token, state.refusal, state.must_log_in = login.token, None, False
        elif isinstance(login.error, AuthenticationError):
            state.refusal = login.error
        elif state.token is not None:
            state.refresh_after = self.clock.monotonic() + refresh_windows(state.token.lifetime_s)[0] / 4

    async def _log_in(self, exchange: Exchange) -> Token:
        began = self.clock.monotonic()
        with self.clock.move_on_after(LOGIN_TIMEOUT_S):
            grant = await self.login(exchange)
            return granted(grant, began=began, ended=self.clock.monotonic())
        raise DeadlineExceeded(
            f"the login did not complete within {LOGIN_TIMEOUT_S:g} s", operation="authentication.login"
        )

    # --- the store: its failures never fail the call

    async def _read_store(self, state: _TokenState) -> Token | None:
        """Return the token that another hub has stored, if it is still valid for a while."""
        if self.store is None:
            return None
        key = self._key = self._key or await self.identity.key()  # slow to compute
        if state.must_log_in:
            await self._try("forget", self.store.forget(key))
            return None
        stored = await self._try("read", self.store.get(key))
        if not isinstance(stored, StoredToken):
            return None
        if stored.token == state.refused:
            await self._try("forget", self.store.forget(key))
            return None
        left = min(stored.expires_at - self.clock.time(), stored.lifetime_s)
        if left <= refresh_windows(stored.lifetime_s)[0]:
            return None
        return Token(secret=stored.token, lifetime_s=stored.lifetime_s, expires=self.clock.monotonic() + left)

    async def _write_store(self, token: Token) -> None:
        if self.store is not None:
            expires_at = self.clock.time() + token.expires - self.clock.monotonic()
            stored = StoredToken(token=token.secret, expires_at=expires_at, lifetime_s=token.lifetime_s)
            await self._try("write", self.store.put(self._key, stored))

    async def _try(self, verb: str, operation: Awaitable[T]) -> T | None:
        try:
            return await operation
        except Exception as error:  # noqa: BLE001 - a user's own store may raise anything
            # Only the class: the message might contain the token.
            _log.warning("the token store could not %s a token (%s); going on without", verb, type(error).__name__)
            return None


def _shared_state(store: TokenStore, identity: Identity) -> _TokenState:
    """Return the state that all hubs of this event loop with the same store share for an identity."""
    try:
        stores = _shared.get()
    except LookupError:
        stores = WeakKeyDictionary[TokenStore, "WeakValueDictionary[Identity, _TokenState]"]()
        _shared.set(stores)
    state = _TokenState()
    try:
        return stores.setdefault(store, WeakValueDictionary[Identity, _TokenState]()).setdefault(identity, state)
    except TypeError:  # a store that can't be hashed or weakly referenced shares tokens, but not logins
        return state
