"""Which operation a method and a path name."""

import re
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher
from typing import Literal

from attrs import frozen
from starlette.responses import Response

from hubapi.testing._server.calls import Handler, detail

__all__ = ["Operation", "Routes"]


@frozen
class Operation:
    """One thing the server can be asked."""

    name: str
    method: str
    path: str
    handler: Handler
    bearer: Literal["required", "optional", "ignored", "scim"] = "required"
    refuse: Callable[[str, int], Response] = detail
    """Words the refusal of a bearer."""


class Routes:
    """All operations, to be found by method and path; a slash at the end makes no difference."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._by_path: dict[str, dict[str, Operation]] = {}
        for operation in operations:
            self._by_path.setdefault(operation.path, {})[operation.method] = operation
        self._patterns = [(_pattern(path), methods) for path, methods in self._by_path.items()]

    def find(self, path: str) -> tuple[dict[str, Operation], dict[str, str]]:
        """Return the operations at *path* by method (none if unknown), and the values in the path."""
        for pattern, methods in self._patterns:
            if found := pattern.fullmatch(path):
                return methods, found.groupdict()
        return {}, {}

    def nearest(self, method: str, path: str) -> str:
        """Return the known route most like an unknown one, for a message."""
        template = max(self._by_path, key=lambda known: SequenceMatcher(None, path, known).ratio())
        methods = self._by_path[template]
        return f"{method if method in methods else '/'.join(methods)} {template}"


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "/?")
