"""Who is behind an email address, in all of the fake Docker Hub."""

import re
from unicodedata import normalize

from hubapi.testing._setup.accounts import Account, Accounts

__all__ = ["People"]

_DOMAIN = "example.com"
"""Users that a test set up have an address here: their names are all that is known of them."""


class People:
    """Every user's email address: SCIM knows users by it, and one user may be provisioned by many organisations."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._by_address: dict[str, str] = {}

    def address_of(self, name: str) -> str:
        """Return the address of a user that a test set up."""
        address = f"{name}@{_DOMAIN}"
        self._by_address[_comparable(address)] = name
        return address

    def behind(self, address: str) -> Account:
        """Return whose *address* it is: a new user, if nobody's yet."""
        key = _comparable(address)
        name = self._by_address.get(key) or self._set_up(key)
        account = None if name is None else self._accounts.get(name)
        if account is None:
            # "jonsnow" for jon.snow@docker.com is the description's own example.
            account = self._accounts.add(self._free_name(key.rpartition("@")[0]), [])
        self._by_address[key] = account.name
        return account

    def _set_up(self, address: str) -> str | None:
        name, _, domain = address.rpartition("@")
        account = self._accounts.get(name) if domain == _DOMAIN else None
        if account is None or account.is_org or name in self._by_address.values():
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
