"""A row for every operation and status: the request, and the known differences from the description."""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen
from pyotp.totp import TOTP

from hubapi.testing import RateLimitPolicy, faults
from tests.testing.description.corrected import OPERATIONS, Described
from tests.testing.description.visit import Learned, Visit
from tests.testing.description.world import PASSWORD, TOTP_SECRET

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"


@frozen
class Case:
    """A request for an operation that leads to a given status."""

    operation: str
    status: int
    path: tuple[str | Learned, ...] = ()
    who: str = field(kw_only=True)
    query: Mapping[str, str] = field(factory=dict[str, str], kw_only=True)
    body: object | Learned = field(default=None, kw_only=True)
    before: Learned | None = field(default=None, kw_only=True)
    options: Mapping[str, Any] = field(factory=dict[str, Any], kw_only=True)
    """The options of the FakeHub."""

    @who.default
    def _who(self) -> str:
        groups = {"authentication": "anonymous", "scim": "scim"}
        return groups.get(self.operation.partition(".")[0], "moby")

    def __str__(self) -> str:
        return f"{self.operation}-{self.status}"


def login(username: str, password: str = PASSWORD) -> dict[str, str]:
    return {"username": username, "password": password}


def exchange(identifier: str, secret: str) -> dict[str, str]:
    return {"identifier": identifier, "secret": secret}


async def failed_login(visit: Visit) -> None:
    await visit.ask("authentication.login", who="anonymous", body=login("moby", "wrong"))


async def second_step(visit: Visit) -> dict[str, str]:
    """The body of the second step of a login."""
    response = await visit.ask("authentication.login", who="anonymous", body=login("whale"))
    code = TOTP(TOTP_SECRET).at(int(visit.clock.time()))
    return {"login_2fa_token": response.json()["login_2fa_token"], "code": code}


async def wrong_code(visit: Visit) -> dict[str, str]:
    return {**await second_step(visit), "code": "no code"}


async def a_token(visit: Visit) -> str:
    """The id of the newest of moby's access tokens."""
    uuid: str = (await visit.ask("access_tokens.list")).json()["results"][0]["uuid"]
    return uuid


async def a_scim_user(visit: Visit) -> str:
    """The id of the first of acme's users."""
    uuid: str = (await visit.ask("scim.list_users", who="scim")).json()["resources"][0]["id"]
    return uuid


def switches(**changes: object) -> dict[str, object]:
    return {
        "restricted_images": {
            "enabled": True,
            "allow_official_images": True,
            "allow_verified_publishers": False,
            **changes,
        }
    }


TOKEN = {"token_label": "ci", "scopes": ["repo:read"]}
TAGS = ("library", "python")
JON = {"schemas": [USER_SCHEMA], "userName": "jon.snow@example.org", "name": {"givenName": "Jon"}}

