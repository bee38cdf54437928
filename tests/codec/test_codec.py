"""Encoding of requests, and both ways of decoding responses."""

import json as stdlib_json
import types
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hubapi.models
from hubapi import UNSET, ConfigurationError, DecodeError
from hubapi._codec.lenient import structure
from hubapi._codec.request import build_request, encode, target
from hubapi._codec.response import _is_native, decode, is_garbled
from hubapi._codec.wire import WIRE
from hubapi._datetimes import parse_timestamp
from hubapi._operation import Argument, Operation
from hubapi._secret import Secret
from hubapi._transport.transport import Response
from hubapi.models import (
    AccessToken,
    AuditLog,
    CreateAccessTokenRequest,
    GetAccessTokensResponse,
    GetAuditLogsResponse,
    Image,
    PaginatedTags,
    PatchAccessTokenRequest,
    ScimServiceProviderConfig,
    ScimUpdateUserRequest,
    ScimUser,
    ScimUserList,
    ScimUserName,
    Tag,
)


@attrs.define(kw_only=True)
class Base64Value:
    """A model with `format: byte`, of which the description has none that an operation reaches."""

    value: bytes | None = None


SAMPLES = Path(__file__).parents[1] / "samples"


def decode_json(value: object, result: Any) -> Any:
    """Decode as a call does: with msgspec if it can, otherwise with the lenient reader."""
    content = value if isinstance(value, bytes) else msgspec.json.encode(value)
    operation: Operation[Any] = Operation(id="x", method="GET", path="/", result=result)
    return decode(Response(status=200, headers={"content-type": "application/json"}, content=content), operation)


def read_leniently(value: object, result: Any) -> Any:
    raw = msgspec.json.decode(value) if isinstance(value, bytes) else value
    value, problem = structure(raw, result)
    assert problem is None, problem
    return value


# --- responses of the real server


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("tag.json", Tag),
        ("tag.old.json", Tag),
        ("paginated_tags.json", PaginatedTags),
        ("GetAuditLogsResponse.json", GetAuditLogsResponse),
        ("getAccessTokensResponse.json", GetAccessTokensResponse),
    ],
)
def test_both_readers_agree_on_recorded_responses(name: str, result: Any) -> None:
    """As the server really sent them."""
    assert decode_json(sample(name), result) == read_leniently(sample(name), result)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([{"os": "linux"}, {"os": "unknown"}], [Image(os="linux"), Image(os="unknown")]),
        ({"os": "linux"}, [Image(os="linux")]),
        ([{"os": "linux"}, None], [Image(os="linux")]),
        ([], []),
        (None, None),
    ],
)
def test_images_are_always_a_list(images: object, expected: object) -> None:
    """The description says one object; the server sends a list, sometimes empty or null (D1)."""
    assert expected == decode_json({"images": images}, Tag).images


@pytest.mark.parametrize(
    ("v2", "expected"), [(True, True), (False, False), ("true", True), ("False", False), (1, True), (0, False)]
)
def test_v2_is_always_a_bool(v2: object, expected: bool) -> None:
    """The description says it is a string (D2)."""
    assert expected is decode_json({"v2": v2}, Tag).v2


def test_a_tags_status_has_two_keys_and_any_value() -> None:
    """The server sends `tag_status`, the description says `status`; unknown values are kept (D3)."""
    assert ("active", "resting") == ((tag := decode_json({"status": "active", "tag_status": "resting"}, Tag)).status,
                                     tag.tag_status)  # fmt: skip


def test_extra_keys_are_read_or_ignored() -> None:
    """Some have fields, others may be added at any time (D4)."""
    tag = decode_json({"digest": "sha256:1", "media_type": "m", "content_type": "helm", "brand_new": {"a": [1]}}, Tag)

    assert ("sha256:1", "m", "helm") == (tag.digest, tag.media_type, tag.content_type)


@pytest.mark.parametrize("result", [Tag, Image, AuditLog, AccessToken, ScimUser, ScimServiceProviderConfig])
def test_every_field_of_a_response_may_be_null_or_missing(result: Any) -> None:
    """Both are read as None (D5, D35)."""
    names = [field.metadata.get(WIRE, field.name) for field in attrs.fields(result)]

    assert result() == decode_json(dict.fromkeys(names), result) == decode_json({}, result)


