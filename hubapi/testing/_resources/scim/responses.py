"""SCIM's own responses and errors, and its routes (RFC 7644)."""

import json
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from hubapi.testing._server.router import Handler, Route


def scim_route(name: str, method: str, path: str, handler: Handler) -> Route:
    """Return a route that requires a SCIM token, and whose errors have SCIM's shape."""
    return Route(f"scim.{name}", method, f"/v2/scim/2.0{path}", handler, auth="scim", auth_error=scim_error)


def scim_response(content: Any, status: int = 200) -> Response:
    """Return *content* as SCIM's JSON."""
    body = json.dumps(content, separators=(",", ":")).encode()
    return Response(body, status, media_type="application/scim+json")


def scim_list(items: Sequence[dict[str, Any]], total: int, **paging: int) -> Response:
    """Return *items* out of *total*."""
    schemas = ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]
    # The description's spelling; RFC 7644's is `Resources`. No response is on record.
    return scim_response({"schemas": schemas, "totalResults": total, **paging, "resources": items})


def scim_error(text: str, status: int, scim_type: str | None = None) -> Response:
    """Return an error as in RFC 7644, section 3.12: the status is a string, and a 400 or 409 has a `scimType`."""
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": str(status), "detail": text}
    return scim_response(body if scim_type is None else body | {"scimType": scim_type}, status)
