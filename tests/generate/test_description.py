"""The difficulties of `openapi/latest.yaml`, each with the generated code."""

import builtins
import importlib
import inspect
import keyword
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import anyio
import attrs
import msgspec
import pytest
import yaml

from hubapi._codec.wire import UNSET, WIRE
from hubapi._generated import models
from hubapi._operation import Operation
from scripts.generate import lower
from scripts.generate.__main__ import ROOT, Sources, correct, main
from scripts.generate.ir import is_component
from scripts.generate.keywords import METHODS
from scripts.generate.load import Document, SpecError, child_pointer, load, steps
from tests.generate.inline import RecordingClient

OPENAPI = ROOT / "openapi"
# Loaded by another YAML reader, as an independent reference.
PLAIN: Any = yaml.safe_load((OPENAPI / "latest.yaml").read_text(encoding="utf-8"))
ADDED: Any = yaml.safe_load((OPENAPI / "additions.yaml").read_text(encoding="utf-8"))
PINS: Any = yaml.safe_load((OPENAPI / "names.yaml").read_text(encoding="utf-8"))
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, item in PLAIN["paths"].items()
    for method, operation in item.items()
    if method in METHODS
}
AUTH = {
    "authentication.login": "none",
    "authentication.two_factor_login": "none",
    "authentication.exchange": "none",
    "access_tokens.create": "bearer",
    "access_tokens.list": "bearer",
    "access_tokens.get": "bearer",
    "access_tokens.update": "bearer",
    "access_tokens.delete": "bearer",
    "audit_logs.list": "bearer",
    "audit_logs.actions": "bearer",
    "org_settings.get": "bearer",
    "org_settings.update": "bearer",
    "repositories.list_tags": "optional",
    "repositories.has_tags": "optional",
    "repositories.get_tag": "optional",
    "repositories.has_tag": "optional",
    "scim.get_service_provider_config": "scim",
    "scim.list_resource_types": "scim",
    "scim.get_resource_type": "scim",
    "scim.list_schemas": "scim",
    "scim.get_schema": "scim",
    "scim.list_users": "scim",
    "scim.create_user": "scim",
    "scim.get_user": "scim",
    "scim.update_user": "scim",
}
UNREACHED = {
    # No operation mentions them.
    *("GetNamespaceRepositoryImagesResponse", "GetNamespaceRepositoryImagesSummaryResponse"),
    *("GetNamespaceRepositoryImagesTagsResponse", "PostNamespacesDeleteImagesRequest"),
    *("PostNamespacesDeleteImagesResponseError", "PostNamespacesDeleteImagesResponseSuccess"),
    *("ErrorDetail", "ErrorInfo", "ErrorResponse"),
    # Only error responses do.
    *("Error", "PostUsers2FALoginErrorResponse", "ValueError", "protobufAny", "rpcStatus", "scim_error"),
    # Its properties are those of paginated_tags.
    "page",
}
"""The component schemas that have no model."""


def function(name: str) -> Any:
    """Return the endpoint function `group.function`."""
    group, _, own = name.partition(".")
    return getattr(importlib.import_module(f"hubapi._generated.endpoints.{group}"), own)


def sent(name: str, /, **options: object) -> Operation[Any]:
    """Call an endpoint with a word for each required argument, and return the operation."""
    client = RecordingClient()
    parameters = list(inspect.signature(function(name)).parameters.values())[1:]
    needed = {p.name: p.name for p in parameters if p.default is p.empty}

    async def run() -> None:
        await function(name)(client, **{**needed, **options})

    anyio.run(run)
    return client.operation


def annotations(model: Any) -> dict[str, str]:
    """Return the sources of a model's annotations."""
    return dict(model.__annotations__)


# --- the file


def test_integer_response_codes_are_loaded_as_strings() -> None:
    """88 of 90 are integers, which other generators reject."""
    codes = [code for operation in OPERATIONS.values() for code in operation["responses"]]
    ours: Any = load(OPENAPI / "latest.yaml").value

    assert (90, 88) == (len(codes), sum(isinstance(code, int) for code in codes))
    assert all(
        isinstance(c, str) for p in ours["paths"].values() for m in METHODS for c in p.get(m, {}).get("responses", {})
    )


def test_timestamps_stay_as_they_were_written() -> None:
    """One has nanoseconds, which a datetime would lose."""
    document = load(OPENAPI / "latest.yaml")
    pointer = "#/components/schemas/GetNamespaceRepositoryImagesSummaryResponse/properties/active_from/example"
    found = document.resolve(pointer)

    assert found is not None
    assert found.value == "2021-01-25T14:25:37.076343059Z"