def test_an_audit_event_may_have_an_id_and_any_data() -> None:
    """`event_id` is not in the description, and `data` may be anything (D21)."""
    data: dict[str, Any] = {"access_token_id": 5, "nested": {"a": [None, 1.5]}}

    found = decode_json({"logs": [{"event_id": "e", "data": data}, {"data": {}}]}, GetAuditLogsResponse).logs

    assert [AuditLog(event_id="e", data=data), AuditLog(data={})] == found


@pytest.mark.parametrize("key", ["resources", "Resources", "RESOURCES"])
def test_scim_lists_have_either_spelling(key: str) -> None:
    """RFC 7644 says `Resources`, the description `resources` (D33)."""
    page = decode_json({"totalResults": 1, key: [{"id": "u"}]}, ScimUserList)

    assert (1, [ScimUser(id="u")]) == (page.total_results, page.resources)


@pytest.mark.parametrize(
    ("schemes", "expected"),
    [({"name": "a"}, "a"), ([{"name": "a"}, {"name": "b"}], "a"), ([], None), (None, None)],
)
def test_authentication_schemes_are_an_object_or_a_list(schemes: object, expected: str | None) -> None:
    """RFC 7643 has a list, of which the first item is taken (D33)."""
    found = decode_json({"authenticationSchemes": schemes}, ScimServiceProviderConfig).authentication_schemes

    assert expected == (found and found.name)


# --- times: D6

TIMES = {
    "2021-02-19T01:34:35Z": 0,
    "2021-02-19T01:34:35.0Z": 0,
    "2021-02-19T01:34:35.037Z": 37_000,
    "2021-02-19T01:34:35.03746Z": 37_460,
    "2021-02-19T01:34:35.037464Z": 37_464,
    "2021-02-19T01:34:35.03746599Z": 37_466,
    "2021-02-19T01:34:35.037464760Z": 37_465,
    "2021-02-19T01:34:35+00:00": 0,
    "2021-02-19T02:34:35.5+01:00": 500_000,
    "2021-02-18T20:34:35-05:00": 0,
    "2021-02-19T01:34:35": 0,
    "2021-02-19T01:34:35.037464": 37_464,
    "2021-02-19 01:34:35": 0,
    "2021-02-19 01:34:35Z": 0,
    "2021-02-19 01:34:35.037464 +0000 UTC": 37_464,
    "2021-02-19 02:34:35 +0100": 0,
    "2021-02-19 02:34:35 +0100 CET": 0,
}


@pytest.mark.parametrize("text", TIMES)
def test_both_readers_agree_on_timestamps(text: str) -> None:
    """With any number of digits, with or without a zone, as Go prints them: the same aware datetime."""
    expected = datetime(2021, 2, 19, 1, 34, 35, TIMES[text], tzinfo=UTC)

    assert expected == parse_timestamp(text)
    assert expected == decode_json({"last_updated": text}, Tag).last_updated
    assert expected == read_leniently({"last_updated": text}, Tag).last_updated
    assert decode_json({"last_updated": text}, Tag).last_updated.tzinfo is not None


@pytest.mark.parametrize("text", ["", "yesterday", "2021-13-01T00:00:00Z", "2021-02-30T00:00:00Z", "12", "0"])
def test_an_invalid_timestamp_is_an_error_with_its_path(text: str) -> None:
    """The error does not repeat the text."""
    with pytest.raises(DecodeError) as caught:
        decode_json({"results": [{}, {"last_updated": text}]}, PaginatedTags)

    assert ("$.results[1].last_updated", f"a time, found a string of {len(text)} characters") == (
        caught.value.path,
        caught.value.expected,
    )


# --- content that neither reader accepts


@pytest.mark.parametrize(
    ("value", "result", "path"),
    [
        ([], Tag, "$"),
        ("text", Tag, "$"),
        (None, Tag, "$"),
        ({"id": "x"}, Tag, "$.id"),
        ({"id": 1.5}, Tag, "$.id"),
        ({"images": [{"size": {}}]}, Tag, "$.images[0].size"),
        ({"images": 5}, Tag, "$.images[0]"),
        ({"logs": [{"data": [1]}]}, GetAuditLogsResponse, "$.logs[0].data"),
        ({"meta": {"created": 5}}, ScimUser, "$.meta.created"),
        ({"value": "no base64!"}, Base64Value, "$.value"),
        ({"value": 5}, Base64Value, "$.value"),
    ],
)
def test_json_of_another_shape_is_an_error_with_its_path(value: object, result: Any, path: str) -> None:
    """It is not garbled, so another attempt would not help."""
    with pytest.raises(DecodeError) as caught:
        decode_json(value, result)

    assert path == caught.value.path
    assert not is_garbled(caught.value)
    assert "x" == caught.value.operation


