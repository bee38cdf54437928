"""The routes that manage the personal access tokens of a user."""

import json
from collections.abc import Callable, Collection
from typing import Any, cast

from attrs import frozen
from starlette.responses import Response

from hubapi.testing._server.pages import page_response
from hubapi.testing._server.requests import HubRequest
from hubapi.testing._server.responses import ErrorResponse, body_error, json_response, message_error
from hubapi.testing._server.router import Route
from hubapi.testing._server.sessions import Sessions
from hubapi.testing._setup.accounts import AccessToken, Account
from hubapi.testing._setup.state import State
from hubapi.testing._setup.timestamps import format_go, seconds_to_ns

_SCOPES = ["repo:admin", "repo:write", "repo:read", "repo:public_read"]
_MAX_LABEL = 100


@frozen
class AccessTokenRoutes:
    """The caller's own tokens, for users who logged in with their password."""

    _state: State
    _sessions: Sessions

    def routes(self) -> list[Route]:
        collection, one = "/v2/access-tokens", "/v2/access-tokens/{uuid}"
        return [
            Route("access_tokens.create", "POST", collection, self._create),
            Route("access_tokens.list", "GET", collection, self._list),
            Route("access_tokens.get", "GET", one, self._get),
            Route("access_tokens.update", "PATCH", one, self._update),
            Route("access_tokens.delete", "DELETE", one, self._delete),
        ]

    def _create(self, request: HubRequest) -> Response:
        user = self._user(request)
        fields = _read(request, required=("token_label", "scopes"))
        token = self._state.accounts.add_token(
            user,
            fields["token_label"],
            fields["scopes"],
            now=request.now,
            creator_ip=request.address,
            creator_ua=request.user_agent,
        )
        self._record(request, "create", token)
        # No other response has the secret.
        return json_response(_as_served(token, token.secret), 201)

    def _list(self, request: HubRequest) -> Response:
        tokens = self._user(request).tokens.values()
        newest_first = [_as_served(token) for token in reversed(tokens)]
        return page_response(request, newest_first, {"active_count": sum(token.is_active for token in tokens)})

    def _get(self, request: HubRequest) -> Response:
        return json_response(_as_served(self._token(request)))

    def _update(self, request: HubRequest) -> Response:
        token = self._token(request)
        fields = _read(request, optional=("token_label", "is_active"))
        token.label = fields.get("token_label", token.label)
        token.is_active = fields.get("is_active", token.is_active)
        if not token.is_active:
            self._sessions.end(token)
        self._record(request, "update", token)
        return json_response(_as_served(token))

    def _delete(self, request: HubRequest) -> Response:
        token = self._token(request)
        del self._user(request).tokens[token.uuid]
        self._sessions.end(token)
        self._record(request, "delete", token)
        # As described. A client has met 202 here (hashicorp's vault-plugin-secrets-dockerhub expects it), and
        # docker/hub-tool on the predecessor of this route: clients accept both.
        return Response(status_code=204)

    def _user(self, request: HubRequest) -> Account:
        if request.caller.kind in {"pat", "exchanged pat"}:
            # docker/hub-feedback#2478, docker/terraform-provider-docker#84.
            raise ErrorResponse(message_error("token issued from personal access token is not allowed", 403))
        user = self._state.accounts.get(request.caller.account or "")
        if user is None or user.is_org:
            raise ErrorResponse(message_error("forbidden", 403))
        return user

    def _token(self, request: HubRequest) -> AccessToken:
        token = self._user(request).tokens.get(request.params["uuid"])
        if token is None:
            raise ErrorResponse(message_error("object not found", 404))
        return token

    def _record(self, request: HubRequest, action: str, token: AccessToken) -> None:
        # Docker documents these events for the tokens of organisations; a user's own log has them in another group.
        user = request.caller.account or ""
        self._state.audit_logs.record(
            user,
            f"user.access_token.{action}",
            name=user,
            actor=user,
            now=request.now,
            data={"token_id": token.uuid, "token_label": token.label, "is_active": token.is_active},
            description=f"{action}d the personal access token {token.label}",
        )


def _as_served(token: AccessToken, secret: str = "") -> bytes:
    served = {
        "uuid": token.uuid,
        "client_id": "HUB",
        "creator_ip": token.creator_ip,
        "creator_ua": token.creator_ua,
        "created_at": _time(token.created),
        "last_used": None if token.last_used is None else _time(token.last_used),
        "generated_by": "manual",
        "is_active": token.is_active,
        "token": secret,
        "token_label": token.label,
        "scopes": token.scopes,
    }
    return json.dumps(served, separators=(",", ":")).encode()


def _time(seconds: float) -> str:
    return format_go(seconds_to_ns(seconds))


def _read(request: HubRequest, *, required: Collection[str] = (), optional: Collection[str] = ()) -> dict[str, Any]:
    """Return these fields of the body, or raise a 400 that names the invalid ones; other fields are ignored."""
    body = request.json_object()
    invalid = {name: "this field is required" for name in required if name not in body}
    fields = {name: body[name] for name in (*required, *optional) if name in body}
    invalid |= {name: _RULES[name][1] for name, value in fields.items() if not _RULES[name][0](value)}
    if invalid:
        raise ErrorResponse(body_error(invalid))
    return fields


def _is_label(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= _MAX_LABEL


def _are_scopes(value: object) -> bool:
    return isinstance(value, list) and all(scope in _SCOPES for scope in cast("list[object]", value))


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


_RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "token_label": (_is_label, f"a string of 1 to {_MAX_LABEL} characters is required"),
    "scopes": (_are_scopes, f"a list is required, of {', '.join(_SCOPES)}"),
    "is_active": (_is_bool, "a boolean is required"),
}
