"""SCIM: users provisioned by an identity provider. These routes take a bearer of their own."""

from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from hubapi._core.operation import Client
from hubapi._core.paging import Paginator, by_index
from hubapi._core.wire import UNSET
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

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
_MOST_USERS = 200  # a page, says the description


@frozen
class Scim:
    """The users and the configuration of an organisation's SCIM connection.

    Source: https://docs.docker.com/reference/api/hub/latest/#tag/scim
    """

    _client: Client

    async def get_service_provider_config(self) -> ScimServiceProviderConfig:
        """Return which parts of SCIM the server supports."""
        return await endpoints.get_service_provider_config(self._client)

    async def list_resource_types(self) -> list[ScimResourceType]:
        """Return the kinds of resources the server has."""
        return (await endpoints.list_resource_types(self._client)).resources or []

    async def get_resource_type(self, name: str) -> ScimResourceType:
        """Return one kind of resource.

        Args:
            name: Its name, such as `User`.

        Raises:
            NotFound: there is none of that name.
        """
        return await endpoints.get_resource_type(self._client, name)

    async def list_schemas(self) -> list[ScimSchema]:
        """Return the schemas of the server's resources."""
        return (await endpoints.list_schemas(self._client)).resources or []

    async def get_schema(self, id: str) -> ScimSchema:  # noqa: A002 - SCIM's own name
        """Return one schema.

        Args:
            id: Its URN, such as `urn:ietf:params:scim:schemas:core:2.0:User`.

        Raises:
            NotFound: there is none of that id.
        """
        return await endpoints.get_schema(self._client, id)

    def list_users(
        self,
        *,
        filter: str | None = None,  # noqa: A002 - SCIM's own name
        attributes: Sequence[str] | None = None,
        sort_by: str | None = None,
        sort_order: Literal["ascending", "descending"] | None = None,
        count: int = 100,
    ) -> Paginator[ScimUser]:
        """List users.

        Args:
            filter: A SCIM filter, such as `userName eq "jon.snow@docker.com"`.
            attributes: Only these attributes, by their names on the wire.
            sort_by: The attribute to sort by.
            sort_order: `ascending` or `descending`.
            count: Users a request, 1 to 200.
        """

        async def call(start: int) -> tuple[list[ScimUser] | None, int | None]:
            page = await endpoints.list_users(
                self._client,
                start_index=start,
                count=min(count, _MOST_USERS),
                filter=UNSET if filter is None else filter,
                attributes=UNSET if attributes is None else ",".join(attributes),
                sort_order=UNSET if sort_order is None else sort_order,
                sort_by=UNSET if sort_by is None else sort_by,
            )
            return page.resources, page.total_results

        return Paginator("scim.list_users", by_index(call))

    async def create_user(self, user_name: str, *, name: ScimUserName | None = None) -> ScimUser:
        """Create a user, or assign an existing one to the organisation.

        Args:
            user_name: The user's email address.
            name: Given and family name.

        Raises:
            Conflict: the user is there already.
        """
        body = ScimCreateUserRequest(schemas=[USER_SCHEMA], user_name=user_name, name=UNSET if name is None else name)
        return await endpoints.create_user(self._client, body)

    async def get_user(self, id: str) -> ScimUser:  # noqa: A002 - SCIM's own name
        """Return one user.

        Args:
            id: The user's id, a UUID.

        Raises:
            NotFound: there is none of that id.
        """
        return await endpoints.get_user(self._client, id)

    async def update_user(self, id: str, *, enabled: bool, name: ScimUserName | None = None) -> ScimUser:  # noqa: A002
        """Activate or deactivate a user, or change the name.

        Args:
            id: The user's id, a UUID.
            enabled: Whether the user is active. Required: the server deactivates whom it is not told of (D34).
            name: A new given and family name; None leaves it.

        Raises:
            NotFound: there is none of that id.
        """
        body = ScimUpdateUserRequest(schemas=[USER_SCHEMA], enabled=enabled, name=UNSET if name is None else name)
        return await endpoints.update_user(self._client, id, body)
