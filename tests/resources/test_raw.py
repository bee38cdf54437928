"""The escape hatch: any route, by the same way, and nowhere else."""

from typing import Any

import anyio
import httpx
import pytest

from hubapi import AsyncHub, ConfigurationError, DecodeError, NotFound, OrgAccessToken
from hubapi.testing import FakeHub
from tests.pipeline.scripted import JWT, SCIM_TOKEN, Canned, Script, hub_of, json

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("answer", "expected"),
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
async def test_the_json_of_the_answer_is_returned(answer: Canned, expected: Any) -> None:
    """Whatever it is; None where there is none."""
    assert expected == await hub_of(Script([answer])).raw.request("GET", "/v2/x")


async def test_a_request_is_sent_as_it_is_asked_for() -> None:
    """Method, path, query, body and bearer."""
    script = Script([json({})])

    await hub_of(script).raw.request("post", "/v2/x%20y", query={"a": 1, "b": None, "c": ["d", "e"]}, body={"k": True})

    assert ["POST /v2/x%20y?a=1&c=d&c=e"] == script.sent
    assert b'{"k":true}' == script.requests[0].content
    assert f"Bearer {JWT}" == script.requests[0].headers["authorization"]


async def test_a_query_in_the_path_is_added_to() -> None:
    """As links of the server have it."""
    script = Script([json({})])

    await hub_of(script).raw.request("GET", "/v2/x?a=1", query={"b": 2})

    assert ["GET /v2/x?a=1&b=2"] == script.sent


@pytest.mark.parametrize(
    ("auth", "bearer"),
    [("bearer", f"Bearer {JWT}"), ("optional", f"Bearer {JWT}"), ("scim", f"Bearer {SCIM_TOKEN}"), ("none", None)],
)
async def test_the_bearer_is_the_one_asked_for(auth: Any, bearer: str | None) -> None:
    """The SCIM routes take their own, and some routes none."""
    script = Script([json({})])

    await hub_of(script).raw.request("GET", "/v2/x", auth=auth)

    assert bearer == script.requests[0].headers.get("authorization")


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
    """With a bearer on board, behind the base URL it must stay on that host."""
    script = Script([json({})])

    with pytest.raises(ConfigurationError):
        await hub_of(script).raw.request("GET", path)

    assert [] == script.requests


async def test_braces_in_a_path_are_no_template() -> None:
    """They are encoded."""
    script = Script([json({})])

    await hub_of(script).raw.request("GET", "/v2/{x}")

    assert ["GET /v2/%7Bx%7D"] == script.sent


async def test_an_answer_that_is_no_json_is_a_decode_error() -> None:
    """It names the operation, without the query."""
    hub = hub_of(Script([Canned(200, b"hello")]), max_attempts=1)

    with pytest.raises(DecodeError, match=r"^raw GET /v2/x: the response \(200, no content type, 5 bytes\)"):
        await hub.raw.request("GET", "/v2/x?key=hunter2")


async def test_a_route_that_the_description_lacks_is_reached_over_http() -> None:
    """Against the fake, with a login of its own."""
    fake = FakeHub(seed=7)
    fake.add_user("moby", password="hunter2-hunter2")
    fake.add_org("acme", owners=["moby"], tokens=["dckr_oat_acme"], events=3)
    async with fake.serve() as url, AsyncHub(OrgAccessToken("acme", "dckr_oat_acme"), base_url=url) as hub:
        page = await hub.raw.request("GET", "/v2/auditlogs/acme", query={"page_size": 2})
        with pytest.raises(NotFound):
            await hub.raw.request("GET", "/v2/nothing/here")

    assert fake.events("acme")[:2] == page["logs"]


# --- the answer beside the result


async def test_the_answer_stands_beside_the_result() -> None:
    """Status, headers, rate limit, and the JSON with its unknown keys."""
    tag = {"name": "3.13", "new_key": [1]}
    limits = {"x-ratelimit-limit": "180", "x-ratelimit-remaining": "7", "x-ratelimit-reset": "1735689658"}
    hub = hub_of(Script([json(tag, **limits)]))

    answer = await hub.raw.response(hub.repositories.get_tag("library", "python", "3.13"))

    assert ("3.13", 200, tag) == (answer.result.name, answer.status, answer.json())
    assert "180" == answer.headers["x-ratelimit-limit"]
    assert answer.rate_limit is not None
    assert (180, 7, 1735689658) == (
        answer.rate_limit.limit,
        answer.rate_limit.remaining,
        answer.rate_limit.reset_at and answer.rate_limit.reset_at.timestamp(),
    )


async def test_it_shows_no_secret() -> None:
    """A new token stands in the body."""
    hub = hub_of(Script([json({"token": "dckr_pat_canary"}, 201)]))

    answer = await hub.raw.response(hub.access_tokens.create("ci", ["repo:read"]))

    assert "dckr_pat_canary" == answer.result.token
    assert "canary" not in repr(answer)


async def test_of_several_requests_the_last_answer_is_kept() -> None:
    """As for a walk."""
    hub = hub_of(Script([json({"logs": [{"action": "a"}]}), json({"logs": []})]))

    answer = await hub.raw.response(hub.audit_logs.list("acme").collect())

    assert (1, {"logs": []}) == (len(answer.result), answer.json())


async def test_calls_side_by_side_keep_to_their_own_answers() -> None:
    """Each is awaited in a task of its own."""

    async def echo(request: httpx.Request) -> Canned:
        return json({"name": request.url.path[-1]})

    hub = hub_of(Script([echo]))
    names: list[tuple[str | None, str]] = []

    async def ask(tag: str) -> None:
        answer = await hub.raw.response(hub.repositories.get_tag("library", "python", tag))
        names.append((answer.result.name, answer.json()["name"]))

    async with anyio.create_task_group() as tasks:
        for tag in ("x", "y", "z"):
            tasks.start_soon(ask, tag)

    assert [("x", "x"), ("y", "y"), ("z", "z")] == sorted(names)


async def test_an_answer_without_a_body_has_no_json() -> None:
    """Such as that of a HEAD, or a 204."""
    hub = hub_of(Script([Canned(204)]))

    assert None is (await hub.raw.response(hub.access_tokens.delete("1"))).json()


async def test_a_call_without_a_request_has_no_answer() -> None:
    """As of a paginator that has the item already."""
    hub = hub_of(Script([json({"logs": [{"action": "a"}, {"action": "b"}]})]))
    walk = hub.audit_logs.list("acme")
    await walk.first()

    with pytest.raises(ConfigurationError, match="made no request"):
        await hub.raw.response(walk.first())


async def test_a_failed_call_fails_as_ever() -> None:
    """The error has the answer's parts itself."""
    hub = hub_of(Script([json({"message": "no"}, 404)]))

    with pytest.raises(NotFound) as caught:
        await hub.raw.response(hub.repositories.get_tag("library", "python", "x"))

    assert (404, b'{"message":"no"}') == (caught.value.status, caught.value.body)