def test_a_tag_group_may_name_a_tag_without_operations() -> None:
    """`images` has none, and no module."""
    named = {tag for group in PLAIN["x-tagGroups"] for tag in group["tags"]}

    assert "images" in named - {tag for operation in OPERATIONS.values() for tag in operation["tags"]}
    assert "images" not in {name.partition(".")[0] for name in AUTH}


# --- operations


def test_every_operation_has_its_pinned_name() -> None:
    """No operation is skipped. In addition to the description there are only the additions."""
    added = [f"{method.upper()} {path}" for path, item in ADDED["paths"].items() for method in item]
    calls = [sent(name) for name in PINS["operations"].values()]

    assert (24, 1) == (len(OPERATIONS), len(added))
    assert list(PINS["operations"]) == [f"{call.method} {call.path}" for call in calls]
    assert sorted([*OPERATIONS, *added]) == sorted(PINS["operations"])
    assert list(PINS["operations"].values()) == [call.id for call in calls]


def test_every_operation_sends_the_token_it_needs() -> None:
    """15 operations declare no security, and the scheme that the other 9 name is not declared."""
    assert AUTH == {name: sent(name).auth for name in PINS["operations"].values()}
    assert sum("security" in operation for operation in OPERATIONS.values()) == 9
    assert "securitySchemes" not in PLAIN["components"]


def test_names_do_not_depend_on_operation_ids() -> None:
    """Only four operations have one, and a newer description renamed two of them."""
    with_id = [key for key, operation in OPERATIONS.items() if "operationId" in operation]

    assert [PINS["operations"][key] for key in with_id] == [
        "authentication.login",
        "authentication.two_factor_login",
        "audit_logs.list",
        "audit_logs.actions",
    ]
    assert "#tag/audit-logs/operation/AuditLogs_GetAuditLogs" in (inspect.getdoc(function("audit_logs.list")) or "")


def test_the_bodies_and_responses_of_logins() -> None:
    """Their secrets do not show in a repr."""
    login, second = sent("authentication.login"), sent("authentication.two_factor_login")
    exchange = sent("authentication.exchange")
    secrets = [
        models.UsersLoginRequest(username="moby", password="hunter2"),
        models.Users2FALoginRequest(login_2fa_token="hunter2", code="hunter2"),
        models.PostUsersLoginSuccessResponse(token="hunter2"),
        models.PostUsersLoginErrorResponse(detail="Wrong", login_2fa_token="hunter2"),
        models.AuthCreateTokenRequest(identifier="moby", secret="hunter2"),
        models.AuthCreateTokenResponse(access_token="hunter2"),
        models.AccessToken(token="hunter2"),
    ]

    assert login.result is second.result is models.PostUsersLoginSuccessResponse
    assert exchange.result is models.AuthCreateTokenResponse
    assert ("body", "body", "body") == (login.body, second.body, exchange.body)
    assert (True, False, True) == (login.repeatable, second.repeatable, exchange.repeatable)
    assert [] == [secret for secret in secrets if "hunter2" in repr(secret)]


def test_path_parameters_without_required_are_required() -> None:
    """ResourceTypes/{name}, Schemas/{id}, and Users/{id} twice."""
    for name, argument in (
        ("scim.get_resource_type", "name"),
        ("scim.get_schema", "id"),
        ("scim.get_user", "id"),
        ("scim.update_user", "id"),
    ):
        assert inspect.signature(function(name)).parameters[argument].default is inspect.Parameter.empty


def test_parameters_of_a_path_are_shared_by_its_operations() -> None:
    """They are in the order of the template."""
    for name in ("repositories.get_tag", "repositories.has_tag"):
        assert {"namespace": "namespace", "repository": "repository", "tag": "tag"} == sent(name).path_values
        assert ["client", "namespace", "repository", "tag"] == list(inspect.signature(function(name)).parameters)


def test_the_keyword_from_is_an_argument() -> None:
    """It is `from_` in Python and `from` on the wire. Times are datetimes."""
    call = sent("audit_logs.list", from_="2021", name="docker/example")

    assert {"from": "2021", "to": UNSET, "name": "docker/example"} == {k: call.query[k] for k in ("from", "to", "name")}
    assert function("audit_logs.list").__annotations__["from_"] == "Timestamp | UnsetType"


def test_no_default_is_sent() -> None:
    """`page` and `page_size` have defaults in the description."""
    for name in ("access_tokens.list", "audit_logs.list", "repositories.list_tags", "scim.list_users"):
        assert {UNSET} == set(sent(name).query.values())


@pytest.mark.parametrize("name", ["access_tokens.list", "audit_logs.list", "repositories.list_tags"])
def test_page_numbers_are_integers(name: str) -> None:
    """`type: number` makes clients send page=1.0."""
    found = function(name).__annotations__

    assert ("int | UnsetType", "int | UnsetType") == (found["page"], found["page_size"])


