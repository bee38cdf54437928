"""The routes of SCIM."""

from typing import TYPE_CHECKING

from attrs import frozen

from hubapi.testing._resources.scim.discovery import discovery_routes
from hubapi.testing._resources.scim.responses import scim_route
from hubapi.testing._server.router import Route
from hubapi.testing._setup.state import State

if TYPE_CHECKING:
    from hubapi.testing._resources.scim.users import UserHandlers


@frozen
class ScimRoutes:
    """Discovery, and the users that an organisation provisions."""

    _state: State

    def routes(self) -> list[Route]:
        return [
            *discovery_routes(),
            scim_route("list_users", "GET", "/Users", lambda request: self._users().search(request)),
            scim_route("create_user", "POST", "/Users", lambda request: self._users().create(request)),
            scim_route("get_user", "GET", "/Users/{id}", lambda request: self._users().get(request)),
            scim_route("update_user", "PUT", "/Users/{id}", lambda request: self._users().update(request)),
        ]

    def _users(self) -> "UserHandlers":
        # Imports `scim2_models`, which is slow, but was imported already when an organisation with SCIM was added.
        from hubapi.testing._resources.scim.users import UserHandlers  # noqa: PLC0415

        return UserHandlers(self._state)