ROWS = [
    Case("authentication.login", 200, body=login("moby")),
    Case("authentication.login", 400, body=b"{"),
    Case("authentication.login", 400, body={"username": "moby"}),
    Case("authentication.login", 401, body=login("moby", "wrong")),
    Case("authentication.login", 401, body=login("whale")),
    Case("authentication.login", 401, body=login("acme", "dckr_oat_acme")),
    Case("authentication.login", 429, body=login("moby"), before=failed_login, options={"max_failed_logins": 1}),
    Case("authentication.two_factor_login", 200, body=second_step),
    Case("authentication.two_factor_login", 400, body={}),
    Case("authentication.two_factor_login", 401, body=wrong_code),
    Case("authentication.two_factor_login", 401, body={"login_2fa_token": "nonsense", "code": "1"}),
    Case("authentication.exchange", 200, body=exchange("moby", PASSWORD)),
    Case("authentication.exchange", 200, body=exchange("moby", "dckr_pat_moby")),
    Case("authentication.exchange", 200, body=exchange("acme", "dckr_oat_acme")),
    Case("authentication.exchange", 400, body={"identifier": "moby"}),
    Case("authentication.exchange", 400, body=[]),
    Case("authentication.exchange", 401, body=exchange("moby", "wrong")),
    Case("authentication.exchange", 401, body=exchange("whale", PASSWORD)),
    Case("access_tokens.create", 201, body=TOKEN),
    Case("access_tokens.create", 400, body={}),
    Case("access_tokens.create", 400, body={**TOKEN, "scopes": ["repo:everything"]}),
    Case("access_tokens.create", 401, who="anonymous", body=TOKEN),
    Case("access_tokens.create", 403, who="moby's token", body=TOKEN),
    Case("access_tokens.list", 200),
    Case("access_tokens.list", 200, query={"page": "2", "page_size": "1"}),
    Case("access_tokens.list", 200, who="octopus"),
    Case("access_tokens.list", 403, who="moby's token"),
    Case("access_tokens.list", 404, query={"page": "2"}),
    Case("access_tokens.get", 200, (a_token,)),
    Case("access_tokens.get", 403, (a_token,), who="moby's token"),
    Case("access_tokens.get", 404, ("nothing",)),
    Case("access_tokens.update", 200, (a_token,), body={"token_label": "renamed", "is_active": False}),
    Case("access_tokens.update", 200, (a_token,), body={}),
    Case("access_tokens.update", 400, (a_token,), body={"token_label": ""}),
    Case("access_tokens.update", 403, (a_token,), who="moby's token", body={}),
    Case("access_tokens.update", 404, ("nothing",), body={}),
    Case("access_tokens.delete", 204, (a_token,)),
    Case("access_tokens.delete", 403, (a_token,), who="moby's token"),
    Case("access_tokens.delete", 404, ("nothing",)),
    Case("audit_logs.list", 200, ("acme",)),
    Case("audit_logs.list", 200, ("moby",)),
    Case("audit_logs.list", 200, ("acme",), query={"page": "9", "page_size": "100"}),
    Case("audit_logs.list", 400, ("acme",), query={"page": "-1"}),
    Case("audit_logs.list", 400, ("acme",), query={"from": "yesterday"}),
    Case("audit_logs.list", 403, ("acme",), who="octopus"),
    Case("audit_logs.list", 404, ("nothing",)),
    Case("audit_logs.actions", 200, ("acme",)),
    Case("audit_logs.actions", 403, ("acme",), who="octopus"),
    Case("audit_logs.actions", 404, ("nothing",)),
    Case("org_settings.get", 200, ("acme",)),
    Case("org_settings.get", 403, ("acme",), who="octopus"),
    Case("org_settings.get", 404, ("nothing",)),
    Case("org_settings.update", 200, ("acme",), body=switches()),
    Case("org_settings.update", 400, ("acme",), body=switches(enabled=None)),
    Case("org_settings.update", 403, ("acme",), who="octopus", body=switches()),
    Case("org_settings.update", 404, ("nothing",), body=switches()),
    Case("repositories.list_tags", 200, TAGS),
    Case("repositories.list_tags", 200, TAGS, who="anonymous", query={"page": "2"}),
    Case("repositories.list_tags", 200, TAGS, query={"page": "9" * 5000}),
    Case("repositories.list_tags", 200, ("nobody", "nothing")),
    Case("repositories.list_tags", 200, ("library", "empty")),
    Case("repositories.list_tags", 404, ("library", "nothing")),
    Case("repositories.list_tags", 404, ("acme", "secret"), who="octopus"),
    Case("repositories.list_tags", 404, TAGS, query={"page": "4"}),
    Case("repositories.has_tags", 200, TAGS),
    Case("repositories.has_tags", 404, ("library", "nothing")),
    Case("repositories.has_tags", 404, ("library", "empty")),
    Case("repositories.get_tag", 200, (*TAGS, "latest")),
    Case("repositories.get_tag", 404, (*TAGS, "nothing")),
    Case("repositories.get_tag", 404, ("acme", "secret", "latest"), who="octopus"),
    Case("repositories.has_tag", 200, (*TAGS, "latest")),
    Case("repositories.has_tag", 404, (*TAGS, "nothing")),
    Case("scim.get_service_provider_config", 200),
    Case("scim.list_resource_types", 200),
    Case("scim.get_resource_type", 200, ("User",)),
    Case("scim.get_resource_type", 404, ("Group",)),
    Case("scim.list_schemas", 200),
    Case("scim.get_schema", 200, (USER_SCHEMA,)),
    Case("scim.get_schema", 404, ("nothing",)),
    Case("scim.list_users", 200),
    Case("scim.list_users", 200, query={"filter": 'userName eq "nobody@example.com"'}),
    Case("scim.list_users", 200, query={"attributes": "userName,name.givenName", "sortBy": "userName", "count": "1"}),
    Case("scim.list_users", 400, query={"filter": "userName eq"}),
    Case("scim.list_users", 400, query={"startIndex": "first"}),
    Case("scim.create_user", 201, body=JON),
    Case("scim.create_user", 400, body=b"{"),
    Case("scim.create_user", 400, body={**JON, "userName": "no address"}),
    Case("scim.create_user", 409, body={**JON, "userName": "moby@example.com"}),
    Case("scim.get_user", 200, (a_scim_user,)),
    Case("scim.get_user", 400, (a_scim_user,), query={"attributes": "no attribute"}),
    Case("scim.get_user", 404, ("nothing",)),
    Case("scim.update_user", 200, (a_scim_user,), body={"schemas": [USER_SCHEMA], "enabled": True}),
    Case("scim.update_user", 200, (a_scim_user,), body={"schemas": [USER_SCHEMA], "name": {"familyName": "Dick"}}),
    Case("scim.update_user", 400, (a_scim_user,), body={"schemas": []}),
    Case("scim.update_user", 404, ("nothing",), body={"schemas": [USER_SCHEMA]}),
]


