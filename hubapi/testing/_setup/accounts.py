"""Who exists, what they sign in with, and the tokens they were given."""

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from random import Random
from string import ascii_letters, digits
from typing import Literal
from uuid import UUID

import jwt
from attrs import define, field, frozen
from pyotp.totp import TOTP
from starlette.responses import Response

from hubapi.testing._server.calls import Refused, detail, json_answer

__all__ = ["AccessToken", "Account", "Accounts", "Bearer", "LoginKind", "LoginPolicy"]

LoginKind = Literal["password", "pat", "exchanged pat", "oat"]
"""What a session began with: some routes refuse some (docker/hub-feedback#2478, #2367). An exchanged one is a
personal access token that went to `/v2/auth/token`."""

_REFUSED = "Incorrect authentication credentials"
_SECOND_STEP_S = 300  # to send the code in


@define(eq=False)
class AccessToken:
    """A personal access token, or an organisation's."""

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
    """Goes with the password; tokens need none."""
    tokens: dict[str, AccessToken] = field(factory=dict[str, AccessToken])
    """By id, the oldest first."""

    @property
    def is_org(self) -> bool:
        return self.owners is not None

    def token_of(self, secret: str) -> AccessToken | None:
        """Return the token that *secret* is; None for one that is switched off, too."""
        return next((token for token in self.tokens.values() if token.secret == secret and token.is_active), None)


@frozen
class LoginPolicy:
    """How long tokens live, and how many wrong passwords lock a name for how long."""

    token_lifetime_s: int = 600
    max_failed_logins: int = 5
    lockout_s: float = 600.0


@define
class _Failures:
    in_a_row: int = 0
    locked_until: float = float("-inf")


@frozen
class _Session:
    account: str
    expires: int
    kind: LoginKind = "password"
    token: AccessToken | None = None


@frozen
class Bearer:
    """What an Authorization header proves: an account, nothing, or that it is no good."""

    account: str | None = None
    problem: str | None = None
    kind: LoginKind | None = None
    token: AccessToken | None = None


