"""The users that one organisation provisions, and the routes that read and change them.

Imports `scim2_models`, which takes a moment: to be imported when an organisation with SCIM is set up, not before.
"""

import re
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from scim2_models import (
    Context,
    Error,
    Meta,
    ResponseParameters,
    ScimObject,
    ScimPolicy,
    SearchRequest,
)
from starlette.responses import Response

from hubapi.testing._resources.audit_logs import AuditLogs
from hubapi.testing._resources.scim.people import People
from hubapi.testing._resources.scim.responses import scim_answer, scim_error, scim_list
from hubapi.testing._resources.scim.schemas import Email, Group, Name, User, UserUpdate, as_served
from hubapi.testing._server.calls import Call, Refused

__all__ = ["ScimUsers"]

_Message = TypeVar("_Message", bound=ScimObject)
_Parameters = TypeVar("_Parameters", bound=ResponseParameters[Any])

_DEFAULT_COUNT = 100  # the description tells none
_MAX_COUNT = 200
_SEARCH = ["startIndex", "count", "filter", "attributes", "sortBy", "sortOrder"]
_COMPANY = "company"  # the team that the description has every provisioned user assigned to
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
# Identity providers send all of RFC 7643; what is not described is dropped.
_LENIENT = ScimPolicy(unknown=ScimPolicy.Unknown.ignore)


class ScimUsers:
    """The users of one organisation, and what its SCIM token may ask about them."""

    def __init__(self, org: str, people: People, audit_logs: AuditLogs) -> None:
        self._org = org
        self._people = people
        self._audit_logs = audit_logs
        self._users: dict[str, User] = {}

    def assign(self, address: str, now: float, name: Name | None = None) -> User:
        """Make whoever has *address* a user of the organisation."""
        account = self._people.behind(address)
        if account.uuid in self._users:
            raise Refused(scim_error(f"the user {address} is already there", 409, "uniqueness"))
        time = _whole_seconds(now)
        user = User(
            id=account.uuid,
            user_name=address,
            name=_renamed(None, name),
            display_name=account.name,
            active=True,
            emails=[Email(value=address, display=address, primary=True)],
            groups=_groups(active=True),
            meta=Meta(resource_type="User", created=time, last_modified=time),
        )
        self._users[account.uuid] = user
        return user

    def everyone(self) -> list[dict[str, Any]]:
        """Return every user as served, but for `meta.location`."""
        return [as_served(user) for user in self._users.values()]

    def search(self, call: Call) -> Response:
        request = _read_query(SearchRequest[User], call, _SEARCH)
        count = _DEFAULT_COUNT if request.count is None else min(request.count, _MAX_COUNT)
        first = (request.start_index or 1) - 1
        wanted = request.filter
        found = request.sort(user for user in self._users.values() if wanted is None or wanted.match(user))
        page = found[first : first + count]
        shown = [_show(user, call, request) for user in page]
        return scim_list(shown, len(found), startIndex=first + 1, itemsPerPage=len(page))

    def create(self, call: Call) -> Response:
        request = _read_body(User, call, Context.RESOURCE_CREATION_REQUEST)
        address = request.user_name or ""
        if not _ADDRESS.fullmatch(address):
            raise Refused(scim_error(f"userName is no email address: {address!r}", 400, "invalidValue"))
        user = self.assign(address, call.now, request.name)
        self._record(user, call.now)
        shown = _show(user, call)
        response = scim_answer(shown, 201)
        response.headers["location"] = shown["meta"]["location"]
        return response

    def get(self, call: Call) -> Response:
        wanted = _read_query(ResponseParameters[User], call, ["attributes"])
        return scim_answer(_show(self._named(call), call, wanted))

    def update(self, call: Call) -> Response:
        user = self._named(call)
        request = _read_body(UserUpdate, call, Context.RESOURCE_REPLACEMENT_REQUEST)
        active = request.enabled
        changed = user.model_copy(
            update={"name": _renamed(user.name, request.name), "active": active, "groups": _groups(active=active)}
        )
        if as_served(changed) != as_served(user):  # the models note where they were served from
            meta = user.meta or Meta()
            changed.meta = meta.model_copy(update={"last_modified": _whole_seconds(call.now)})
            self._users[call.params["id"]] = changed
        if active != user.active:
            self._record(changed, call.now)
        return scim_answer(_show(changed, call))

    def _named(self, call: Call) -> User:
        user = self._users.get(call.params["id"])
        if user is None:
            raise Refused(scim_error(f"there is no user {call.params['id']!r}", 404))
        return user

    def _record(self, user: User, now: float) -> None:
        """Put in the organisation's log that *user* has come, or gone."""
        name, data = user.display_name or "", {"team_name": _COMPANY}
        action, description = "org.team.member.add", f"added {name} to the team {_COMPANY}"
        if not user.active:
            data, action, description = {}, "org.member.removed", f"removed {name} from the organization"
        # Who is named for what an identity provider does is not on record: the organisation, here.
        self._audit_logs.record(
            self._org, action, name=name, actor=self._org, now=now, data=data, description=description
        )


def _read_query(model: type[_Parameters], call: Call, names: list[str]) -> _Parameters:
    known = {name: call.query[name] for name in names if name in call.query}
    try:
        return model.model_validate(known)
    except ValueError as invalid:
        raise Refused(_refusal(invalid)) from None


def _read_body(model: type[_Message], call: Call, context: Context) -> _Message:
    try:
        read = model.model_validate_json(call.body, scim_ctx=context, scim_policy=_LENIENT, strict=True)
    except ValueError as invalid:
        raise Refused(_refusal(invalid)) from None
    if not read.schemas:
        raise Refused(scim_error("schemas is missing or empty", 400, "invalidSyntax"))
    return read


def _refusal(invalid: ValueError) -> Response:
    # A pydantic.ValidationError: what scim2_models is made of is its own affair.
    first = Error.from_validation_errors(cast("Any", invalid))[0]
    return scim_error(first.detail or "", first.status or 400, first.scim_type)


def _show(user: User, call: Call, wanted: ResponseParameters[User] | None = None) -> dict[str, Any]:
    """Return *user* as served, with its address on the host the client asked."""
    base, path, _ = call.url.partition("/v2/scim/2.0/Users")
    location = f"{base}{path}/{user.id}"
    meta = (user.meta or Meta()).model_copy(update={"location": location})
    return as_served(user.model_copy(update={"meta": meta}), wanted)


def _renamed(old: Name | None, new: Name | None) -> Name | None:
    """Put *new* over *old*: "we will only ever change the name, but not clear it", says the description."""
    old, new = old or Name(), new or Name()
    given_name, family_name = new.given_name or old.given_name, new.family_name or old.family_name
    return Name(given_name=given_name, family_name=family_name) if given_name or family_name else None


def _groups(*, active: bool) -> list[Group] | None:
    return [Group(value=_COMPANY, display=_COMPANY)] if active else None


def _whole_seconds(now: float) -> datetime:
    return datetime.fromtimestamp(int(now), UTC)
