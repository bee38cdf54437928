"""Requests to any route of the server, and the raw responses of methods."""

from typing import Any

import anyio
import httpx
import pytest

from hubapi import AsyncHub, ConfigurationError, DecodeError, NotFound, OrgAccessToken
from hubapi.testing import FakeHub
from tests.pipeline.scripted import JWT, SCIM_TOKEN, Canned, Script, hub_of, json

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (json({"a": [1, None, "x"]}), {"a": [1, None, "x"]}),
        (json([]), []),
        (json("words"), "words"),
        (json(None), None),
        (Canned(204), None),
        (Canned(200, b" \n"), None),
        (Canned(200, b'{"no": "content type"}'), {"no": "content type"}),
    ],
)
async def test_the_json_of_the_response_is_returned(response: Canned, expected: Any) -> None:
    """Of any type; None for an empty response."""
    assert expected == await hub_of(Script([response])).raw.request("GET", "/v2/x")


async def test_a_request_is_sent_as_requested() -> None:
    """Method, path, query, body and token."""
    script = Script([json({})])

    await hub_of(script).raw.request("post", "/v2/x%20y", query={"a": 1, "b": None, "c": ["d", "e"]}, body={"k": True})

    assert ["POST /v2/x%20y?a=1&c=d&c=e"] == script.sent
    assert b'{"k":true}' == script.requests[0].content
    assert f"Bearer {JWT}" == script.requests[0].headers["authorization"]


async def test_query_arguments_are_added_to_a_query_in_the_path() -> None:
    """Links of the server have one."""
    script = Script([json({})])

    await hub_of(script).raw.request("GET", "/v2/x?a=1", query={"b": 2})

    assert ["GET /v2/x?a=1&b=2"] == script.sent


@pytest.mark.parametrize(
    ("auth", "expected"),
    [("bearer", f"Bearer {JWT}"), ("optional", f"Bearer {JWT}"), ("scim", f"Bearer {SCIM_TOKEN}"), ("none", None)],
)
async def test_the_token_is_the_requested_one(auth: Any, expected: str | None) -> None:
    """The SCIM routes take their own, and some routes none."""
    script = Script([json({})])

    await hub_of(script).raw.request("GET", "/v2/x", auth=auth)

    assert expected == script.requests[0].headers.get("authorization")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "v2/x",
        "@evil.example/",
        ".evil.example/",
        ":80/",
        "https://evil.example/",
        "//evil\\.example/",
        "/v2/../x",
        "/v2/%2e%2e/x",
        "/v2/x y",
        "/v2/x\r\nHost: evil.example",
        "/v2/x#y",
        "/v2/\ud800",
    ],
)
async def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    """The request carries a token, so appended to the base URL the path must stay on that host."""
    script = Script([json({})])

    with pytest.raises(ConfigurationError):
        await hub_of(script).raw.request("GET", path)

    assert [] == script.requests


async def test_braces_in_a_path_are_not_a_template() -> None:
    """They are encoded."""
    script = Script([json({})])

    await hub_of(script).raw.request("GET", "/v2/{x}")

    assert ["GET /v2/%7Bx%7D"] == script.sent


async def test_a_response_that_is_not_json_is_a_decode_error() -> None:
    """It names the operation, without the query."""
    hub = hub_of(Script([Canned(200, b"hello")]), max_attempts=1)

    with pytest.raises(DecodeError, match=r"^raw GET /v2/x: the response \(200, no content type, 5 bytes\)"):
        await hub.raw.request("GET", "/v2/x?key=hunter2")


async def test_a_route_outside_the_description_works_over_http() -> None:
    """Against the fake, with a login."""
    fake = FakeHub(seed=7)
    fake.add_user("moby", password="hunter2-hunter2")
    fake.add_org("acme", owners=["moby"], tokens=["dckr_oat_acme"], events=3)
    async with fake.serve() as url, AsyncHub(OrgAccessToken("acme", "dckr_oat_acme"), base_url=url) as hub:
        page = await hub.raw.request("GET", "/v2/auditlogs/acme", query={"page_size": 2})
        with pytest.raises(NotFound):
            await hub.raw.request("GET", "/v2/nothing/here")

    assert fake.events("acme")[:2] == page["logs"]


# --- raw responses


async def test_a_raw_response_has_the_result_and_the_response() -> None:
    """Status, headers, rate limit, and the JSON with its unknown keys."""
    tag = {"name": "3.13", "new_key": [1]}
    limits = {"x-ratelimit-limit": "180", "x-ratelimit-remaining": "7", "x-ratelimit-reset": "1735689658"}
    hub = hub_of(Script([json(tag, **limits)]))

    response = await hub.raw.response(hub.repositories.get_tag("library", "python", "3.13"))

    assert ("3.13", 200, tag) == (response.result.name, response.status, response.json())
    assert "180" == response.headers["x-ratelimit-limit"]
    assert response.rate_limit is not None
    assert (180, 7, 1735689658) == (
        response.rate_limit.limit,
        response.rate_limit.remaining,
        response.rate_limit.reset_at and response.rate_limit.reset_at.timestamp(),
    )


async def test_a_raw_response_shows_no_secret() -> None:
    """Its body may contain a new token."""
    hub = hub_of(Script([json({"token": "dckr_pat_canary"}, 201)]))

    response = await hub.raw.response(hub.access_tokens.create("ci", ["repo:read"]))

    assert "dckr_pat_canary" == response.result.token
    assert "canary" not in repr(response)


async def test_the_last_response_of_several_is_kept() -> None:
    """As with a listing."""
    hub = hub_of(Script([json({"logs": [{"action": "a"}]}), json({"logs": []})]))

    response = await hub.raw.response(hub.audit_logs.list("acme").collect())

    assert (1, {"logs": []}) == (len(response.result), response.json())


async def test_concurrent_calls_have_their_own_responses() -> None:
    """Each is awaited in a task of its own."""

    async def echo(request: httpx.Request) -> Canned:
        return json({"name": request.url.path[-1]})

    hub = hub_of(Script([echo]))
    names: list[tuple[str | None, str]] = []

    async def ask(tag: str) -> None:
        response = await hub.raw.response(hub.repositories.get_tag("library", "python", tag))
        names.append((response.result.name, response.json()["name"]))

    async with anyio.create_task_group() as tasks:
        for tag in ("x", "y", "z"):
            tasks.start_soon(ask, tag)

    assert [("x", "x"), ("y", "y"), ("z", "z")] == sorted(names)


async def test_a_response_without_a_body_has_no_json() -> None:
    """Such as that of a HEAD, or a 204."""
    hub = hub_of(Script([Canned(204)]))

    assert None is (await hub.raw.response(hub.access_tokens.delete("1"))).json()


async def test_a_call_without_a_request_has_no_response() -> None:
    """As when a paginator already has the item."""
    hub = hub_of(Script([json({"logs": [{"action": "a"}, {"action": "b"}]})]))
    walk = hub.audit_logs.list("acme")
    await walk.first()

    with pytest.raises(ConfigurationError, match="made no request"):
        await hub.raw.response(walk.first())


async def test_a_failed_call_raises_its_own_error() -> None:
    """The error has the parts of the response itself."""
    hub = hub_of(Script([json({"message": "no"}, 404)]))

    with pytest.raises(NotFound) as caught:
        await hub.raw.response(hub.repositories.get_tag("library", "python", "x"))

    assert (404, b'{"message":"no"}') == (caught.value.status, caught.value.body)
