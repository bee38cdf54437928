"""Routes, found by method and path."""

import re
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher
from typing import Literal

from attrs import frozen
from starlette.responses import Response

from hubapi.testing._server.requests import HubRequest
from hubapi.testing._server.responses import detail_error

Handler = Callable[[HubRequest], Response]


@frozen
class Route:
    """One operation of the server.

    Attributes:
        operation: Its name in the request log, such as `audit_logs.list`.
        method: Such as `GET`.
        path: Such as `/v2/auditlogs/{account}`; a value in braces is a part between two slashes.
        handler: Returns the response, or raises `ErrorResponse`.
        auth: Whether it reads the `Authorization` header, and requires one.
        auth_error: Makes the response to a header that is not valid.
    """

    operation: str
    method: str
    path: str
    handler: Handler
    auth: Literal["required", "optional", "ignored", "scim"] = "required"
    auth_error: Callable[[str, int], Response] = detail_error


class Router:
    """All routes; a slash at the end of a path makes no difference."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            self._by_path.setdefault(route.path, {})[route.method] = route
        self._patterns = [(_pattern(path), methods) for path, methods in self._by_path.items()]

    def find(self, path: str) -> tuple[dict[str, Route], dict[str, str]]:
        """Return the routes at *path* by method (none if it is unknown), and the values in the path."""
        for pattern, methods in self._patterns:
            if found := pattern.fullmatch(path):
                return methods, found.groupdict()
        return {}, {}

    def nearest(self, method: str, path: str) -> str:
        """Return the known route that is most similar to an unknown one, for a message."""
        template = max(self._by_path, key=lambda known: SequenceMatcher(None, path, known).ratio())
        methods = self._by_path[template]
        return f"{method if method in methods else '/'.join(methods)} {template}"


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "/?")
