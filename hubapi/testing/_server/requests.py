"""A request as the handler of a route receives it."""

import json
from collections.abc import Mapping
from typing import Any, cast

from attrs import field, frozen
from starlette.datastructures import QueryParams

from hubapi.testing._server.responses import ErrorResponse, body_error
from hubapi.testing._server.sessions import Caller


@frozen
class HubRequest:
    """One request, already routed, authenticated and counted.

    Attributes:
        now: The server's time, in seconds since the epoch.
        caller: The account that sent it, if the route reads one.
        params: The values in the path.
        query: The query.
        url: Absolute, as the client addressed it, without the query.
        body: The body; empty for GET and HEAD.
        address: The client's address.
        user_agent: The header `User-Agent`.
    """

    now: float
    caller: Caller
    params: Mapping[str, str]
    query: QueryParams
    url: str
    body: bytes = field(repr=False)
    address: str
    user_agent: str

    def json_object(self) -> dict[str, Any]:
        """Return the body's JSON object.

        Raises:
            ErrorResponse: A 400, if the body is anything else.
        """
        try:
            content: object = json.loads(self.body)
            if b"\\u" in self.body:
                # Half a surrogate pair is not text; Go's decoder replaces it, too.
                content = json.loads(json.dumps(content, ensure_ascii=False).encode(errors="replace"))
        except (ValueError, RecursionError):
            raise ErrorResponse(body_error({}, "the body is not JSON")) from None
        if not isinstance(content, dict):
            raise ErrorResponse(body_error({}, "the body is not a JSON object"))
        return cast("dict[str, Any]", content)
