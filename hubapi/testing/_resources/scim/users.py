"""The handlers of the routes to provisioned users.

Importing `scim2_models` is slow, so this module is imported by the first request.
"""

import re
from typing import Any, TypeVar, cast

from attrs import frozen
from scim2_models import Context, Error, Meta, ResponseParameters, ScimObject, ScimPolicy, SearchRequest
from starlette.responses import Response

from hubapi.testing._resources.scim.responses import scim_error, scim_list, scim_response
from hubapi.testing._server.requests import HubRequest
from hubapi.testing._server.responses import ErrorResponse
from hubapi.testing._setup.scim_schemas import User, UserUpdate, as_served
from hubapi.testing._setup.scim_users import COMPANY, ScimUsers
from hubapi.testing._setup.state import State

_Message = TypeVar("_Message", bound=ScimObject)
_Parameters = TypeVar("_Parameters", bound=ResponseParameters[Any])

_DEFAULT_COUNT = 100  # the description has none
_MAX_COUNT = 200
_SEARCH = ["startIndex", "count", "filter", "attributes", "sortBy", "sortOrder"]
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
# Identity providers send all of RFC 7643; attributes that are not described are ignored.
_LENIENT = ScimPolicy(unknown=ScimPolicy.Unknown.ignore)


@frozen
class UserHandlers:
    """The users of the organisation whose SCIM token the request carries."""

    _state: State

    def search(self, request: HubRequest) -> Response:
        search = _read_query(SearchRequest[User], request, _SEARCH)
        count = _DEFAULT_COUNT if search.count is None else min(search.count, _MAX_COUNT)
        first = (search.start_index or 1) - 1
        wanted = search.filter
        found = search.sort(user for user in self._users(request).all() if wanted is None or wanted.match(user))
        page = found[first : first + count]
        served = [_served(user, request, search) for user in page]
        return scim_list(served, len(found), startIndex=first + 1, itemsPerPage=len(page))

    def create(self, request: HubRequest) -> Response:
        new = _read_body(User, request, Context.RESOURCE_CREATION_REQUEST)
        address = new.user_name or ""
        if not _ADDRESS.fullmatch(address):
            raise ErrorResponse(scim_error(f"userName is not an email address: {address!r}", 400, "invalidValue"))
        try:
            user = self._users(request).add(address, request.now, new.name)
        except ValueError as taken:
            raise ErrorResponse(scim_error(str(taken), 409, "uniqueness")) from None
        self._record(user, request)
        served = _served(user, request)
        response = scim_response(served, 201)
        response.headers["location"] = served["meta"]["location"]
        return response

    def get(self, request: HubRequest) -> Response:
        wanted = _read_query(ResponseParameters[User], request, ["attributes"])
        return scim_response(_served(self._user(request), request, wanted))

    def update(self, request: HubRequest) -> Response:
        was_active = self._user(request).active
        update = _read_body(UserUpdate, request, Context.RESOURCE_REPLACEMENT_REQUEST)
        user = self._users(request).update(request.params["id"], update, request.now)
        if user.active != was_active:
            self._record(user, request)
        return scim_response(_served(user, request))

    def _users(self, request: HubRequest) -> ScimUsers:
        return self._state.scim.users_of(request.caller.account or "")

    def _user(self, request: HubRequest) -> User:
        user = self._users(request).get(request.params["id"])
        if user is None:
            raise ErrorResponse(scim_error(f"there is no user {request.params['id']!r}", 404))
        return user

    def _record(self, user: User, request: HubRequest) -> None:
        """Record in the organisation's log that *user* has joined or left."""
        org, name = request.caller.account or "", user.display_name or ""
        action, data, description = "org.team.member.add", {"team_name": COMPANY}, f"added {name} to the team {COMPANY}"
        if not user.active:
            action, data, description = "org.member.removed", {}, f"removed {name} from the organization"
        # The actor of an identity provider's changes is not on record: the organisation, here.
        self._state.audit_logs.record(
            org, action, name=name, actor=org, now=request.now, data=data, description=description
        )


def _read_query(model: type[_Parameters], request: HubRequest, names: list[str]) -> _Parameters:
    known = {name: request.query[name] for name in names if name in request.query}
    try:
        return model.model_validate(known)
    except ValueError as invalid:
        raise ErrorResponse(_invalid(invalid)) from None


def _read_body(model: type[_Message], request: HubRequest, context: Context) -> _Message:
    try:
        read = model.model_validate_json(request.body, scim_ctx=context, scim_policy=_LENIENT, strict=True)
    except ValueError as invalid:
        raise ErrorResponse(_invalid(invalid)) from None
    if not read.schemas:
        raise ErrorResponse(scim_error("schemas is missing or empty", 400, "invalidSyntax"))
    return read


def _invalid(error: ValueError) -> Response:
    # The cast, since it is a `pydantic.ValidationError`, and pydantic is scim2_models' dependency rather than ours.
    first = Error.from_validation_errors(cast("Any", error))[0]
    return scim_error(first.detail or "", first.status or 400, first.scim_type)


def _served(user: User, request: HubRequest, wanted: ResponseParameters[User] | None = None) -> dict[str, Any]:
    """Return *user* as served, with its location on the host that the client addressed."""
    base, path, _ = request.url.partition("/v2/scim/2.0/Users")
    meta = (user.meta or Meta()).model_copy(update={"location": f"{base}{path}/{user.id}"})
    return as_served(user.model_copy(update={"meta": meta}), wanted)