def test_counts_are_integers() -> None:
    """The description declares those of access tokens as numbers."""
    found = annotations(models.GetAccessTokensResponse)

    assert ("int | None", "int | None") == (found["count"], found["active_count"])


@pytest.mark.parametrize("name", [name for name in AUTH if ".has_" in name] + ["access_tokens.delete"])
def test_an_operation_without_a_response_body_returns_none(name: str) -> None:
    """HEAD requests, and a 204."""
    assert sent(name).result is type(None)


def test_scim_bodies_have_their_own_media_type() -> None:
    """All others are JSON."""
    names = [name for name in AUTH if sent(name).media_type == "application/scim+json"]

    assert names == ["scim.create_user", "scim.update_user"]


def test_a_sort_order_is_a_literal() -> None:
    """Enums of arguments are closed. Names are snake case in Python and camel case on the wire."""
    assert function("scim.list_users").__annotations__["sort_order"] == "Literal['ascending', 'descending'] | UnsetType"
    assert {"startIndex", "count", "filter", "attributes", "sortOrder", "sortBy"} == set(sent("scim.list_users").query)


# --- models


def test_every_model_that_an_operation_reaches_is_importable_by_name() -> None:
    """34 of the 50 components, aliases and primitives included, and the inline models."""
    components = set(PLAIN["components"]["schemas"])
    pinned = {steps(pointer)[2] for pointer in PINS["models"] if is_component(pointer)}
    index: Any = models

    assert (50, 34) == (len(components), len(components - UNREACHED))
    assert components - UNREACHED == pinned - ADDED["components"]["schemas"].keys()
    for name in PINS["models"].values():
        assert getattr(models, name) is not None
    assert sorted(PINS["models"].values()) == sorted(index.__all__)


def test_no_model_shadows_a_builtin_or_another_model() -> None:
    """Names that differ only in case count as equal."""
    names = list(PINS["models"].values())

    assert [name for name in names if hasattr(builtins, name) or keyword.iskeyword(name)] == []
    assert len({name.casefold() for name in names}) == len(names)


@pytest.mark.parametrize("name", sorted(PINS["models"].values()))
def test_every_model_resolves_its_annotations(name: str) -> None:
    """Its module imports every type, so that a codec can resolve them."""
    if attrs.has(model := getattr(models, name)):
        get_type_hints(model)
        msgspec.json.Decoder(model)


def test_the_images_of_a_tag_are_a_list() -> None:
    """Read literally, the $ref with a sibling is a single image."""
    assert annotations(models.Tag)["images"] == "list[Image] | None"


def test_a_tag_is_what_the_server_sends() -> None:
    """`v2` is a boolean, and the keys that the description lacks are there."""
    found = annotations(models.Tag)

    assert found["v2"] == "bool | None"
    assert {"tag_status", "digest", "media_type", "content_type", "image_id"} <= found.keys()
    assert found["last_updated"] == found["tag_last_pushed"] == "Timestamp | None"


def test_access_tokens_are_one_model() -> None:
    """allOf of a reference and an object that declares `token` again, in the response of one and in the list."""
    assert sent("access_tokens.get").result is models.AccessToken
    assert annotations(models.GetAccessTokensResponse)["results"] == "list[AccessToken] | None"


def test_aliases_are_the_models_they_name() -> None:
    """Two components are a bare $ref, four are strings or a list of strings."""
    assert models.CreateAccessTokensResponse is models.AccessToken
    assert models.PatchAccessTokenResponse is models.AccessToken
    assert models.ScimUserId is models.ScimUserUsername is models.ScimUserDisplayName is str
    assert models.ScimUserSchemas == list[str]
    assert sent("access_tokens.create").result is models.AccessToken
    assert annotations(models.ScimUser)["id"] == "str | None"


def test_the_body_of_settings_requires_its_three_switches() -> None:
    """allOf of a reference and an object that only requires, in a schema without a type."""
    switches = {"enabled": True, "allow_official_images": True, "allow_verified_publishers": False}
    settings = models.UpdateRestrictedImages(**switches)

    assert models.UpdateOrgSettingsRequest(restricted_images=settings).restricted_images is settings
    for name in switches:
        with pytest.raises(TypeError, match=name):
            models.UpdateRestrictedImages(**{key: value for key, value in switches.items() if key != name})
    with pytest.raises(TypeError, match="restricted_images"):
        models.UpdateOrgSettingsRequest()  # type: ignore[call-arg]


