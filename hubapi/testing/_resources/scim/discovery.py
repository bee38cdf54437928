"""What the server tells of its SCIM: three routes (RFC 7644, section 4)."""

from typing import Any

from starlette.responses import Response

from hubapi.testing._resources.scim.responses import scim_answer, scim_error, scim_list, scim_operation
from hubapi.testing._server.calls import Call
from hubapi.testing._server.router import Operation

__all__ = ["discovery_operations"]

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
    # One object, as the description has it; RFC 7643, section 5, has a list. No answer is on record.
    "authenticationSchemes": {
        "name": "OAuth 2.0 Bearer Token",
        "description": "The token that an organisation's owner hands to the identity provider.",
        "specUri": "http://tools.ietf.org/html/rfc6750",
        "type": "oauthbearertoken",
    },
}


def discovery_operations() -> list[Operation]:
    return [
        scim_operation("get_service_provider_config", "GET", "/ServiceProviderConfig", _get_config),
        scim_operation("list_resource_types", "GET", "/ResourceTypes", lambda _: scim_list([_USER_TYPE], 1)),
        scim_operation("get_resource_type", "GET", "/ResourceTypes/{name}", _get_resource_type),
        scim_operation("list_schemas", "GET", "/Schemas", lambda _: scim_list([_user_schema()], 1)),
        scim_operation("get_schema", "GET", "/Schemas/{id}", _get_schema),
    ]


def _get_config(_: Call) -> Response:
    return scim_answer(_SERVICE_PROVIDER_CONFIG)


def _get_resource_type(call: Call) -> Response:
    return _only(_USER_TYPE, call.params["name"])


def _get_schema(call: Call) -> Response:
    return _only(_user_schema(), call.params["id"])


def _only(item: dict[str, Any], wanted: str) -> Response:
    return scim_answer(item) if wanted == item["id"] else scim_error(f"there is no {wanted!r}", 404)


def _user_schema() -> dict[str, Any]:
    # Imported already, when the organisation that asks was set up.
    from hubapi.testing._resources.scim.schemas import User, as_served  # noqa: PLC0415

    return as_served(User.to_schema())
