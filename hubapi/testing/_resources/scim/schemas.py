"""What a user is in Docker Hub's SCIM.

Imports `scim2_models`, which takes a moment: to be imported when an organisation with SCIM is set up, not before.
"""

from typing import Annotated, Any

from scim2_models import (
    URN,
    ComplexAttribute,
    Context,
    Mutability,
    Required,
    Resource,
    ResponseParameters,
    ScimObject,
    Uniqueness,
)

__all__ = ["Email", "Group", "Name", "User", "UserUpdate", "as_served"]

_USER_SCHEMA = URN("urn:ietf:params:scim:schemas:core:2.0:User")


class Name(ComplexAttribute):
    """A user's name."""

    given_name: str | None = None
    """The given name of the user."""

    family_name: str | None = None
    """The family name of the user."""


class Email(ComplexAttribute):
    """One email address."""

    value: str | None = None
    """The email address."""

    display: str | None = None
    """The email address, for display."""

    primary: bool | None = None
    """Whether this is the user's main address."""


class Group(ComplexAttribute):
    """One team the user is in."""

    value: str | None = None
    """The name of the team."""

    display: str | None = None
    """The name of the team, for display."""


class User(Resource[Any]):
    """User Account."""

    # What the description gives a user, no more of RFC 7643. What it does not let POST and PUT send is read-only:
    # dropped if sent.

    __schema__ = _USER_SCHEMA

    user_name: Annotated[str | None, Required.true, Uniqueness.server] = None
    """The email address of the user, by which the user is known."""

    name: Name | None = None
    """The components of the user's name."""

    display_name: Annotated[str | None, Mutability.read_only] = None
    """The name of the user in Docker, the Docker ID."""

    active: Annotated[bool | None, Mutability.read_only] = None
    """Whether the user is active."""

    emails: Annotated[list[Email] | None, Mutability.read_only] = None
    """The email addresses of the user."""

    groups: Annotated[list[Group] | None, Mutability.read_only] = None
    """The teams the user is in."""


class UserUpdate(ScimObject):
    """What PUT takes, which is not what GET gives: `active` is `enabled` here."""

    __schema__ = _USER_SCHEMA

    name: Name | None = None
    enabled: bool = False
    """Whoever leaves it out deactivates the user, says the description."""


def as_served(item: ScimObject, wanted: ResponseParameters[Any] | None = None) -> dict[str, Any]:
    """Return *item* as JSON, or what is *wanted* of it."""
    return item.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=wanted)
