"""Responses in the server's own shapes."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response


class ErrorResponse(Exception):
    """Ends the handling of a request with *response*."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def json_response(content: Any, status: int = 200) -> Response:
    """Return *content* as JSON; bytes are JSON already."""
    body = content if isinstance(content, bytes) else json.dumps(content, separators=(",", ":")).encode()
    return Response(body, status, media_type="application/json")


def detail_error(text: str, status: int) -> Response:
    """Return an error of the login routes, and of authentication anywhere (D9)."""
    return json_response({"detail": text}, status)


def message_error(text: str, status: int) -> Response:
    """Return an error of most routes (recorded in docker/hub-feedback#2367, D9)."""
    return json_response({"message": text, "errinfo": {}}, status)


def argument_error(text: str) -> Response:
    """Return the 400 of the audit log routes for an argument: the description has this shape (code 3)."""
    return json_response({"code": 3, "message": text, "details": []}, 400)


def body_error(fields: Mapping[str, str], text: str = "validation failed") -> Response:
    """Return the 400 for a body, in the described shape (`ValueError`), which names the invalid fields."""
    return json_response({"fields": fields, "text": text}, 400)


def rate_limit_error() -> Response:
    """Return the 429 of the rate limit."""
    return json_response({"detail": "Rate limit exceeded", "error": False}, 429)
