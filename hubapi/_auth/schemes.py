"""One object for each kind of credential: its identity, its login, its hint for a 403, its token provider.

A new kind of credential is a class in `hubapi.credentials`, and a scheme here with its case in `scheme_of`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol

from attrs import field, frozen

from hubapi._auth.login import Exchange, exchange_token, log_in
from hubapi._auth.token import Grant
from hubapi._auth.token_source import FixedToken, TokenProvider, TokenSource
from hubapi._auth.token_store import Identity, TokenStore
from hubapi._clock import Clock
from hubapi._operation import Auth
from hubapi._secret import Secret, check_token
from hubapi.credentials import Anonymous, Credentials, OrgAccessToken, Password, PersonalAccessToken, StaticToken

_SCIM_HINT = "the SCIM token may belong to another organisation, or be revoked"


@frozen(kw_only=True)
class Authentication:
    """The token provider and the hint for a 403, for each kind of token that an operation takes."""

    providers: Mapping[Auth, TokenProvider] = field(factory=dict[Auth, TokenProvider])
    hints: Mapping[Auth, str] = field(factory=dict[Auth, str])


class Scheme(Protocol):
    """The authentication of one kind of credential.

    Hints: https://github.com/docker/hub-feedback/issues/2478, https://github.com/docker/hub-feedback/issues/2367 (D18).
    """

    @property
    def hint(self) -> str:
        """The likely cause of a 403."""
        ...

    def identity(self, base_url: str) -> Identity | None:
        """Return the identity whose tokens a store keeps; None if the credentials do not log in."""
        ...

    def provider(self, base_url: str, clock: Clock, store: TokenStore | None) -> TokenProvider | None:
        """Return the token provider; None if requests carry no token."""
        ...


class _LoginScheme(ABC):
    """The base class of the schemes that log in."""

    @abstractmethod
    def identity(self, base_url: str) -> Identity: ...

    @abstractmethod
    async def login(self, exchange: Exchange) -> Grant: ...

    def provider(self, base_url: str, clock: Clock, store: TokenStore | None) -> TokenProvider:
        return TokenSource(self.login, clock, self.identity(base_url), store)


@frozen
class _PasswordScheme(_LoginScheme):
    credentials: Password

    @property
    def hint(self) -> str:
        name = self.credentials.username
        return f"{name} may lack permission: audit logs and settings are only for owners of the organisation"

    def identity(self, base_url: str) -> Identity:
        return Identity(base_url, "password", self.credentials.username, self.credentials.password)

    async def login(self, exchange: Exchange) -> Grant:
        credentials = self.credentials
        return await log_in(credentials.username, credentials.password, credentials.two_factor, exchange)


@frozen
class _PersonalAccessTokenScheme(_LoginScheme):
    credentials: PersonalAccessToken

    @property
    def hint(self) -> str:
        credentials = self.credentials
        audit_logs = "" if credentials.exchange else "PersonalAccessToken(…, exchange=True) for audit logs, otherwise "
        return (
            f"{credentials.username} is logged in with a personal access token, which some routes refuse: "
            f"use {audit_logs}Password(…)"
        )

    def identity(self, base_url: str) -> Identity:
        kind = f"{'exchanged ' if self.credentials.exchange else ''}personal access token"
        return Identity(base_url, kind, self.credentials.username, self.credentials.token)

    async def login(self, exchange: Exchange) -> Grant:
        name, token = self.credentials.username, self.credentials.token
        if self.credentials.exchange:
            return await exchange_token(name, token, exchange)
        return await log_in(name, token, None, exchange)


@frozen
class _OrgAccessTokenScheme(_LoginScheme):
    credentials: OrgAccessToken

    @property
    def hint(self) -> str:
        return (
            f"{self.credentials.org} is logged in with an organisation access token, which most routes refuse: "
            "use Password(…)"
        )

    def identity(self, base_url: str) -> Identity:
        return Identity(base_url, "organisation access token", self.credentials.org, self.credentials.token)

    async def login(self, exchange: Exchange) -> Grant:
        return await exchange_token(self.credentials.org, self.credentials.token, exchange)


@frozen
class _StaticTokenScheme:
    credentials: StaticToken
    hint: str = "the token may lack permission, or come from an access token, which some routes refuse"

    def identity(self, base_url: str) -> None:
        del base_url

    def provider(self, base_url: str, clock: Clock, store: TokenStore | None) -> TokenProvider:
        del base_url, clock, store
        return FixedToken(self.credentials.token)


@frozen
class _AnonymousScheme:
    hint: str = "this hub is anonymous: give AsyncHub(credentials)"

    def identity(self, base_url: str) -> None:
        del base_url

    def provider(self, base_url: str, clock: Clock, store: TokenStore | None) -> None:
        del base_url, clock, store


def scheme_of(credentials: Credentials) -> Scheme:
    """Return the scheme of credentials."""
    match credentials:
        case Password():
            return _PasswordScheme(credentials)
        case PersonalAccessToken():
            return _PersonalAccessTokenScheme(credentials)
        case OrgAccessToken():
            return _OrgAccessTokenScheme(credentials)
        case StaticToken():
            return _StaticTokenScheme(credentials)
        case Anonymous():
            return _AnonymousScheme()


def authenticate(
    credentials: Credentials,
    scim_token: Secret | None,
    *,
    base_url: str,
    clock: Clock,
    store: TokenStore | None,
) -> Authentication:
    """Return the token providers of credentials; the SCIM routes take a token of their own.

    Raises:
        ConfigurationError: the SCIM token is invalid.
    """
    scheme = scheme_of(credentials)
    providers: dict[Auth, TokenProvider] = {}
    provider = scheme.provider(base_url, clock, store)
    if provider is not None:
        providers["bearer"] = providers["optional"] = provider
    if scim_token:
        check_token(scim_token, "the SCIM token")
        providers["scim"] = FixedToken(scim_token)
    return Authentication(
        providers=providers, hints={"bearer": scheme.hint, "optional": scheme.hint, "scim": _SCIM_HINT}
    )
