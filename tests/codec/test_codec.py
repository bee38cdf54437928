"""Values to bytes and back, by both ways of reading an answer."""

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
from hubapi._codec.codec import _is_native, build_request, decode, encode, is_garbled, target
from hubapi._codec.lenient import structure
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

SAMPLES = Path(__file__).parents[1] / "samples"


@attrs.define(kw_only=True)
class Packed:
    """A model with bytes, which no operation has at present."""

    value: bytes | None = None


def read(value: object, result: Any) -> Any:
    """Decode as a call does: the fast way where it works, else the tolerant one."""
    content = value if isinstance(value, bytes) else msgspec.json.encode(value)
    operation: Operation[Any] = Operation(id="x", method="GET", path="/", result=result)
    return decode(Response(status=200, headers={"content-type": "application/json"}, content=content), operation)


def read_tolerantly(value: object, result: Any) -> Any:
    raw = msgspec.json.decode(value) if isinstance(value, bytes) else value
    found, problem = structure(raw, result)
    assert problem is None, problem
    return found


# --- what the server really sends


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
def test_recorded_answers_read_alike_both_ways(name: str, result: Any) -> None:
    """As the server really answered."""
    assert read(sample(name), result) == read_tolerantly(sample(name), result)


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
def test_images_are_a_list_whatever_came(images: object, expected: object) -> None:
    """The description says one object, the server sends a list, sometimes empty or null (D1)."""
    assert expected == read({"images": images}, Tag).images


@pytest.mark.parametrize(
    ("v2", "expected"), [(True, True), (False, False), ("true", True), ("False", False), (1, True), (0, False)]
)
def test_v2_is_a_bool_whatever_came(v2: object, expected: bool) -> None:
    """The description says text (D2)."""
    assert expected is read({"v2": v2}, Tag).v2


def test_the_status_stands_under_either_key_and_may_be_new() -> None:
    """`tag_status` in life, `status` in the description; an unknown word is just a word (D3)."""
    assert ("active", "resting") == ((tag := read({"status": "active", "tag_status": "resting"}, Tag)).status,
                                     tag.tag_status)  # fmt: skip


def test_extra_keys_are_read_or_ignored() -> None:
    """Some are known by now, others will come (D4)."""
    tag = read({"digest": "sha256:1", "media_type": "m", "content_type": "helm", "brand_new": {"a": [1]}}, Tag)

    assert ("sha256:1", "m", "helm") == (tag.digest, tag.media_type, tag.content_type)


@pytest.mark.parametrize("result", [Tag, Image, AuditLog, AccessToken, ScimUser, ScimServiceProviderConfig])
def test_every_field_of_an_answer_may_be_null_or_missing(result: Any) -> None:
    """Both read as None (D5, D35)."""
    names = [field.metadata.get(WIRE, field.name) for field in attrs.fields(result)]

    assert result() == read(dict.fromkeys(names), result) == read({}, result)


def test_an_audit_event_may_have_an_id_and_any_data() -> None:
    """`event_id` is not described, `data` is anything (D21)."""
    data: dict[str, Any] = {"access_token_id": 5, "nested": {"a": [None, 1.5]}}

    found = read({"logs": [{"event_id": "e", "data": data}, {"data": {}}]}, GetAuditLogsResponse).logs

    assert [AuditLog(event_id="e", data=data), AuditLog(data={})] == found


@pytest.mark.parametrize("key", ["resources", "Resources", "RESOURCES"])
def test_scim_lists_are_found_under_either_spelling(key: str) -> None:
    """RFC 7644 says `Resources`, the description `resources` (D33)."""
    page = read({"totalResults": 1, key: [{"id": "u"}]}, ScimUserList)

    assert (1, [ScimUser(id="u")]) == (page.total_results, page.resources)


@pytest.mark.parametrize(
    ("schemes", "expected"),
    [({"name": "a"}, "a"), ([{"name": "a"}, {"name": "b"}], "a"), ([], None), (None, None)],
)
def test_authentication_schemes_are_an_object_or_a_list(schemes: object, expected: str | None) -> None:
    """RFC 7643 has a list: the first is taken (D33)."""
    found = read({"authenticationSchemes": schemes}, ScimServiceProviderConfig).authentication_schemes

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
def test_a_time_reads_the_same_both_ways(text: str) -> None:
    """With any number of digits, with or without a zone, as Go prints it: the same aware moment."""
    expected = datetime(2021, 2, 19, 1, 34, 35, TIMES[text], tzinfo=UTC)

    assert expected == parse_timestamp(text)
    assert expected == read({"last_updated": text}, Tag).last_updated
    assert expected == read_tolerantly({"last_updated": text}, Tag).last_updated
    assert read({"last_updated": text}, Tag).last_updated.tzinfo is not None


@pytest.mark.parametrize("text", ["", "yesterday", "2021-13-01T00:00:00Z", "2021-02-30T00:00:00Z", "12", "0"])
def test_what_is_no_time_is_an_error_that_says_where(text: str) -> None:
    """And does not repeat what stood there."""
    with pytest.raises(DecodeError) as caught:
        read({"results": [{}, {"last_updated": text}]}, PaginatedTags)

    assert ("$.results[1].last_updated", f"a time, found text of {len(text)} characters") == (
        caught.value.path,
        caught.value.expected,
    )


# --- what neither way can read


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
        ({"value": "no base64!"}, Packed, "$.value"),
        ({"value": 5}, Packed, "$.value"),
    ],
)
def test_other_json_is_an_error_with_its_path(value: object, result: Any, path: str) -> None:
    """Another attempt would not help: it is not garbled."""
    with pytest.raises(DecodeError) as caught:
        read(value, result)

    assert path == caught.value.path
    assert not is_garbled(caught.value)
    assert "x" == caught.value.operation