@pytest.mark.parametrize(
    "content",
    [b"<html>", b"{", b'{"id": 1', b"[1,]", b"nope", b"\xff\xfe", b'{"name": "\xff"}', b"{}x", b"\x1f\x8b\x08"],
)
@pytest.mark.parametrize("result", [Tag, ScimUser, dict[str, Any]])
def test_content_that_is_not_json_is_garbled(content: bytes, result: Any) -> None:
    """A cut response or an HTML page: another attempt may help."""
    if content == b'{"name": "\xff"}' and result is ScimUser:
        return  # msgspec does not look into the strings of keys that it skips
    with pytest.raises(DecodeError) as caught:
        decode_json(content, result)

    assert is_garbled(caught.value)


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"images":' * 100_000])
def test_deeply_nested_json_is_an_error(content: bytes) -> None:
    """Not a RecursionError, and not worth another attempt."""
    with pytest.raises(DecodeError) as caught:
        decode_json(content, dict[str, Any])

    assert not is_garbled(caught.value)


# --- both readers agree


@cache
def json_of(kind: Any) -> st.SearchStrategy[Any]:
    """JSON that nearly always fits a type."""
    if attrs.has(kind):
        attrs.resolve_types(kind)
        fields = {field.metadata.get(WIRE, field.name): json_of(field.type) for field in attrs.fields(kind)}
        return st.fixed_dictionaries({}, optional={**fields, "unknown": st.integers()})
    if get_origin(kind) is Annotated:
        return json_of(get_args(kind)[0])
    if get_origin(kind) in {Union, types.UnionType}:
        return st.one_of([json_of(part) for part in get_args(kind)])
    if get_origin(kind) is list:
        return st.lists(json_of(get_args(kind)[0]), max_size=3)
    if get_origin(kind) is dict:
        return st.dictionaries(st.text(max_size=5), json_of(get_args(kind)[1]), max_size=3)
    earliest = datetime(1000, 1, 1)  # noqa: DTZ001 - hypothesis adds the zone
    moments = st.datetimes(min_value=earliest, timezones=st.timezones() | st.just(UTC))
    plain: dict[Any, st.SearchStrategy[Any]] = {
        type(None): st.none(),
        str: st.text(max_size=10),
        bool: st.booleans(),
        int: st.integers(-(2**63), 2**64 - 1) | st.sampled_from([1.0, 1e3, -0.0]),
        float: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
        bytes: st.sampled_from(["", "AA==", "aGVsbG8="]),
        datetime: st.sampled_from(sorted(TIMES)) | moments.map(lambda moment: moment.isoformat()),
        Any: st.recursive(st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5), st.lists),
    }
    return plain[kind]


RESPONSE_MODELS = [
    model
    for name in dir(hubapi.models)
    if isinstance(model := getattr(hubapi.models, name), type)
    and attrs.has(model)
    and all(field.default is None for field in attrs.fields(model))
]


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_both_readers_agree_on_what_msgspec_accepts(data: st.DataObject) -> None:
    """The lenient reader accepts more, and never returns another value."""
    result = data.draw(st.sampled_from([model for model in RESPONSE_MODELS if _is_native(model)]))
    content = stdlib_json.dumps(data.draw(json_of(result))).encode()
    try:
        fast = msgspec.json.decode(content, type=result)
    except msgspec.ValidationError:
        return
    assert fast == read_leniently(content, result) == decode_json(content, result)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_decoded_models_survive_encoding(data: st.DataObject) -> None:
    """Decoding an encoded model returns the same model."""
    result = data.draw(st.sampled_from(RESPONSE_MODELS))
    value = data.draw(json_of(result))
    try:
        found = decode_json(value, result)
    except DecodeError:
        return
    try:
        written = encode(found)
    except ConfigurationError:
        return  # a time that has no date in UTC

    assert found == decode_json(written, result)


