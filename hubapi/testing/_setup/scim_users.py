"""The users that one organisation provisions.

Importing `scim2_models` is slow, so this module is imported when an organisation with SCIM tokens is added.
"""

from datetime import datetime
from typing import Any

from scim2_models import Meta

from hubapi._datetimes import SECOND_NS, from_ns
from hubapi.testing._setup.email_addresses import EmailAddresses
from hubapi.testing._setup.scim_schemas import Email, Group, Name, User, UserUpdate, as_served

COMPANY = "company"
"""The team that every provisioned user is assigned to, according to the description."""


class ScimUsers:
    """The users of one organisation, by id."""

    def __init__(self, addresses: EmailAddresses) -> None:
        self._addresses = addresses
        self._users: dict[str, User] = {}

    def add(self, address: str, now: float, name: Name | None = None) -> User:
        """Provision the user with this email address.

        Raises:
            ValueError: The organisation has the user already.
        """
        account = self._addresses.account_of(address)
        if account.uuid in self._users:
            raise ValueError(f"the user {address} already exists")
        time = _whole_seconds(now)
        user = User(
            id=account.uuid,
            user_name=address,
            name=_renamed(None, name),
            display_name=account.name,
            active=True,
            emails=[Email(value=address, display=address, primary=True)],
            groups=_groups(active=True),
            meta=Meta(resource_type="User", created=time, last_modified=time),
        )
        self._users[account.uuid] = user
        return user

    def get(self, user_id: str) -> User | None:
        return self._users.get(user_id)

    def all(self) -> list[User]:
        return list(self._users.values())

    def as_served(self) -> list[dict[str, Any]]:
        """Return all users as they are served, but without `meta.location`."""
        return [as_served(user) for user in self._users.values()]

    def update(self, user_id: str, update: UserUpdate, now: float) -> User:
        """Change a user, and return the result; an update without effect leaves `meta.lastModified` as it is."""
        user, active = self._users[user_id], update.enabled
        changed = user.model_copy(
            update={"name": _renamed(user.name, update.name), "active": active, "groups": _groups(active=active)}
        )
        if as_served(changed) != as_served(user):  # not the models: they keep where they were served from
            meta = user.meta or Meta()
            changed.meta = meta.model_copy(update={"last_modified": _whole_seconds(now)})
            self._users[user_id] = changed
        return changed


def _renamed(old: Name | None, new: Name | None) -> Name | None:
    """Merge names: "we will only ever change the name, but not clear it", according to the description."""
    old, new = old or Name(), new or Name()
    given_name, family_name = new.given_name or old.given_name, new.family_name or old.family_name
    return Name(given_name=given_name, family_name=family_name) if given_name or family_name else None


def _groups(*, active: bool) -> list[Group] | None:
    return [Group(value=COMPANY, display=COMPANY)] if active else None


def _whole_seconds(now: float) -> datetime:
    return from_ns(int(now) * SECOND_NS)