NEVER = {
    # For other users a private repository does not exist.
    ("repositories.list_tags", "403"),
    ("repositories.has_tags", "403"),
    ("repositories.get_tag", "403"),
    ("repositories.has_tag", "403"),
    # A page that is no number is the first (D14).
    ("access_tokens.list", "400"),
    # A SCIM token opens all of its own organisation, and nothing else.
    ("scim.list_users", "403"),
    ("scim.list_users", "404"),
    ("scim.create_user", "403"),
    ("scim.create_user", "404"),
    ("scim.get_user", "403"),
    ("scim.update_user", "403"),
    # Neither name nor state is anybody else's.
    ("scim.update_user", "409"),
}
"""Described responses that FakeHub never sends."""


async def broken(visit: Visit) -> None:
    visit.fake.inject(faults.Status(500))


def everywhere(described: Described) -> Iterator[Case]:
    """The responses that are independent of the request: an invalid bearer token, the rate limit, and a fault."""
    path = ("anything",) * described.path.count("{")
    if "security" in described.definition:
        yield Case(described.name, 401, path, who="stranger", body={})
    yield Case(
        described.name,
        429,
        path,
        who="anonymous",
        body={},
        before=lambda visit: visit.ask(described.name, *path, who="anonymous"),
        options={"anonymous_limit": RateLimitPolicy(1)},
    )
    if "500" in described.statuses and (described.name, "500") not in NEVER:
        yield Case(described.name, 500, path, who="anonymous", body={}, before=broken)


CASES = [*ROWS, *(case for described in OPERATIONS.values() for case in everywhere(described))]

STAND_INS = {
    400: "#/components/responses/BadRequest/content/application~1json/schema",
    401: "#/components/responses/Unauthorized/content/application~1json/schema",
    403: "#/components/responses/Forbidden/content/application~1json/schema",
    404: "#/components/responses/NotFound/content/application~1json/schema",
    429: "#/paths/~1v2~1auditlogs~1{account}/get/responses/429/content/application~1json/schema",
}
"""The schema of a status elsewhere in the description, for operations that lack it."""

UNDESCRIBED = {
    "authentication.login": {400, 429},
    "authentication.two_factor_login": {400, 429},
    "authentication.exchange": {400, 429},
    # Sessions of a personal access token are rejected (D18).
    "access_tokens.create": {403, 429},
    "access_tokens.list": {403, 404, 429},
    "access_tokens.get": {403, 429},
    "access_tokens.update": {403, 404, 429},
    "access_tokens.delete": {403, 429},
    "org_settings.get": {429},
    "org_settings.update": {400, 429},
    # An invalid bearer token is rejected, although none is required.
    "repositories.list_tags": {401, 429},
    "repositories.has_tags": {401, 429},
    "repositories.get_tag": {401, 429},
    "repositories.has_tag": {401, 429},
    "scim.get_service_provider_config": {429},
    "scim.list_resource_types": {429},
    "scim.get_resource_type": {429},
    "scim.list_schemas": {429},
    "scim.get_schema": {429},
    "scim.list_users": {429},
    "scim.create_user": {429},
    "scim.get_user": {429},
    "scim.update_user": {429},
}
"""Responses of FakeHub that the operation's description lacks. Every route is limited (D8)."""

ADDED_KEYS = {401: {"$.detail"}, 403: {"$.errinfo"}, 404: {"$.errinfo"}, 409: {"$.scimType"}}
"""The keys of errors in addition to those described.

`errinfo` is recorded in docker/hub-feedback#2367; `detail` is on the audit log routes, since a 401 comes from the
authentication before every route; and `scimType` is as in RFC 7644, section 3.12."""
