"""The routes to the public profiles of users and organisations."""

from attrs import frozen
from starlette.responses import RedirectResponse, Response

from hubapi.testing._server.requests import HubRequest
from hubapi.testing._server.responses import json_response, message_error
from hubapi.testing._server.router import Route
from hubapi.testing._setup.state import State
from hubapi.testing._setup.timestamps import format_go

_JOINED_NS = 1_400_000_000 * 10**9


@frozen
class ProfileRoutes:
    """Public profiles.

    Not in the description. Each of the two routes redirects to the other for an account of the other kind; an unknown
    name is a 404 on both (clients of either: AlexGustafsson/cupdate, docker/hub-tool's account).
    """

    _state: State

    def routes(self) -> list[Route]:
        return [
            Route("users.get", "GET", "/v2/users/{name}", self._get_user, auth="optional"),
            Route("orgs.get", "GET", "/v2/orgs/{name}", self._get_org, auth="optional"),
        ]

    def _get_user(self, request: HubRequest) -> Response:
        name = request.params["name"]
        account = self._state.accounts.get(name)
        if account is not None and not account.is_org:
            ids = {"id": account.uuid.replace("-", ""), "uuid": account.uuid}
            return json_response({**ids, "username": name, **_profile("User")})
        if self._is_org(name):
            return RedirectResponse(f"/v2/orgs/{name}", 308)
        return message_error("object not found", 404)

    def _get_org(self, request: HubRequest) -> Response:
        name = request.params["name"]
        account = self._state.accounts.get(name)
        if account is not None and not account.is_org:
            return RedirectResponse(f"/v2/users/{name}", 308)
        if not self._is_org(name):
            return message_error("object not found", 404)
        uuid = self._state.accounts.uuid_of(name)
        ids = {"id": uuid.replace("-", ""), "uuid": uuid}
        return json_response({**ids, "orgname": name, **_profile("Organization"), "badge": ""})

    def _is_org(self, name: str) -> bool:
        """Return whether a name is an organisation's; a namespace that only holds repositories counts, as `library`."""
        account = self._state.accounts.get(name)
        return account.is_org if account is not None else self._state.repositories.has_namespace(name)


def _profile(kind: str) -> dict[str, str]:
    return {
        "full_name": "",
        "location": "",
        "company": "",
        "profile_url": "",
        "date_joined": format_go(_JOINED_NS),
        "gravatar_url": "",
        "gravatar_email": "",
        "type": kind,
    }
