"""Who exists, what they sign in with, and the tokens they were given."""

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Literal
from uuid import UUID

import jwt
from attrs import define, field, frozen
from pyotp.totp import TOTP
from starlette.responses import Response

from ._calls import Refused, detail, json_answer

__all__ = ["Account", "Accounts", "Bearer", "LoginKind", "LoginPolicy"]

LoginKind = Literal["password", "pat", "exchanged pat", "oat"]
"""What a session began with: some routes refuse some (docker/hub-feedback#2478, #2367). An exchanged one is a
personal access token that went to `/v2/auth/token`."""

_REFUSED = "Incorrect authentication credentials"
_SECOND_STEP_S = 300  # to send the code in


@define
class Account:
    """A user, or an organisation and its owners."""

    name: str
    uuid: str
    owners: frozenset[str] | None = None
    """None for a user."""
    secrets: set[str] = field(factory=set[str], repr=False)
    password: str | None = field(default=None, repr=False)
    """The one of the secrets that is no token, and that a second factor goes with."""
    second_factor: TOTP | None = field(default=None, repr=False)

    @property
    def is_org(self) -> bool:
        return self.owners is not None


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


@frozen
class Bearer:
    """What an Authorization header proves: an account, nothing, or that it is no good."""

    account: str | None = None
    problem: str | None = None
    kind: LoginKind | None = None


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

    def add_second_factor(self, name: str, totp_secret: str) -> None:
        """Ask for a code whenever *name* signs in with the password."""
        self._accounts[name].second_factor = TOTP(totp_secret)

    def add_scim_token(self, org: str, token: str) -> None:
        """Let *token* open the SCIM routes for *org*."""
        if token in self._scim_tokens:
            raise ValueError(f"this SCIM token is already that of {self._scim_tokens[token]!r}")
        self._scim_tokens[token] = org

    def add(
        self, name: str, tokens: Iterable[str], owners: Iterable[str] | None = None, *, password: str | None = None
    ) -> Account:
        if name in self._accounts:
            raise ValueError(f"there already is an account {name!r}")
        owning = None if owners is None else frozenset(owners)
        for owner in owning or ():
            if owner not in self._accounts:
                raise ValueError(f"{owner!r}, an owner of {name!r}, is no account: add the user first")
        secrets = {*tokens} if password is None else {password, *tokens}
        account = Account(name, self._uuid(name), owning, secrets, password)
        self._accounts[name] = account
        return account

    def get(self, name: str) -> Account | None:
        return self._accounts.get(name)

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
        if account is None or secret not in account.secrets:
            # Names that nobody has are locked too: the answer must not tell which exist.
            self._fail(failures, now)
            raise Refused(detail(_REFUSED, 401))
        if account.second_factor is not None and secret == account.password:
            if orgs:
                # No answer on record: this route knows no second step.
                raise Refused(detail(_REFUSED, 401))
            raise Refused(self._ask_for_code(account, now))
        failures.in_a_row = 0
        return self._open_session(account, now, _kind(account, secret, exchanged=orgs))

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
        return Bearer(account=session.account, kind=session.kind)

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

    def _open_session(self, account: Account, now: float, kind: LoginKind) -> str:
        expires = int(now) + self._policy.token_lifetime_s
        token = self._sign(account, int(now), expires)
        self._sessions[token] = _Session(account.name, expires, kind)
        return token

    def _sign(self, account: Account, issued_at: int, expires: int) -> str:
        self._issued += 1
        claims = {
            "iat": issued_at,
            "exp": expires,
            "sub": account.uuid,
            "jti": self._uuid(f"token {self._issued}"),
        }
        # Half of the types of a key come from `cryptography`, which need not be there.
        return jwt.encode(claims, self._key, algorithm="HS256")  # pyright: ignore[reportUnknownMemberType]

    def _uuid(self, name: str) -> str:
        return str(UUID(bytes=blake2b(f"{self._seed}/{name}".encode(), digest_size=16).digest(), version=4))


def _kind(account: Account, secret: str, *, exchanged: bool) -> LoginKind:
    if account.is_org:
        return "oat"
    if secret == account.password:
        return "password"
    return "exchanged pat" if exchanged else "pat"


def _moment(now: float) -> datetime:
    # pyotp takes a float for an int, and a naive datetime for local time.
    return datetime.fromtimestamp(now, UTC)


def _locked() -> Response:
    # 429 and this text: docker/hub-feedback#642 and #2201. No answer on record tells when to come back.
    return detail("Too many failed login attempts for username or IP address", 429)
