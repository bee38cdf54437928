"""The user of Docker Hub's SCIM, as a schema of `scim2_models`.

Importing `scim2_models` is slow, so this module is imported when an organisation with SCIM tokens is added.
"""

from typing import Annotated, Any, ClassVar

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

    # Has the attributes of the description, and no others of RFC 7643. Those that the description does not let POST
    # and PUT send are read-only: ignored if sent.

    __schema__: ClassVar[URN | None] = _USER_SCHEMA

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
    """The body of PUT, which differs from what GET returns: `active` is `enabled` here (D34)."""

    __schema__: ClassVar[URN | None] = _USER_SCHEMA

    name: Name | None = None
    enabled: bool = False
    """Leaving it out deactivates the user, according to the description."""


def as_served(item: ScimObject, wanted: ResponseParameters[Any] | None = None) -> dict[str, Any]:
    """Return *item* as JSON, reduced to the attributes that are *wanted*."""
    return item.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=wanted)