# --- requests


def test_unset_is_not_sent_but_null_is() -> None:
    """A PATCH changes only what it contains, and null is a value."""
    nullable = attrs.make_class("Change", {"label": attrs.field(default=UNSET), "size": attrs.field(default=UNSET)})

    assert b"{}" == encode(PatchAccessTokenRequest())
    assert b'{"is_active":false}' == encode(PatchAccessTokenRequest(is_active=False))
    assert b'{"label":null}' == encode(nullable(label=None))
    assert b'{"label":""}' == encode(nullable(label=""))


def test_a_required_field_is_always_sent() -> None:
    """Empty or not."""
    assert b'{"token_label":"","scopes":[]}' == encode(CreateAccessTokenRequest(token_label="", scopes=[]))
    assert b'{"token_label":"x","scopes":["a"]}' == encode(CreateAccessTokenRequest(token_label="x", scopes=("a",)))


def test_a_model_from_a_response_is_sent_without_its_none_fields() -> None:
    """A name that was read can be sent back unchanged."""
    body = ScimUpdateUserRequest(schemas=["s"], enabled=True, name=ScimUserName(given_name="Jon"))

    assert b'{"schemas":["s"],"name":{"givenName":"Jon"},"enabled":true}' == encode(body)


def test_secrets_are_revealed_and_times_are_in_utc() -> None:
    """Encoding is the only place where a secret is revealed."""
    body = {"password": Secret("hunter2"), "at": datetime(2025, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))}

    assert b'{"password":"hunter2","at":"2025-01-01T00:00:00Z"}' == encode(body)


@pytest.mark.parametrize(
    "body",
    [
        {"a": object()},
        {"a": "\ud800"},
        {"a": Secret("\ud800")},
        {"a": datetime(2025, 1, 1)},  # noqa: DTZ001 - the case
        {"a": {1, 2}, "b": object},
        {"a": datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))},
    ],
    ids=["object", "surrogate", "secret surrogate", "naive time", "class", "time out of range"],
)
def test_a_body_that_json_can_not_represent_is_refused(body: object) -> None:
    """Before anything is sent; the message contains no value, which may be a password."""
    with pytest.raises(ConfigurationError) as caught:
        encode(body)

    assert (None, None) == (caught.value.__cause__, caught.value.__context__)


def test_a_body_that_contains_itself_is_refused() -> None:
    """Not a RecursionError."""
    body: dict[str, object] = {}
    body["a"] = body

    with pytest.raises(ConfigurationError):
        encode(body)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "/x"),
        (UNSET, "/x"),
        ("", "/x?q="),
        (True, "/x?q=true"),
        (False, "/x?q=false"),
        (0, "/x?q=0"),
        (1.5, "/x?q=1.5"),
        ("a b&c=d#e/ü", "/x?q=a+b%26c%3Dd%23e%2F%C3%BC"),
        (["a", "b"], "/x?q=a&q=b"),
        ([], "/x"),
        (datetime(2025, 1, 1, tzinfo=UTC), "/x?q=2025-01-01T00%3A00%3A00Z"),
    ],
)
def test_query_arguments_are_formatted_by_type(value: Argument, expected: str) -> None:
    """Unset and None are not sent."""
    assert expected == target(Operation(id="x", method="GET", path="/x", query={"q": value}, result=bytes))


@pytest.mark.parametrize("value", ["\ud800", datetime(2025, 1, 1)])  # noqa: DTZ001 - the case
def test_invalid_query_arguments_are_refused(value: Argument) -> None:
    """Half a surrogate pair, and a datetime without a zone."""
    with pytest.raises(ConfigurationError):
        target(Operation(id="x", method="GET", path="/x", query={"q": value}, result=bytes))


def test_a_request_has_a_user_agent_and_media_types() -> None:
    """Docker's firewall refuses the user agents of some libraries (D10)."""
    operation: Operation[bytes] = Operation(
        id="x", method="POST", path="/x", body={}, media_type="application/scim+json", result=bytes
    )

    request = build_request("https://hub.docker.com", operation, "hubapi/1")

    assert ("https://hub.docker.com/x", b"{}", None) == (request.url, request.content, request.bearer)
    assert "hubapi/1" == request.headers["user-agent"]
    assert "application/scim+json" == request.headers["content-type"]
