"""Token stores, which share tokens between hubs and processes of one identity.

Only the result of a login is stored, which is valid for minutes: never a password or an access token.
"""

import hashlib
from typing import Protocol

import anyio.to_thread
from attrs import define, field, frozen
from msgspec import Struct

from hubapi._secret import Secret


@frozen(kw_only=True)
class StoredToken:
    """A token in a `TokenStore`.

    Args:
        token: The token.
        expires_at: When it expires, in seconds since the epoch, by the clock of the process that stored it. With a
            wrong clock the token is refreshed too early, or only after a 401; there is no other effect.
        lifetime_s: Its whole lifetime in seconds.

    Example:
        >>> StoredToken(token=Secret("eyJ…"), expires_at=1_735_689_600.0, lifetime_s=600.0)
        StoredToken(token=Secret('***'), expires_at=1735689600.0, lifetime_s=600.0)
    """

    token: Secret
    expires_at: float
    lifetime_s: float


class TokenStore(Protocol):
    """Keeps tokens by key: implement it to share them through a database, for example.

    A key consists of the server, the identity and a fingerprint of the secret that logged in, so another password has
    another key. Logins wait for the store, so it must respond within milliseconds and must not block the event loop.
    Its exceptions are logged, and the login continues without it.

    Example:
        >>> class NullStore:
        ...     async def get(self, key: str) -> StoredToken | None:
        ...         return None
        ...     async def put(self, key: str, token: StoredToken) -> None: ...
        ...     async def forget(self, key: str) -> None: ...
        >>> store: TokenStore = NullStore()
    """

    async def get(self, key: str) -> StoredToken | None:
        """Return the token of *key*, or None if there is none that can be read."""
        ...

    async def put(self, key: str, token: StoredToken) -> None:
        """Store the token of *key*, replacing any other."""
        ...

    async def forget(self, key: str) -> None:
        """Remove the token of *key*, if there is one."""
        ...


@define(eq=False)
class MemoryTokenStore:
    """A token store in memory, for short-lived hubs in one process.

    Example:
        >>> import anyio
        >>> store = MemoryTokenStore()
        >>> token = StoredToken(token=Secret("eyJ…"), expires_at=1_735_689_600.0, lifetime_s=600.0)
        >>> anyio.run(store.put, "moby", token)
        >>> anyio.run(store.get, "moby") == token
        True
        >>> store
        MemoryTokenStore()
    """

    _kept: dict[str, StoredToken] = field(factory=dict[str, StoredToken], init=False, repr=False)

    async def get(self, key: str) -> StoredToken | None:
        """Return the token of *key*, if there is one."""
        return self._kept.get(key)

    async def put(self, key: str, token: StoredToken) -> None:
        """Store the token of *key*, replacing any other."""
        self._kept[key] = token

    async def forget(self, key: str) -> None:
        """Remove the token of *key*, if there is one."""
        self._kept.pop(key, None)


class Identity(Struct, frozen=True):
    """The identity of a token: the server, the account, and the secret that logged in.

    The secret is included so that a wrong password never gets the token of the right one.
    """

    base_url: str
    kind: str
    name: str
    secret: Secret

    async def key(self) -> str:
        """Return the key of the token in a store.

        It contains 64 bits of scrypt of the secret: slow, so that a reader of the store can't try passwords quickly,
        and so few bits that other passwords match as well.
        """
        return await anyio.to_thread.run_sync(_derive, self)


def _derive(identity: Identity) -> str:
    name = f"{identity.base_url} {identity.kind} {identity.name}"
    fingerprint = hashlib.scrypt(
        identity.secret.reveal().encode(), salt=f"hubapi {name}".encode(), n=2**14, r=8, p=1, dklen=8
    )
    return f"{name} {fingerprint.hex()}"
