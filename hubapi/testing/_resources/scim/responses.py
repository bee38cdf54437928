"""SCIM's own way to answer and to refuse (RFC 7644)."""

import json
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from hubapi.testing._server.calls import Handler
from hubapi.testing._server.router import Operation

__all__ = ["scim_answer", "scim_error", "scim_list", "scim_operation"]


def scim_operation(name: str, method: str, path: str, handler: Handler) -> Operation:
    """Return an operation that a SCIM token opens, and that refuses others as SCIM does."""
    return Operation(f"scim.{name}", method, f"/v2/scim/2.0{path}", handler, bearer="scim", refuse=scim_error)


def scim_answer(content: Any, status: int = 200) -> Response:
    """Answer with *content* as SCIM's JSON."""
    body = json.dumps(content, separators=(",", ":")).encode()
    return Response(body, status, media_type="application/scim+json")


def scim_list(items: Sequence[dict[str, Any]], total: int, **paging: int) -> Response:
    """Answer with *items* out of *total*."""
    schemas = ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]
    # The description's spelling; RFC 7644's is `Resources`. No answer is on record.
    return scim_answer({"schemas": schemas, "totalResults": total, **paging, "resources": items})


def scim_error(text: str, status: int, scim_type: str | None = None) -> Response:
    """Refuse as section 3.12 has it: the status is a string, the kind of error is told of a 400 and a 409."""
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": str(status), "detail": text}
    return scim_answer(body if scim_type is None else body | {"scimType": scim_type}, status)