def test_the_response_of_settings_requires_nothing() -> None:
    """So it is a different model."""
    assert attrs.asdict(models.RestrictedImages()) == dict.fromkeys(annotations(models.UpdateRestrictedImages))


def test_a_user_update_keeps_the_prose_of_its_name() -> None:
    """allOf of a reference and a description is the same model, with the description on the field."""
    source = Path(str(inspect.getsourcefile(models.ScimUpdateUserRequest))).read_text(encoding="utf-8")

    assert annotations(models.ScimUpdateUserRequest)["name"] == "ScimUserName | UnsetType"
    assert "We will only ever change the name, but not clear it." in " ".join(source.split())


def test_features_of_scim_share_one_model() -> None:
    """Four equal inline objects, one of them without a type."""
    found = annotations(models.ScimServiceProviderConfig)

    assert {"ScimFeature | None"} == {found[name] for name in ("patch", "change_password", "sort", "etag")}


def test_required_of_a_response_is_only_a_hint() -> None:
    """`PostUsersLoginErrorResponse` requires a detail; the server does not."""
    assert models.PostUsersLoginErrorResponse().detail is None


def test_enums_of_responses_are_open() -> None:
    """The server may add a status."""
    assert {"str | None"} == {annotations(models.Tag)["status"], annotations(models.Image)["status"]}
    assert msgspec.json.decode(b'{"tag_status": "archived"}', type=models.Tag).tag_status == "archived"


def test_properties_keep_their_names_if_possible() -> None:
    """`id`, `type`, `schema`, `filter`, `next` and `patch` are fine as attributes."""
    plain = {
        models.ScimResourceType: {"id", "schema"},
        models.ScimSchemaAttribute: {"type"},
        models.ScimServiceProviderConfig: {"filter", "patch", "sort"},
        models.PaginatedTags: {"next"},
    }

    for model, names in plain.items():
        assert names <= {f.name for f in attrs.fields(model) if WIRE not in f.metadata}


def test_nullable_fields() -> None:
    """An access token that was never used; `next` of the last page, whose example is null though its type is not."""
    assert annotations(models.AccessToken)["last_used"] == "Timestamp | None"
    assert annotations(models.GetAccessTokensResponse)["next"] == "str | None"


def test_limits_are_in_the_docstrings() -> None:
    """The label of a token has from 1 to 100 characters; a page of users at most 200."""
    source = inspect.getsource(models.CreateAccessTokenRequest)

    assert "At least 1 character long. At most 100 characters long." in " ".join(source.split())
    assert "count: At least 1. At most 200." in (inspect.getdoc(function("scim.list_users")) or "")


def test_the_data_of_an_audit_event_is_any() -> None:
    """The description declares strings; the server sends numbers and nulls as well."""
    assert annotations(models.AuditLog)["data"] == "dict[str, Any] | None"
    assert annotations(models.AuditLog)["event_id"] == "str | None"


# --- unknown keywords

# The mappings whose keys are names, and the values that are never read.
_MAPS = {"paths", "responses", "schemas", "parameters", "requestBodies", "securitySchemes", "properties", "content"}
_SKIPPED = {"example", "examples", "x-logo", "x-tagGroups", "security", "default", "enum"}


def objects(value: Any, pointer: str = "#", *, names: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every OpenAPI object of a document: mappings whose keys are keywords, not names."""
    if isinstance(value, list):
        for n, item in enumerate(value):
            yield from objects(item, child_pointer(pointer, n))
    elif isinstance(value, dict):
        if not names:
            yield pointer, value
        for key, child in value.items():
            if names or key not in _SKIPPED:
                yield from objects(child, child_pointer(pointer, key), names=not names and key in _MAPS)


def test_an_unknown_keyword_is_refused_everywhere() -> None:
    """It is put into each object of the description in turn."""
    document = correct(Sources.of(OPENAPI)).document
    places = list(objects(document.value))
    overlooked: list[str] = []
    for pointer, value in places:
        fresh = Document(document.name, document.value, document.marks)
        value["surprise"] = 1
        try:
            lower.lower(fresh)
        except SpecError as error:
            surprised = [p for p in error.problems if f" {pointer}/surprise: " in p and "'surprise'" in p]
        else:
            surprised = []
        del value["surprise"]
        overlooked += [] if surprised else [pointer]

    assert overlooked == []
    assert len(places) > 650


def test_the_generated_code_is_small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other generators make 16,000 lines of the same description."""
    assert main([f"--out={tmp_path / 'out'}"]) == 0

    lines = sum(len(p.read_text(encoding="utf-8").splitlines()) for p in (tmp_path / "out").rglob("*.py"))
    assert f"15 files, {lines} lines" in capsys.readouterr().out
    assert lines < 1500
