"""The email addresses of all users."""

import re
from unicodedata import normalize

from hubapi.testing._setup.accounts import Account, Accounts

_DOMAIN = "example.com"
"""Users that a test added have an address here, since only their names are known."""


class EmailAddresses:
    """Users by email address: SCIM identifies them by it, and several organisations may provision the same user."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._names: dict[str, str] = {}

    def assign(self, name: str) -> str:
        """Return the address of a user that a test added."""
        address = f"{name}@{_DOMAIN}"
        self._names[_comparable(address)] = name
        return address

    def account_of(self, address: str) -> Account:
        """Return the user with this address; a new one if there is none."""
        key = _comparable(address)
        name = self._names.get(key) or self._added_user(key)
        account = None if name is None else self._accounts.get(name)
        if account is None:
            # "jonsnow" for jon.snow@docker.com is the description's own example.
            account = self._accounts.add(self._free_name(key.rpartition("@")[0]), [])
        self._names[key] = account.name
        return account

    def _added_user(self, address: str) -> str | None:
        name, _, domain = address.rpartition("@")
        account = self._accounts.get(name) if domain == _DOMAIN else None
        if account is None or account.is_org or name in self._names.values():
            return None
        return name

    def _free_name(self, local_part: str) -> str:
        stem = re.sub(r"[^a-z0-9]", "", local_part)[:26] or "user"
        name, number = stem, 1
        while self._accounts.get(name) is not None:
            number += 1
            name = f"{stem}{number}"
        return name


def _comparable(address: str) -> str:
    return normalize("NFC", normalize("NFC", address).lower())  # as filters compare `userName`
