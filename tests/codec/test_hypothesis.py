"""For any response of the server, a caller gets a result or a HubError."""

import gzip
import json as stdlib_json
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hubapi import AsyncHub, HubError
from hubapi._codec.request import target
from hubapi._operation import Operation
from hubapi.errors import ConfigurationError
from hubapi.models import AccessToken, AuditLog, ScimServiceProviderConfig, ScimUser, Tag
from hubapi.testing import VirtualClock
from tests.pipeline.scripted import Canned, Script, hub_of


async def audit_page(hub: AsyncHub) -> object:
    return await hub.audit_logs.list("acme").collect(1)


async def tag(hub: AsyncHub) -> object:
    return await hub.repositories.get_tag("library", "python", "3.13")


async def tag_page(hub: AsyncHub) -> object:
    return await hub.repositories.list_tags("library", "python").first()


async def scim_page(hub: AsyncHub) -> object:
    return await hub.scim.list_users().first()


async def scim_config(hub: AsyncHub) -> object:
    return await hub.scim.get_service_provider_config()


async def head(hub: AsyncHub) -> object:
    return await hub.repositories.has_tag("library", "python", "3.13")


async def delete(hub: AsyncHub) -> object:
    await hub.access_tokens.delete("u")
    return None


async def create(hub: AsyncHub) -> object:
    return await hub.access_tokens.create("ci", ["repo:read"])


async def raw(hub: AsyncHub) -> object:
    return await hub.raw.request("GET", "/v2/anything")


CALLS = [audit_page, tag, tag_page, scim_page, scim_config, head, delete, create, raw]
RESULTS = (
    type(None),
    bool,
    list,
    dict,
    str,
    int,
    float,
    Tag,
    AuditLog,
    ScimUser,
    ScimServiceProviderConfig,
    AccessToken,
)

KEYS = [
    *("logs", "results", "next", "resources", "Resources", "totalResults", "authenticationSchemes", "images", "layers"),
    *("message", "detail", "fields", "text", "code", "scimType", "errinfo", "timestamp", "data", "name", "v2", "token"),
    *("scopes", "created_at", "is_active", "userName", "meta", "created", "emails", "size", "count"),
]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**63, max_value=2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["true", "2021-02-19T01:34:35Z", "9999-12-31T23:59:59+23:59", "https://evil.example/", "/v2/x"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner),
    max_leaves=12,
)
TRAPS = [
    *(b"[" * 100_000, b'{"logs":' * 50_000, b'{"results":[{"images":' * 3_000, b'{"resources":[{"meta":' * 3_000),
    *(b"NaN", b'{"size":NaN}', b'{"size":1e999}', b'{"size":-Infinity}', b'{"full_size":1e400}'),
    *(b"9" * 9_999, b'{"size":' + b"9" * 9_999 + b"}", b'{"totalResults":' + b"9" * 9_999 + b"}"),
    *(b'{"name":"\\ud800"}', b'{"name":"\xff"}', b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b'{"a":1,"a":2}'),
    *(b'{"next":5,"results":[]}', b'{"next":{},"results":[{}]}', b'{"resources":{},"totalResults":"2"}'),
    *(b'{"authenticationSchemes":[]}', b'{"authenticationSchemes":[5]}', b'{"meta":{"created":"0001-01-01"}}'),
    *(b'{"logs":[null,{"timestamp":"x"}]}', b'{"logs":{"data":[]}}', b'{"logs":[{"data":{"a":1e999}}]}'),
    *(b"", b" ", b"null", b"true", b'"', b"{", b"<html>", b'{"message":', b'"words"', b"[[]]", b"\x00" * 64),
    *(gzip.compress(b"{}"), gzip.compress(b"{}")[:-4], b"{}" + b" " * 100_000 + b"x"),
]
bodies = st.binary(max_size=60) | st.sampled_from(TRAPS) | values.map(lambda value: stdlib_json.dumps(value).encode())
visible = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20).map(str.strip)
headers = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(["application/json", "text/html", "text/plain", "application/scim+json", "x"]),
        "content-encoding": st.sampled_from(["gzip", "deflate", "br", "zstd", "identity", "gzip, gzip", "none"]),
        "location": st.sampled_from(["/x", "https://evil.example/", "http://[", "//", "\xfc"]) | visible,
        "retry-after": st.sampled_from(["1", "1e400", "nan", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", "x", "9" * 400]),
        "x-ratelimit-limit": st.sampled_from(["600", "-1", "0", "x", "1e5", "9" * 5000]),
        "x-ratelimit-remaining": st.sampled_from(["600", "-534", "", "x", "9" * 5000]),
        "x-ratelimit-reset": st.sampled_from(["1735689660", "1735689660000", "nan", "1e300", "x", "-1"]),
        "date": st.sampled_from(["Wed, 01 Jan 2025 00:00:00 GMT", "x", "Wed, 01 Jan 20250 00:00:00 GMT"]) | visible,
        "set-cookie": visible,
        "x-request-id": visible,
    },
)
statuses = st.sampled_from([200, 201, 202, 204, 206, 301, 304, 400, 401, 403, 404, 405, 409, 418, 429, 500, 503, 599])


async def outcome(call: Callable[[AsyncHub], Awaitable[object]], reply: Canned, max_attempts: int) -> object:
    async with VirtualClock() as clock:
        hub = hub_of(Script([reply]), clock, max_attempts=max_attempts, deadline=5)
        try:
            return await call(hub)
        except HubError as error:
            caught = error
    assert caught.operation is not None
    assert len(str(caught)) < 1500
    assert "\n" not in str(caught)
    return None


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(statuses, bodies, headers, st.sampled_from([1, 2]))
@example(200, b'{"logs":' * 50_000, {"content-type": "application/json"}, 2)
@example(200, b"\x1f\x8b", {"content-encoding": "gzip"}, 1)
@example(307, b"", {"location": "http://["}, 1)
@example(429, b"", {"retry-after": "nan"}, 1)
def test_any_response_gives_a_result_or_a_hub_error(
    status: int, body: bytes, fields: dict[str, str], max_attempts: int
) -> None:
    """For every kind of operation; no exception of a parser, a decoder or a recursion reaches the caller."""

    async def every() -> None:
        for call in CALLS:
            found = await outcome(call, Canned(status, body, fields), max_attempts)
            assert isinstance(found, RESULTS), call

    anyio.run(every)


@pytest.mark.parametrize("call", CALLS)
def test_every_known_trap_gives_a_result_or_a_hub_error(call: Callable[[AsyncHub], Awaitable[object]]) -> None:
    """Depth, size, NaN, surrogates, broken compression: one after the other."""

    async def every() -> None:
        for status in (200, 403, 500):
            for body in TRAPS:
                for kind in ("application/json", "text/html"):
                    found = await outcome(call, Canned(status, body, {"content-type": kind}), 1)
                    assert isinstance(found, RESULTS), body[:60]

    anyio.run(every)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30) | st.sampled_from(["..", ".", "a/../b", "%2e%2e", "a?b#c", "\\..\\", "ü/é", "\ud800", ""]))
def test_a_path_value_stays_one_segment_or_is_refused(value: str) -> None:
    """No value can change the rest of the path."""
    operation: Operation[Any] = Operation(
        id="x", method="GET", path="/v2/x/{name}/y", path_values={"name": value}, result=bytes
    )

    try:
        path = target(operation)
    except ConfigurationError:
        return

    assert ["", "v2", "x", "y"] == [*path.split("/")[:3], path.split("/")[4]]
    assert 5 == len(path.split("/"))
    assert not set(path) & set("?#\\ \n")
