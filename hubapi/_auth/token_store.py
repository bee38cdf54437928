"""Token stores: they keep tokens for the hubs and processes of one identity to share.

Only the token of a login is stored, which is valid for minutes: never a password or an access token.
"""

import hashlib
from typing import Protocol

import anyio.to_thread
from attrs import define, field, frozen
from msgspec import Struct

from hubapi._secret import Secret


@frozen(kw_only=True)
class StoredToken:
    """A token as a store keeps it.

    Args:
        token: The token.
        expires_at: When it expires, in seconds since the epoch, by the clock of the process that stored it. If a clock
            is wrong, the token is refreshed too early, or too late, after a 401; it has no other effect.
        lifetime_s: Its whole lifetime in seconds.
    """

    token: Secret
    expires_at: float
    lifetime_s: float


class TokenStore(Protocol):
    """Keeps tokens by key: implement it to share them through a database, for example.

    A key is a text with the server, the identity and a fingerprint of the secret that was used: another password has
    another key. Logins wait for a store, so it must respond within milliseconds and must not block the event loop. Its
    exceptions are logged, and the login goes on without it.

    Example:
        >>> class NullStore:
        ...     async def get(self, key: str) -> StoredToken | None:
        ...         return None
        ...     async def put(self, key: str, token: StoredToken) -> None: ...
        ...     async def forget(self, key: str) -> None: ...
        >>> store: TokenStore = NullStore()
    """

    async def get(self, key: str) -> StoredToken | None:
        """Return the token of *key*; None if there is none, or none that can be read."""
        ...

    async def put(self, key: str, token: StoredToken) -> None:
        """Store the token of *key*, in place of any other."""
        ...

    async def forget(self, key: str) -> None:
        """Remove the token of *key*, if there is one."""
        ...


@define(eq=False)
class MemoryTokenStore:
    """Keeps tokens in this process, as long as the store lives: for short-lived hubs.

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
        """Store the token of *key*, in place of any other."""
        self._kept[key] = token

    async def forget(self, key: str) -> None:
        """Remove the token of *key*, if there is one."""
        self._kept.pop(key, None)


class Identity(Struct, frozen=True):
    """The identity of a token: a server, an account, and the secret that it logged in with.

    The secret is part of it, so that a wrong password never gets the token of a right one.
    """

    base_url: str
    kind: str
    name: str
    secret: Secret

    async def key(self) -> str:
        """Return the key under which a store keeps the token.

        The secret is in it as 64 bits of scrypt: slow, so that a reader of the store can't try passwords at speed, and
        too few to tell the right one from others that fit.
        """
        return await anyio.to_thread.run_sync(_derive, self)


def _derive(identity: Identity) -> str:
    name = f"{identity.base_url} {identity.kind} {identity.name}"
    fingerprint = hashlib.scrypt(
        identity.secret.reveal().encode(), salt=f"hubapi {name}".encode(), n=2**14, r=8, p=1, dklen=8
    )
    return f"{name} {fingerprint.hex()}"
