"""The organisations that provision users through SCIM."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hubapi.testing._setup.accounts import Accounts
from hubapi.testing._setup.email_addresses import EmailAddresses

if TYPE_CHECKING:
    from hubapi.testing._setup.scim_users import ScimUsers


class ScimOrgs:
    """The provisioned users of each organisation that has SCIM tokens."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._addresses = EmailAddresses(accounts)
        self._users: dict[str, ScimUsers] = {}

    def add(self, org: str, tokens: Iterable[str], owners: Iterable[str], now: float) -> None:
        """Accept *tokens* for an organisation, if there are any; its first users are its owners."""
        tokens = list(tokens)
        if not tokens:
            return
        users = self._users[org] = _users_type()(self._addresses)
        for owner in dict.fromkeys(owners):
            users.add(self._addresses.assign(owner), now)
        for token in tokens:
            self._accounts.add_scim_token(org, token)

    def users_of(self, org: str) -> "ScimUsers":
        """Return the users of *org*.

        Raises:
            KeyError: It has no SCIM tokens.
        """
        if org not in self._users:
            raise KeyError(f"{org!r} has no SCIM tokens: pass scim_tokens to add_org")
        return self._users[org]


def _users_type() -> "type[ScimUsers]":
    # Takes as long to import as all the rest of the package, and few tests need it.
    try:
        from hubapi.testing._setup.scim_users import ScimUsers  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        raise ImportError(
            f'SCIM in hubapi.testing needs {package}: pip install "hubapi-client[testing]"', name=package
        ) from missing
    return ScimUsers