@pytest.mark.parametrize(
    "content",
    [b"<html>", b"{", b'{"id": 1', b"[1,]", b"nope", b"\xff\xfe", b'{"name": "\xff"}', b"{}x", b"\x1f\x8b\x08"],
)
@pytest.mark.parametrize("result", [Tag, ScimUser, dict[str, Any]])
def test_what_is_no_json_is_garbled(content: bytes, result: Any) -> None:
    """Half an answer, or a page for people: another attempt may help."""
    if content == b'{"name": "\xff"}' and result is ScimUser:
        return  # msgspec does not look into the strings of keys that it skips
    with pytest.raises(DecodeError) as caught:
        read(content, result)

    assert is_garbled(caught.value)


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"images":' * 100_000])
def test_json_that_is_too_deep_is_an_error(content: bytes) -> None:
    """Not a RecursionError, and not worth another attempt."""
    with pytest.raises(DecodeError) as caught:
        read(content, dict[str, Any])

    assert not is_garbled(caught.value)


# --- both ways agree


@cache
def json_of(kind: Any) -> st.SearchStrategy[Any]:
    """JSON that is nearly always fit for a type."""
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


ANSWERS = [
    model
    for name in dir(hubapi.models)
    if isinstance(model := getattr(hubapi.models, name), type)
    and attrs.has(model)
    and all(field.default is None for field in attrs.fields(model))
]


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_both_ways_read_the_same_wherever_the_fast_one_can(data: st.DataObject) -> None:
    """The tolerant way reads more, and never differently."""
    result = data.draw(st.sampled_from([model for model in ANSWERS if _is_native(model)]))
    content = stdlib_json.dumps(data.draw(json_of(result))).encode()
    try:
        fast = msgspec.json.decode(content, type=result)
    except msgspec.ValidationError:
        return
    assert fast == read_tolerantly(content, result) == read(content, result)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_was_read_is_written_as_it_was_read(data: st.DataObject) -> None:
    """Decoding what was encoded gives the same model, whichever it is."""
    result = data.draw(st.sampled_from(ANSWERS))
    value = data.draw(json_of(result))
    try:
        found = read(value, result)
    except DecodeError:
        return
    try:
        written = encode(found)
    except ConfigurationError:
        return  # a time that has no date in UTC

    assert found == read(written, result)


# --- requests


def test_unset_is_not_sent_and_null_is() -> None:
    """A PATCH changes what it names; null is a value."""
    nullable = attrs.make_class("Change", {"label": attrs.field(default=UNSET), "size": attrs.field(default=UNSET)})

    assert b"{}" == encode(PatchAccessTokenRequest())
    assert b'{"is_active":false}' == encode(PatchAccessTokenRequest(is_active=False))
    assert b'{"label":null}' == encode(nullable(label=None))
    assert b'{"label":""}' == encode(nullable(label=""))


def test_a_required_field_is_always_sent() -> None:
    """Empty or not."""
    assert b'{"token_label":"","scopes":[]}' == encode(CreateAccessTokenRequest(token_label="", scopes=[]))
    assert b'{"token_label":"x","scopes":["a"]}' == encode(CreateAccessTokenRequest(token_label="x", scopes=("a",)))


def test_a_model_of_both_directions_leaves_none_out() -> None:
    """A name that was read and is sent back says no more than it knows."""
    body = ScimUpdateUserRequest(schemas=["s"], enabled=True, name=ScimUserName(given_name="Jon"))

    assert b'{"schemas":["s"],"name":{"givenName":"Jon"},"enabled":true}' == encode(body)


def test_a_secret_is_written_and_a_time_is_in_utc() -> None:
    """The one place where a secret is revealed."""
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
    ids=["object", "surrogate", "secret surrogate", "naive time", "class", "time beyond time"],
)
def test_what_json_can_not_hold_is_refused(body: object) -> None:
    """Before anything is sent; the words name no value, which may be a password."""
    with pytest.raises(ConfigurationError) as caught:
        encode(body)

    assert (None, None) == (caught.value.__cause__, caught.value.__context__)


def test_a_body_that_holds_itself_is_refused() -> None:
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
def test_query_arguments_are_written_by_their_type(value: Argument, expected: str) -> None:
    """Unset and None are not sent at all."""
    assert expected == target(Operation(id="x", method="GET", path="/x", query={"q": value}, result=bytes))


@pytest.mark.parametrize("value", ["\ud800", datetime(2025, 1, 1)])  # noqa: DTZ001 - the case
def test_query_arguments_that_say_nothing_are_refused(value: Argument) -> None:
    """No half characters, no moment without a zone."""
    with pytest.raises(ConfigurationError):
        target(Operation(id="x", method="GET", path="/x", query={"q": value}, result=bytes))


def test_a_request_says_what_it_is_and_what_it_wants() -> None:
    """A user agent of its own: Docker's firewall refuses some libraries' (D10)."""
    operation: Operation[bytes] = Operation(
        id="x", method="POST", path="/x", body={}, media_type="application/scim+json", result=bytes
    )

    request = build_request("https://hub.docker.com", operation, "hubapi/1")

    assert ("https://hub.docker.com/x", b"{}", None) == (request.url, request.content, request.bearer)
    assert "hubapi/1" == request.headers["user-agent"]
    assert "application/scim+json" == request.headers["content-type"]
