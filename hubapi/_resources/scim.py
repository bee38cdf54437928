"""SCIM: users provisioned by an identity provider. These routes take a token of their own."""

from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from hubapi._codec.wire import UNSET, UnsetType, or_unset
from hubapi._generated.endpoints import scim as endpoints
from hubapi._generated.models.scim import (
    ScimCreateUserRequest,
    ScimResourceType,
    ScimSchema,
    ScimServiceProviderConfig,
    ScimUpdateUserRequest,
    ScimUser,
    ScimUserName,
)
from hubapi._operation import Client
from hubapi._pagination.paginator import Paginator
from hubapi._pagination.strategies import by_index
from hubapi.scim import Attribute, Filter

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"


@frozen
class Scim:
    """The users and the configuration of an organisation's SCIM connection. Requires `AsyncHub(scim_token=)`.

    Source: https://docs.docker.com/reference/api/hub/latest/#tag/scim
    """

    _client: Client

    async def get_service_provider_config(self) -> ScimServiceProviderConfig:
        """Return the parts of SCIM that the server supports.

        Raises:
            Unauthorized: the SCIM token is no longer valid.

        Example:
            >>> async def can_filter(hub):
            ...     config = await hub.scim.get_service_provider_config()
            ...     return config.filter is not None and config.filter.supported

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/scim/paths/~1v2~1scim~12.0~1ServiceProviderConfig/get
        """
        return await endpoints.get_service_provider_config(self._client)

    async def list_resource_types(self) -> list[ScimResourceType]:
        """Return the resource types of the server. The list is not paginated.

        Raises:
            Unauthorized: the SCIM token is no longer valid.

        Example:
            >>> async def names(hub):
            ...     return [resource.name for resource in await hub.scim.list_resource_types()]

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/scim/paths/~1v2~1scim~12.0~1ResourceTypes/get
        """
        return (await endpoints.list_resource_types(self._client)).resources or []

    async def get_resource_type(self, name: str) -> ScimResourceType:
        """Return one resource type.

        Args:
            name: The name, such as `User`.

        Raises:
            NotFound: no resource type has this name.

        Example:
            >>> async def endpoint(hub):
            ...     return (await hub.scim.get_resource_type("User")).endpoint

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/scim/paths/~1v2~1scim~12.0~1ResourceTypes~1{name}/get
        """
        return await endpoints.get_resource_type(self._client, name)

    async def list_schemas(self) -> list[ScimSchema]:
        """Return the schemas of the server's resources. The list is not paginated.

        Raises:
            Unauthorized: the SCIM token is no longer valid.

        Example:
            >>> async def ids(hub):
            ...     return [schema.id for schema in await hub.scim.list_schemas()]

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/scim/paths/~1v2~1scim~12.0~1Schemas/get
        """
        return (await endpoints.list_schemas(self._client)).resources or []

    async def get_schema(self, id: str) -> ScimSchema:  # noqa: A002 - SCIM's own name
        """Return one schema.

        Args:
            id: The URN, such as `urn:ietf:params:scim:schemas:core:2.0:User`.

        Raises:
            NotFound: no schema has this id.

        Example:
            >>> async def attributes(hub):
            ...     schema = await hub.scim.get_schema("urn:ietf:params:scim:schemas:core:2.0:User")
            ...     return [attribute.name for attribute in schema.attributes or []]

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/scim/paths/~1v2~1scim~12.0~1Schemas~1{id}/get
        """
        return await endpoints.get_schema(self._client, id)

    def list_users(
        self,
        *,
        filter: Filter | str | None = None,  # noqa: A002 - SCIM's own name
        attributes: Sequence[Attribute | str] | None = None,
        sort_by: Attribute | str | None = None,
        sort_order: Literal["ascending", "descending"] | None = None,
        count: int = 100,
    ) -> Paginator[ScimUser]:
        """List users.

        Args:
            filter: Only users that match: a condition built from the attributes of `hubapi.scim.User`, which quotes
                values, or a SCIM filter as text, sent unchanged.
            attributes: Only these attributes of each user.
            sort_by: The attribute to sort by.
            sort_order: `ascending`, the default, or `descending`.
            count: Users per request, 1 to 200.

        Raises:
            ConfigurationError: *count* is out of range.
            BadRequest: the server does not understand the filter.

        Example:
            >>> from hubapi.scim import User
            >>> async def snows(hub):
            ...     active_snows = User.active.is_(True) & (User.name.family_name == "Snow")
            ...     return await hub.scim.list_users(filter=active_snows, sort_by=User.user_name).collect()

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/scim/paths/~1v2~1scim~12.0~1Users/get
        """

        async def call(start: int) -> tuple[list[ScimUser] | None, int | None]:
            page = await endpoints.list_users(
                self._client,
                start_index=start,
                count=count,
                filter=UNSET if filter is None else str(filter),
                attributes=_joined(attributes),
                sort_order=or_unset(sort_order),
                sort_by=UNSET if sort_by is None else str(sort_by),
            )
            return page.resources, page.total_results

        return Paginator("scim.list_users", by_index(call, count=count))

    async def create_user(self, user_name: str, *, name: ScimUserName | None = None) -> ScimUser:
        """Create a user, or add an existing user to the organisation.

        Args:
            user_name: The user's email address.
            name: The given and family name.

        Raises:
            BadRequest: the server does not accept the address or the name.
            Conflict: the user already exists in the organisation.

        Example:
            >>> from hubapi.models import ScimUserName
            >>> async def hire(hub):
            ...     name = ScimUserName(given_name="Jon", family_name="Snow")
            ...     return await hub.scim.create_user("jon.snow@docker.com", name=name)

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/scim/paths/~1v2~1scim~12.0~1Users/post
        """
        body = ScimCreateUserRequest(schemas=[USER_SCHEMA], user_name=user_name, name=or_unset(name))
        return await endpoints.create_user(self._client, body)

    async def get_user(
        self,
        id: str,  # noqa: A002 - SCIM's own name
        *,
        attributes: Sequence[Attribute | str] | None = None,
    ) -> ScimUser:
        """Return one user.

        Args:
            id: The user's id, a UUID.
            attributes: Only these attributes.

        Raises:
            NotFound: no user has this id.

        Example:
            >>> async def is_active(hub, id):
            ...     return (await hub.scim.get_user(id, attributes=["active"])).active

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/scim/paths/~1v2~1scim~12.0~1Users~1{id}/get
        """
        return await endpoints.get_user(self._client, id, attributes=_joined(attributes))

    async def update_user(self, id: str, *, enabled: bool, name: ScimUserName | None = None) -> ScimUser:  # noqa: A002
        """Activate or deactivate a user, or change the name.

        Args:
            id: The user's id, a UUID.
            enabled: Whether the user is active. Required, because without it the server deactivates the user (D34).
            name: The new given and family name; None leaves it unchanged.

        Raises:
            BadRequest: the server does not accept the name.
            NotFound: no user has this id.

        Example:
            >>> async def deactivate(hub, id):
            ...     await hub.scim.update_user(id, enabled=False)

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/scim/paths/~1v2~1scim~12.0~1Users~1{id}/put
        """
        body = ScimUpdateUserRequest(schemas=[USER_SCHEMA], enabled=enabled, name=or_unset(name))
        return await endpoints.update_user(self._client, id, body)


def _joined(attributes: Sequence[Attribute | str] | None) -> str | UnsetType:
    return UNSET if attributes is None else ",".join(map(str, attributes))
