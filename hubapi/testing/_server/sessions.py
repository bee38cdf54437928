"""Logins, and the bearer tokens that they return."""

from hashlib import blake2b
from typing import Literal

import jwt
from attrs import define, field, frozen
from starlette.responses import Response

from hubapi._datetimes import from_ns
from hubapi.testing._server.responses import ErrorResponse, detail_error, json_response
from hubapi.testing._setup.accounts import AccessToken, Account, Accounts
from hubapi.testing._setup.timestamps import seconds_to_ns

LoginKind = Literal["password", "pat", "exchanged pat", "oat"]
"""The kind of login of a caller, since some routes reject some kinds (docker/hub-feedback#2478, #2367).

An `exchanged pat` is a personal access token that was sent to `/v2/auth/token`."""

_REJECTED = "Incorrect authentication credentials"
_SECOND_STEP_S = 300  # the time to send the code in


@frozen
class LoginPolicy:
    """The lifetime of bearer tokens, and the lock-out after failed logins."""

    token_lifetime_s: int
    max_failed_logins: int
    lockout_s: float


@frozen
class Caller:
    """The account behind a request, as its `Authorization` header proves it.

    Attributes:
        account: The account's name; None for an anonymous request.
        kind: What the account logged in with; None for an anonymous request and for a SCIM token.
        token: The access token that it logged in with, if it was one.
        problem: Why the header is not valid, if it is not.
    """

    account: str | None = None
    kind: LoginKind | None = None
    token: AccessToken | None = field(default=None, repr=False)
    problem: str | None = None

    @property
    def actor(self) -> str:
        """The caller's name in audit logs, which names the access token as well."""
        return (self.account or "") if self.token is None else f'{self.account} - access token "{self.token.label}"'

    @property
    def token_data(self) -> dict[str, str]:
        """The description of the access token in the `data` of an audit event."""
        if self.token is None:
            return {}
        return {
            "access_token_id": self.token.uuid,
            "access_token_label": self.token.label,
            "access_token_type": "oat" if self.kind == "oat" else "pat",
        }


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


class Sessions:
    """The sessions of all accounts, and their failed logins."""

    def __init__(self, accounts: Accounts, seed: int, policy: LoginPolicy) -> None:
        self._accounts = accounts
        self._policy = policy
        self._key = blake2b(f"{seed}/signing key".encode(), digest_size=32).digest()
        self._failures: dict[str, _Failures] = {}
        self._sessions: dict[str, _Session] = {}
        self._second_steps: dict[str, _Session] = {}
        self._issued = 0

    def log_in(self, name: str, secret: str, now: float, *, orgs: bool) -> str:
        """Return a new bearer token for *name*.

        Raises:
            ErrorResponse: The login is rejected, or requires a code.
        """
        account = self._accounts.get(name)
        if account is not None and account.is_org and not orgs:
            raise ErrorResponse(detail_error("Cannot log into an organization account", 401))
        failures = self._failures.setdefault(name, _Failures())
        if now < failures.locked_until:
            raise ErrorResponse(_locked())
        by_password = account is not None and secret == account.password
        token = None if account is None or by_password else account.active_token(secret)
        if account is None or not (by_password or token):
            # Unknown names are locked too: the response must not reveal which exist.
            self._fail(failures, now)
            raise ErrorResponse(detail_error(_REJECTED, 401))
        if by_password and account.second_factor is not None:
            if orgs:
                # No response is on record: this route has no second step.
                raise ErrorResponse(detail_error(_REJECTED, 401))
            raise ErrorResponse(self._require_code(account, now))
        failures.in_a_row = 0
        if token is None:
            return self._open(account, now, "password")
        token.last_used = now
        kind: LoginKind = "oat" if account.is_org else "exchanged pat" if orgs else "pat"
        return self._open(account, now, kind, token)

    def log_in_with_code(self, login_2fa_token: str, code: str, now: float) -> str:
        """Return a new bearer token for a login that required a code.

        Raises:
            ErrorResponse: The login is rejected.
        """
        step = self._second_steps.get(login_2fa_token)
        if step is None or now >= step.expires:
            raise ErrorResponse(detail_error(f"{_REJECTED}: the 2FA token is invalid or has expired", 401))
        account, failures = self._accounts.get(step.account), self._failures[step.account]
        if now < failures.locked_until:
            raise ErrorResponse(_locked())
        # pyotp would read a float as an int, and a naive datetime as local time.
        at = from_ns(seconds_to_ns(now))
        factor = None if account is None else account.second_factor
        if account is None or factor is None or not factor.verify(code, for_time=at, valid_window=1):
            self._fail(failures, now)
            raise ErrorResponse(detail_error(f"{_REJECTED}: the 2FA code is invalid", 401))
        del self._second_steps[login_2fa_token]
        failures.in_a_row = 0
        return self._open(account, now, "password")

    def end(self, token: AccessToken) -> None:
        """End all sessions that were opened with an access token."""
        self._sessions = {bearer: session for bearer, session in self._sessions.items() if session.token is not token}

    def end_all(self) -> None:
        self._sessions.clear()

    def caller(self, authorization: str | None, now: float) -> Caller:
        """Return the account whose bearer token a header carries."""
        if authorization is None:
            return Caller()
        scheme, _, token = authorization.partition(" ")
        # Old clients send `JWT`, which still works (D37).
        if scheme.lower() not in {"bearer", "jwt"}:
            return Caller(problem=_REJECTED)
        session = self._sessions.get(token)
        if session is None:
            return Caller(problem="Error decoding signature.")
        if now >= session.expires:
            return Caller(problem="Signature has expired.")
        return Caller(session.account, session.kind, session.token)

    def scim_caller(self, authorization: str | None) -> Caller:
        """Return the organisation whose SCIM token a header carries."""
        scheme, _, token = (authorization or "").partition(" ")
        org = self._accounts.org_of_scim_token(token) if scheme.lower() == "bearer" else None
        return Caller(problem="the SCIM token is missing or unknown") if org is None else Caller(org)

    def _fail(self, failures: _Failures, now: float) -> None:
        failures.in_a_row += 1
        if failures.in_a_row >= self._policy.max_failed_logins:
            failures.in_a_row = 0
            failures.locked_until = now + self._policy.lockout_s

    def _require_code(self, account: Account, now: float) -> Response:
        expires = int(now) + _SECOND_STEP_S
        token = self._sign(account, int(now), expires)
        self._second_steps[token] = _Session(account.name, expires)
        # The description has both fields (PostUsersLoginErrorResponse); clients depend on the token alone.
        text = "Require secondary authentication on MFA enabled account"
        return json_response({"detail": text, "login_2fa_token": token}, 401)

    def _open(self, account: Account, now: float, kind: LoginKind, access_token: AccessToken | None = None) -> str:
        expires = int(now) + self._policy.token_lifetime_s
        token = self._sign(account, int(now), expires)
        self._sessions[token] = _Session(account.name, expires, kind, access_token)
        return token

    def _sign(self, account: Account, issued_at: int, expires: int) -> str:
        self._issued += 1
        jti = self._accounts.uuid_of(f"token {self._issued}")
        claims = {"iat": issued_at, "exp": expires, "sub": account.uuid, "jti": jti}
        # Half of the types that a key may have are those of `cryptography`, which need not be installed.
        return jwt.encode(claims, self._key, algorithm="HS256")  # pyright: ignore[reportUnknownMemberType]


def _locked() -> Response:
    # Status and text: docker/hub-feedback#642, #2201. No response on record has a time to retry at (D26).
    return detail_error("Too many failed login attempts for username or IP address", 429)
