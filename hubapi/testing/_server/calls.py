"""What a handler is given and what it gives back: a call, and answers in the server's own shapes."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from starlette.datastructures import QueryParams
from starlette.responses import Response

if TYPE_CHECKING:
    from hubapi.testing._setup.accounts import AccessToken, LoginKind

__all__ = ["Call", "Handler", "Refused", "detail", "json_answer", "message", "rpc_status"]


@frozen
class Call:
    """One request, already routed, counted and authenticated."""

    now: float
    account: str | None
    kind: "LoginKind | None"
    """What the caller logged in with; None without a bearer, and for a SCIM token."""
    params: Mapping[str, str]
    query: QueryParams
    url: str
    """Absolute, as the client addressed it, without the query."""
    body: bytes = field(repr=False)
    address: str = ""
    """Where it came from."""
    user_agent: str = ""
    token: "AccessToken | None" = None
    """The access token that the caller logged in with, if it was one."""

    @property
    def actor(self) -> str:
        """The caller, as audit logs name who acts through a token."""
        return (self.account or "") if self.token is None else f'{self.account} - access token "{self.token.label}"'

    @property
    def token_data(self) -> dict[str, str]:
        """What the data of an audit event say of that token."""
        if self.token is None:
            return {}
        kind = "oat" if self.kind == "oat" else "pat"
        return {
            "access_token_id": self.token.uuid,
            "access_token_label": self.token.label,
            "access_token_type": kind,
        }


Handler = Callable[[Call], Response]


class Refused(Exception):
    """Ends a handler early with *response*."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def json_answer(content: Any, status: int = 200) -> Response:
    """Answer with *content* as JSON; bytes are taken as JSON already."""
    body = content if isinstance(content, bytes) else json.dumps(content, separators=(",", ":")).encode()
    return Response(body, status, media_type="application/json")


def detail(text: str, status: int) -> Response:
    """Refuse as the routes about logging in do."""
    return json_answer({"detail": text}, status)


def message(text: str, status: int) -> Response:
    """Refuse as most routes do (recorded in docker/hub-feedback#2367)."""
    return json_answer({"message": text, "errinfo": {}}, status)


def rpc_status(text: str) -> Response:
    """Refuse an argument as the audit log routes do: they are described with this shape (code 3)."""
    return json_answer({"code": 3, "message": text, "details": []}, 400)
