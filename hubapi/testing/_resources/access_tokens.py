"""The routes where users look after their personal access tokens."""

import json
from collections.abc import Callable, Collection
from typing import Any, cast

from attrs import frozen
from starlette.responses import Response

from hubapi.testing._resources.audit_logs import AuditLogs
from hubapi.testing._server.bodies import invalid, read_object
from hubapi.testing._server.calls import Call, Refused, json_answer, message
from hubapi.testing._server.pages import answer_page
from hubapi.testing._server.router import Operation
from hubapi.testing._setup.accounts import AccessToken, Account, Accounts
from hubapi.testing._setup.timestamps import from_seconds, go_text

__all__ = ["AccessTokens"]

_SCOPES = ["repo:admin", "repo:write", "repo:read", "repo:public_read"]
_LONGEST_LABEL = 100


@frozen
class AccessTokens:
    """The tokens of whoever calls: users who signed in with their password."""

    _accounts: Accounts
    _audit_logs: AuditLogs

    def operations(self) -> list[Operation]:
        all_of_them, one = "/v2/access-tokens", "/v2/access-tokens/{uuid}"
        return [
            Operation("access_tokens.create", "POST", all_of_them, self._create),
            Operation("access_tokens.list", "GET", all_of_them, self._list),
            Operation("access_tokens.get", "GET", one, self._get),
            Operation("access_tokens.update", "PATCH", one, self._update),
            Operation("access_tokens.delete", "DELETE", one, self._delete),
        ]

    def _create(self, call: Call) -> Response:
        user = self._caller(call)
        wanted = _read(call, required=("token_label", "scopes"))
        token = self._accounts.add_token(
            user,
            wanted["token_label"],
            wanted["scopes"],
            now=call.now,
            creator_ip=call.address,
            creator_ua=call.user_agent,
        )
        self._record(call, "create", token)
        # Only this answer tells the token.
        return json_answer(_shown(token, token.secret), 201)

    def _list(self, call: Call) -> Response:
        tokens = self._caller(call).tokens.values()
        newest_first = [_shown(token) for token in reversed(tokens)]
        return answer_page(call, newest_first, {"active_count": sum(token.is_active for token in tokens)})

    def _get(self, call: Call) -> Response:
        return json_answer(_shown(self._token(call)))

    def _update(self, call: Call) -> Response:
        token = self._token(call)
        wanted = _read(call, optional=("token_label", "is_active"))
        token.label = wanted.get("token_label", token.label)
        token.is_active = wanted.get("is_active", token.is_active)
        if not token.is_active:
            self._accounts.end_sessions(token)
        self._record(call, "update", token)
        return json_answer(_shown(token))

    def _delete(self, call: Call) -> Response:
        token = self._token(call)
        del self._caller(call).tokens[token.uuid]
        self._accounts.end_sessions(token)
        self._record(call, "delete", token)
        # As described. A client has met 202 here (hashicorp's vault-plugin-secrets-dockerhub asks for it), and
        # docker/hub-tool on the route before this one: clients take either.
        return Response(status_code=204)

    def _caller(self, call: Call) -> Account:
        if call.kind in {"pat", "exchanged pat"}:
            # docker/hub-feedback#2478, docker/terraform-provider-docker#84.
            raise Refused(message("token issued from personal access token is not allowed", 403))
        user = self._accounts.get(call.account or "")
        if user is None or user.is_org:
            raise Refused(message("forbidden", 403))
        return user

    def _token(self, call: Call) -> AccessToken:
        token = self._caller(call).tokens.get(call.params["uuid"])
        if token is None:
            raise Refused(message("object not found", 404))
        return token

    def _record(self, call: Call, done: str, token: AccessToken) -> None:
        # Docker documents these events of organisations' tokens; a user's own log has them under a group of its own.
        user = call.account or ""
        self._audit_logs.record(
            user,
            f"user.access_token.{done}",
            name=user,
            actor=user,
            now=call.now,
            data={"token_id": token.uuid, "token_label": token.label, "is_active": token.is_active},
            description=f"{done}d the personal access token {token.label}",
        )


def _shown(token: AccessToken, secret: str = "") -> bytes:
    shown = {
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
    return json.dumps(shown, separators=(",", ":")).encode()


def _time(seconds: float) -> str:
    return go_text(from_seconds(seconds))


def _read(call: Call, *, required: Collection[str] = (), optional: Collection[str] = ()) -> dict[str, Any]:
    """Return what the body says in these fields, if it says it rightly; what it says beside them is ignored."""
    body = read_object(call.body)
    wrong = {name: "this field is required" for name in required if name not in body}
    said = {name: body[name] for name in (*required, *optional) if name in body}
    wrong |= {name: _DEMANDS[name][1] for name, value in said.items() if not _DEMANDS[name][0](value)}
    if wrong:
        raise invalid(wrong)
    return said


def _is_label(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= _LONGEST_LABEL


def _are_scopes(value: object) -> bool:
    return isinstance(value, list) and all(scope in _SCOPES for scope in cast("list[object]", value))


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


_DEMANDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "token_label": (_is_label, f"a string of 1 to {_LONGEST_LABEL} characters is required"),
    "scopes": (_are_scopes, f"a list is required, of {', '.join(_SCOPES)}"),
    "is_active": (_is_switch, "a boolean is required"),
}
