"""The routes by which SCIM describes itself (RFC 7644, section 4)."""

from typing import Any

from starlette.responses import Response

from hubapi.testing._resources.scim.responses import scim_error, scim_list, scim_response, scim_route
from hubapi.testing._server.requests import HubRequest
from hubapi.testing._server.router import Route

_USER_TYPE: dict[str, Any] = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
    "id": "User",
    "name": "User",
    "description": "User",
    "endpoint": "/Users",
    "schema": "urn:ietf:params:scim:schemas:core:2.0:User",
}

_SERVICE_PROVIDER_CONFIG: dict[str, Any] = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
    "documentationUri": "",
    "patch": {"supported": False},
    "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
    "filter": {"supported": True, "maxResults": 99999},
    "changePassword": {"supported": False},
    "sort": {"supported": True},
    "etag": {"supported": False},
    # One object, as the description has it; RFC 7643, section 5, has a list. No response is on record.
    "authenticationSchemes": {
        "name": "OAuth 2.0 Bearer Token",
        "description": "The token that an organisation's owner hands to the identity provider.",
        "specUri": "http://tools.ietf.org/html/rfc6750",
        "type": "oauthbearertoken",
    },
}


def discovery_routes() -> list[Route]:
    return [
        scim_route("get_service_provider_config", "GET", "/ServiceProviderConfig", _get_config),
        scim_route("list_resource_types", "GET", "/ResourceTypes", lambda _: scim_list([_USER_TYPE], 1)),
        scim_route("get_resource_type", "GET", "/ResourceTypes/{name}", _get_resource_type),
        scim_route("list_schemas", "GET", "/Schemas", lambda _: scim_list([_user_schema()], 1)),
        scim_route("get_schema", "GET", "/Schemas/{id}", _get_schema),
    ]


def _get_config(_: HubRequest) -> Response:
    return scim_response(_SERVICE_PROVIDER_CONFIG)


def _get_resource_type(request: HubRequest) -> Response:
    return _get(_USER_TYPE, request.params["name"])


def _get_schema(request: HubRequest) -> Response:
    return _get(_user_schema(), request.params["id"])


def _get(item: dict[str, Any], wanted: str) -> Response:
    return scim_response(item) if wanted == item["id"] else scim_error(f"there is no {wanted!r}", 404)


def _user_schema() -> dict[str, Any]:
    # Slow, but was imported already when the organisation was added.
    from hubapi.testing._setup.scim_schemas import User, as_served  # noqa: PLC0415

    return as_served(User.to_schema())
