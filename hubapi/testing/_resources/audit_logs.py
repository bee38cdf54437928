"""The routes that read audit logs."""

from attrs import frozen
from starlette.responses import Response

from hubapi.testing._server.requests import HubRequest
from hubapi.testing._server.responses import ErrorResponse, argument_error, json_response, message_error
from hubapi.testing._server.router import Route
from hubapi.testing._setup.audit_logs import EventLog
from hubapi.testing._setup.state import State
from hubapi.testing._setup.timestamps import parse_rfc3339

_DEFAULT_PAGE_SIZE = 25
_MAX_PAGE_SIZE = 100

# Names and labels are those of the API's description, or of the description of 2026 if the older one lacks them.
_GROUPS = {
    "org": (
        "Organization",
        {
            "team.create": "Team Created",
            "team.update": "Team Updated",
            "team.delete": "Team Deleted",
            "team.member.add": "Team Member Added",
            "team.member.remove": "Team Member Removed",
            "team.member.invite": "Team Member Invited",
            "member.add": "Organization Member Added",
            "member.removed": "Organization Member Removed",
            "member.role.change": "Member Role Changed",
            "create": "Organization Created",
            "settings.update": "Organization Settings Updated",
            "access_token.create": "Access token created",
            "access_token.update": "Access token updated",
            "access_token.delete": "Access token deleted",
        },
    ),
    "repo": (
        "Repository",
        {
            "create": "Repository Created",
            "update": "Repository Updated",
            "delete": "Repository Deleted",
            "change_privacy": "Privacy Changed",
            "tag.push": "Tag Pushed",
            "tag.delete": "Tag Deleted",
        },
    ),
    # The actions in users' own logs are not documented: in the style of the others.
    "user": (
        "User",
        {
            "access_token.create": "Access token created",
            "access_token.update": "Access token updated",
            "access_token.delete": "Access token deleted",
        },
    ),
}

_ACTIONS = {
    group: {
        "actions": [
            {"name": name, "description": f"contains {name.replace('.', ' ')} events", "label": action_label}
            for name, action_label in actions.items()
        ],
        "label": label,
    }
    for group, (label, actions) in _GROUPS.items()
}


@frozen
class AuditLogRoutes:
    """The audit logs of users and organisations."""

    _state: State

    def routes(self) -> list[Route]:
        return [
            Route("audit_logs.list", "GET", "/v2/auditlogs/{account}", self._list),
            Route("audit_logs.actions", "GET", "/v2/auditlogs/{account}/actions", self._list_actions),
        ]

    def _list(self, request: HubRequest) -> Response:
        log, query = self._log(request), request.query
        events = log.page(
            _number(request, "page", default=1),
            min(_number(request, "page_size", default=_DEFAULT_PAGE_SIZE), _MAX_PAGE_SIZE),
            wanted=(query.get("action") or None, query.get("name") or None, query.get("actor") or None),
            since_ns=_time(request, "from"),
            until_ns=_time(request, "to"),
        )
        self._state.audit_logs.grow_after_read(request.params["account"], request.now)
        return json_response(b'{"logs":[' + b",".join(events) + b"]}")

    def _list_actions(self, request: HubRequest) -> Response:
        self._log(request)
        return json_response({"actions": _ACTIONS})

    def _log(self, request: HubRequest) -> EventLog:
        name, accounts = request.params["account"], self._state.accounts
        if accounts.get(name) is None:
            raise ErrorResponse(message_error("object not found", 404))
        # Owners only, and not with a personal access token that was sent to the login route
        # (docker/hub-feedback#2367). One that was exchanged is accepted (docs.runreveal.com, "docker-hub").
        if request.caller.kind == "pat" or not accounts.may_administer(request.caller.account, name):
            raise ErrorResponse(message_error("forbidden", 403))
        log = self._state.audit_logs.of(name)
        log.show_late(request.now)
        return log


def _number(request: HubRequest, name: str, *, default: int) -> int:
    """Return a page number or size; without one, and for an empty one and 0, the default, as protobuf has it."""
    text = request.query.get(name) or "0"
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise ErrorResponse(argument_error(f"invalid {name}: {text!r}"))
    return number or default


def _time(request: HubRequest, name: str) -> int | None:
    text = request.query.get(name)
    if not text:
        return None
    try:
        return parse_rfc3339(text)
    except ValueError:
        raise ErrorResponse(argument_error(f"invalid {name}: {text!r}")) from None
