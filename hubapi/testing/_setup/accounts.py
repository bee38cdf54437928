"""Users and organisations, and their access tokens."""

from collections.abc import Iterable
from hashlib import blake2b
from random import Random
from string import ascii_letters, digits
from uuid import UUID

from attrs import define, field
from pyotp.totp import TOTP


@define(eq=False)
class AccessToken:
    """An access token of a user or of an organisation."""

    uuid: str
    secret: str = field(repr=False)
    label: str
    scopes: list[str]
    created: float
    creator_ip: str
    creator_ua: str
    is_active: bool = True
    last_used: float | None = None


@define
class Account:
    """A user, or an organisation and its owners."""

    name: str
    uuid: str
    owners: frozenset[str] | None = None
    """None for a user."""
    password: str | None = field(default=None, repr=False)
    second_factor: TOTP | None = field(default=None, repr=False)
    """Required with the password; access tokens work without."""
    tokens: dict[str, AccessToken] = field(factory=dict[str, AccessToken])
    """By id, oldest first."""

    @property
    def is_org(self) -> bool:
        return self.owners is not None

    def active_token(self, secret: str) -> AccessToken | None:
        """Return the active access token with this secret, or None."""
        return next((token for token in self.tokens.values() if token.secret == secret and token.is_active), None)


class Accounts:
    """All accounts, by name."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._accounts: dict[str, Account] = {}
        self._scim_tokens: dict[str, str] = {}
        self._random = Random(f"{seed}/access tokens")  # noqa: S311 - meant to repeat

    def add(
        self,
        name: str,
        tokens: Iterable[str],
        owners: Iterable[str] | None = None,
        *,
        password: str | None = None,
        now: float = 0.0,
    ) -> Account:
        """Add a user, or an organisation if it has *owners*.

        Raises:
            ValueError: The name is taken, or an owner is not an account.
        """
        if name in self._accounts:
            raise ValueError(f"account {name!r} already exists")
        owning = None if owners is None else frozenset(owners)
        for owner in owning or ():
            if owner not in self._accounts:
                raise ValueError(f"{owner!r}, an owner of {name!r}, is not an account: add the user first")
        account = Account(name, self.uuid_of(name), owning, password)
        for number, secret in enumerate(dict.fromkeys(tokens), start=1):
            self.add_token(account, f"token {number}", ["repo:admin"], now=now, secret=secret)
        self._accounts[name] = account
        return account

    def add_token(
        self,
        account: Account,
        label: str,
        scopes: list[str],
        *,
        now: float,
        secret: str | None = None,
        creator_ip: str = "127.0.0.1",
        creator_ua: str = "FakeHub",
    ) -> AccessToken:
        """Give *account* an access token, with a generated secret unless there is one."""
        if secret is None:
            secret = "dckr_pat_" + "".join(self._random.choices(ascii_letters + digits + "-_", k=27))
        uuid = str(UUID(int=self._random.getrandbits(128), version=4))
        token = AccessToken(uuid, secret, label, scopes, now, creator_ip, creator_ua)
        account.tokens[uuid] = token
        return token

    def add_second_factor(self, name: str, totp_secret: str) -> None:
        """Require a code when *name* logs in with the password."""
        self._accounts[name].second_factor = TOTP(totp_secret)

    def add_scim_token(self, org: str, token: str) -> None:
        """Accept *token* on the SCIM routes for *org*.

        Raises:
            ValueError: The token belongs to an organisation already.
        """
        if token in self._scim_tokens:
            raise ValueError(f"this SCIM token already belongs to {self._scim_tokens[token]!r}")
        self._scim_tokens[token] = org

    def get(self, name: str) -> Account | None:
        return self._accounts.get(name)

    def org_of_scim_token(self, token: str) -> str | None:
        return self._scim_tokens.get(token)

    def people_of(self, name: str) -> list[str]:
        """Return the users who act for an account: an organisation's owners, or the user."""
        account = self._accounts[name]
        return sorted(account.owners or ()) or [name]

    def may_administer(self, user: str | None, name: str) -> bool:
        """Return whether *user* is the account *name* or one of its owners."""
        account = self._accounts.get(name)
        return user is not None and account is not None and (user == name or user in (account.owners or ()))

    def uuid_of(self, name: str) -> str:
        """Return the id that follows from the seed and *name*."""
        return str(UUID(bytes=blake2b(f"{self._seed}/{name}".encode(), digest_size=16).digest(), version=4))
