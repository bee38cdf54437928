"""The routes to the settings of organisations."""

from typing import Any, cast

from attrs import field, frozen
from starlette.responses import Response

from hubapi.testing._server.requests import HubRequest
from hubapi.testing._server.responses import ErrorResponse, body_error, json_response, message_error
from hubapi.testing._server.router import Route
from hubapi.testing._setup.state import State

_RestrictedImages = dict[str, bool]
_DEFAULT: _RestrictedImages = {"enabled": False, "allow_official_images": True, "allow_verified_publishers": True}


@frozen
class OrgSettingsRoutes:
    """The images that the members of an organisation may use, which is the only setting."""

    _state: State
    _restricted_images: dict[str, _RestrictedImages] = field(factory=dict[str, _RestrictedImages], init=False)

    def routes(self) -> list[Route]:
        path = "/v2/orgs/{name}/settings"
        return [
            Route("org_settings.get", "GET", path, self._get),
            Route("org_settings.update", "PUT", path, self._update),
        ]

    def _get(self, request: HubRequest) -> Response:
        org = self._org(request)
        return json_response({"restricted_images": self._restricted_images.get(org, _DEFAULT)})

    def _update(self, request: HubRequest) -> Response:
        org = self._org(request)
        new = _read(request.json_object())
        self._restricted_images[org] = new
        self._state.audit_logs.record(
            org,
            "org.settings.update",
            name=org,
            actor=request.caller.actor,
            now=request.now,
            data={"restricted_images": new, **request.caller.token_data},
            description=f"updated the settings of the organization {org}",
        )
        return json_response({"restricted_images": new})

    def _org(self, request: HubRequest) -> str:
        name, accounts = request.params["name"], self._state.accounts
        account = accounts.get(name)
        if account is None or not account.is_org:
            raise ErrorResponse(message_error("object not found", 404))
        # Owners only, according to the description, which lists the routes for organisations' tokens without this one.
        if request.caller.kind == "oat" or not accounts.may_administer(request.caller.account, name):
            raise ErrorResponse(message_error("forbidden", 403))
        return name


def _read(body: dict[str, Any]) -> _RestrictedImages:
    """Return the three switches, all of which the description requires."""
    restricted: Any = body.get("restricted_images")
    if not isinstance(restricted, dict):
        raise ErrorResponse(body_error({"restricted_images": "an object is required"}))
    switches = cast("dict[str, Any]", restricted)
    values: dict[str, Any] = {name: switches.get(name) for name in _DEFAULT}
    invalid = {
        f"restricted_images.{name}": "a boolean is required"
        for name, value in values.items()
        if not isinstance(value, bool)
    }
    if invalid:
        raise ErrorResponse(body_error(invalid))
    return values