class Accounts:
    """All accounts of one fake, their sessions and their failed logins."""

    def __init__(self, seed: int, policy: LoginPolicy) -> None:
        self._seed = seed
        self._policy = policy
        self._key = blake2b(f"{seed}/signing key".encode(), digest_size=32).digest()
        self._accounts: dict[str, Account] = {}
        self._failures: dict[str, _Failures] = {}
        self._sessions: dict[str, _Session] = {}
        self._half_in: dict[str, _Session] = {}
        self._scim_tokens: dict[str, str] = {}
        self._issued = 0
        self._tokens = Random(f"{seed}/access tokens")  # noqa: S311 - meant to repeat

    def add_second_factor(self, name: str, totp_secret: str) -> None:
        """Ask for a code whenever *name* signs in with the password."""
        self._accounts[name].second_factor = TOTP(totp_secret)

    def add_scim_token(self, org: str, token: str) -> None:
        """Let *token* open the SCIM routes for *org*."""
        if token in self._scim_tokens:
            raise ValueError(f"this SCIM token is already that of {self._scim_tokens[token]!r}")
        self._scim_tokens[token] = org

    def add(
        self,
        name: str,
        tokens: Iterable[str],
        owners: Iterable[str] | None = None,
        *,
        password: str | None = None,
        now: float = 0.0,
    ) -> Account:
        if name in self._accounts:
            raise ValueError(f"there already is an account {name!r}")
        owning = None if owners is None else frozenset(owners)
        for owner in owning or ():
            if owner not in self._accounts:
                raise ValueError(f"{owner!r}, an owner of {name!r}, is no account: add the user first")
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
        """Give *account* an access token; its secret is made up where there is none."""
        if secret is None:
            secret = "dckr_pat_" + "".join(self._tokens.choices(ascii_letters + digits + "-_", k=27))
        uuid = str(UUID(int=self._tokens.getrandbits(128), version=4))
        token = AccessToken(uuid, secret, label, scopes, now, creator_ip, creator_ua)
        account.tokens[uuid] = token
        return token

    def end_sessions(self, token: AccessToken) -> None:
        """Make the bearer tokens worthless that *token* was logged in for."""
        self._sessions = {bearer: session for bearer, session in self._sessions.items() if session.token is not token}

    def get(self, name: str) -> Account | None:
        return self._accounts.get(name)

    def people_of(self, name: str) -> list[str]:
        """Return who acts for an account: its owners, or whose it is."""
        account = self._accounts[name]
        return sorted(account.owners or ()) or [name]

    def may_administer(self, who: str | None, name: str) -> bool:
        """Say whether *who* is the account *name*, or one of its owners."""
        account = self._accounts.get(name)
        return who is not None and account is not None and (who == name or who in (account.owners or ()))

    def sign_in(self, name: str, secret: str, now: float, *, orgs: bool) -> str:
        """Return a new token for *name*; raise `Refused` with the server's answer otherwise."""
        account = self._accounts.get(name)
        if account is not None and account.is_org and not orgs:
            raise Refused(detail("Cannot log into an organization account", 401))
        failures = self._failures.setdefault(name, _Failures())
        if now < failures.locked_until:
            raise Refused(_locked())
        by_password = account is not None and secret == account.password
        token = None if account is None or by_password else account.token_of(secret)
        if account is None or not (by_password or token):
            # Names that nobody has are locked too: the answer must not tell which exist.
            self._fail(failures, now)
            raise Refused(detail(_REFUSED, 401))
        if by_password and account.second_factor is not None:
            if orgs:
                # No answer on record: this route knows no second step.
                raise Refused(detail(_REFUSED, 401))
            raise Refused(self._ask_for_code(account, now))
        failures.in_a_row = 0
        if token is None:
            return self._open_session(account, now, "password")
        token.last_used = now
        kind: LoginKind = "oat" if account.is_org else "exchanged pat" if orgs else "pat"
        return self._open_session(account, now, kind, token)

    def sign_in_with_code(self, half_in: str, code: str, now: float) -> str:
        """Return a new token for whom `sign_in` has asked for a code; raise `Refused` otherwise."""
        session = self._half_in.get(half_in)
        if session is None or now >= session.expires:
            raise Refused(detail("Incorrect authentication credentials: the 2FA token is invalid or has expired", 401))
        account, failures = self._accounts[session.account], self._failures[session.account]
        if now < failures.locked_until:
            raise Refused(_locked())
        if account.second_factor is None or not account.second_factor.verify(
            code, for_time=_moment(now), valid_window=1
        ):
            self._fail(failures, now)
            raise Refused(detail("Incorrect authentication credentials: the 2FA code is invalid", 401))
        del self._half_in[half_in]
        failures.in_a_row = 0
        return self._open_session(account, now, "password")

    def read_scim_bearer(self, authorization: str | None) -> Bearer:
        """Return the organisation that a SCIM token opens."""
        scheme, _, token = (authorization or "").partition(" ")
        org = self._scim_tokens.get(token) if scheme.lower() == "bearer" else None
        return Bearer(problem="the SCIM token is missing or unknown") if org is None else Bearer(account=org)

    def read_bearer(self, authorization: str | None, now: float) -> Bearer:
        if authorization is None:
            return Bearer()
        scheme, _, token = authorization.partition(" ")
        # `JWT` is what old clients say, and still works.
        if scheme.lower() not in {"bearer", "jwt"}:
            return Bearer(problem=_REFUSED)
        session = self._sessions.get(token)
        if session is None:
            return Bearer(problem="Error decoding signature.")
        if now >= session.expires:
            return Bearer(problem="Signature has expired.")
        return Bearer(account=session.account, kind=session.kind, token=session.token)

    def revoke_tokens(self) -> None:
        self._sessions.clear()

    def _fail(self, failures: _Failures, now: float) -> None:
        failures.in_a_row += 1
        if failures.in_a_row >= self._policy.max_failed_logins:
            failures.in_a_row = 0
            failures.locked_until = now + self._policy.lockout_s

    def _ask_for_code(self, account: Account, now: float) -> Response:
        expires = int(now) + _SECOND_STEP_S
        token = self._sign(account, int(now), expires)
        self._half_in[token] = _Session(account.name, expires)
        # The description gives the fields (PostUsersLoginErrorResponse); clients go by the token alone.
        text = "Require secondary authentication on MFA enabled account"
        return json_answer({"detail": text, "login_2fa_token": token}, 401)

    def _open_session(
        self, account: Account, now: float, kind: LoginKind, access_token: AccessToken | None = None
    ) -> str:
        expires = int(now) + self._policy.token_lifetime_s
        token = self._sign(account, int(now), expires)
        self._sessions[token] = _Session(account.name, expires, kind, access_token)
        return token

    def _sign(self, account: Account, issued_at: int, expires: int) -> str:
        self._issued += 1
        claims = {
            "iat": issued_at,
            "exp": expires,
            "sub": account.uuid,
            "jti": self.uuid_of(f"token {self._issued}"),
        }
        # Half of the types of a key come from `cryptography`, which need not be there.
        return jwt.encode(claims, self._key, algorithm="HS256")  # pyright: ignore[reportUnknownMemberType]

    def uuid_of(self, name: str) -> str:
        return str(UUID(bytes=blake2b(f"{self._seed}/{name}".encode(), digest_size=16).digest(), version=4))


def _moment(now: float) -> datetime:
    # pyotp takes a float for an int, and a naive datetime for local time.
    return datetime.fromtimestamp(now, UTC)


def _locked() -> Response:
    # 429 and this text: docker/hub-feedback#642 and #2201. No answer on record tells when to come back.
    return detail("Too many failed login attempts for username or IP address", 429)
