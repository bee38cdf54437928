"""Where bearers can be kept beside, so that hubs and processes of one identity share them.

Only the bearer is kept, which is good for minutes: never a password or an access token.
"""

import hashlib
from typing import Protocol

import anyio.to_thread
from attrs import define, field, frozen
from msgspec import Struct

from hubapi._secret import Secret
from hubapi.credentials import OrgAccessToken, Password, PersonalAccessToken

Renewable = Password | PersonalAccessToken | OrgAccessToken


@frozen(kw_only=True)
class StoredToken:
    """A bearer as a store keeps it.

    Args:
        token: The bearer.
        expires_at: When it ends, in seconds since the epoch by the clock of whoever stored it. If a clock is wrong, the
            token is renewed too early, or too late, when the server has answered 401; nothing else comes of it.
        lifetime_s: The seconds it was good for in all.
    """

    token: Secret
    expires_at: float
    lifetime_s: float


class TokenStore(Protocol):
    """Keeps bearers by key: implement it to share them through a database, for example.

    A key is text that names a server, an identity and, as a fingerprint, the secret that was used: whoever has another
    password has another key. Logins wait for a store, so it must answer within moments and must not block the event
    loop. What it raises is logged, and the login goes on without it.

    Example:
        >>> class Nowhere:
        ...     async def get(self, key: str) -> StoredToken | None:
        ...         return None
        ...     async def put(self, key: str, token: StoredToken) -> None: ...
        ...     async def forget(self, key: str) -> None: ...
        >>> store: TokenStore = Nowhere()
    """

    async def get(self, key: str) -> StoredToken | None:
        """Return what is kept under *key*; None if there is nothing, or nothing that can be read."""
        ...

    async def put(self, key: str, token: StoredToken) -> None:
        """Keep a token in the place of any other of that key."""
        ...

    async def forget(self, key: str) -> None:
        """Keep nothing under *key* any more."""
        ...


@define(eq=False)
class MemoryTokenStore:
    """Keeps bearers in this process, for as long as the store lives: for hubs that come and go.

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
        """Return what is kept under *key*, if anything."""
        return self._kept.get(key)

    async def put(self, key: str, token: StoredToken) -> None:
        """Keep a token in the place of any other of that key."""
        self._kept[key] = token

    async def forget(self, key: str) -> None:
        """Keep nothing under *key* any more."""
        self._kept.pop(key, None)


class Identity(Struct, frozen=True):
    """Whose bearer it is: a server, a name there, and the secret that proves it.

    The secret is part of it, so that nobody gets another's bearer by naming them with a wrong password.
    """

    base_url: str
    kind: str
    name: str
    secret: Secret

    @classmethod
    def of(cls, base_url: str, credentials: Renewable) -> "Identity":
        """Return the identity that credentials are at a server."""
        match credentials:
            case Password(username=name, password=secret):
                return cls(base_url, "password", name, secret)
            case PersonalAccessToken(username=name, token=secret, exchange=exchange):
                return cls(base_url, f"{'exchanged ' if exchange else ''}personal access token", name, secret)
            case OrgAccessToken(org=name, token=secret):
                return cls(base_url, "organisation access token", name, secret)

    async def key(self) -> str:
        """Return the text a store keeps the bearer under.

        The secret is in it as 64 bits of scrypt: slow, so that who reads a store can't try passwords at speed, and too
        few to tell the right one from all that would fit.
        """
        return await anyio.to_thread.run_sync(_derive, self)


def _derive(identity: Identity) -> str:
    name = f"{identity.base_url} {identity.kind} {identity.name}"
    fingerprint = hashlib.scrypt(
        identity.secret.reveal().encode(), salt=f"hubapi {name}".encode(), n=2**14, r=8, p=1, dklen=8
    )
    return f"{name} {fingerprint.hex()}"
