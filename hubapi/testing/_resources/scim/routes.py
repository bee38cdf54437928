"""SCIM 2.0 (RFC 7643, RFC 7644): the organisations that have it, and its routes."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hubapi.testing._resources.audit_logs import AuditLogs
from hubapi.testing._resources.scim.discovery import discovery_operations
from hubapi.testing._resources.scim.people import People
from hubapi.testing._resources.scim.responses import scim_operation
from hubapi.testing._server.calls import Call
from hubapi.testing._server.router import Operation
from hubapi.testing._setup.accounts import Accounts

if TYPE_CHECKING:
    from hubapi.testing._resources.scim.users import ScimUsers

__all__ = ["Scim"]


class Scim:
    """Every organisation's provisioned users; none sees another's."""

    def __init__(self, accounts: Accounts, audit_logs: AuditLogs) -> None:
        self._accounts = accounts
        self._audit_logs = audit_logs
        self._people = People(accounts)
        self._users: dict[str, ScimUsers] = {}

    def add_org(self, org: str, tokens: Iterable[str], owners: Iterable[str], now: float) -> None:
        """Open the routes to each of *tokens*, if there is one; the organisation's first users are its owners."""
        tokens = list(tokens)
        if not tokens:
            return
        users = self._users[org] = _users_type()(org, self._people, self._audit_logs)
        for owner in dict.fromkeys(owners):
            users.assign(self._people.address_of(owner), now)
        for token in tokens:
            self._accounts.add_scim_token(org, token)

    def users(self, org: str) -> list[dict[str, Any]]:
        """Return the users of *org*; raise KeyError if it has no SCIM."""
        if org not in self._users:
            raise KeyError(f"{org!r} has no SCIM: give add_org scim_tokens")
        return self._users[org].everyone()

    def operations(self) -> list[Operation]:
        return [
            *discovery_operations(),
            scim_operation("list_users", "GET", "/Users", lambda call: self._of(call).search(call)),
            scim_operation("create_user", "POST", "/Users", lambda call: self._of(call).create(call)),
            scim_operation("get_user", "GET", "/Users/{id}", lambda call: self._of(call).get(call)),
            scim_operation("update_user", "PUT", "/Users/{id}", lambda call: self._of(call).update(call)),
        ]

    def _of(self, call: Call) -> "ScimUsers":
        # The token that opened the route is an organisation's that `add_org` was given.
        return self._users[call.account or ""]


def _users_type() -> "type[ScimUsers]":
    # Takes as long as all the rest of the package: only for who wants SCIM.
    try:
        from hubapi.testing._resources.scim.users import ScimUsers  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        raise ImportError(
            f'SCIM in hubapi.testing needs {package}: pip install "hubapi-client[testing]"', name=package
        ) from missing
    return ScimUsers
