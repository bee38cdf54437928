"""The escape hatch: any route, by the same way, and nowhere else."""

from typing import Any

import pytest

from hubapi import AsyncHub, ConfigurationError, DecodeError, NotFound, OrgAccessToken
from hubapi.testing import FakeHub
from tests.core.scripted import JWT, SCIM_TOKEN, Canned, Script, hub_of, json

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

    with pytest.raises(DecodeError, match=r"^raw GET /v2/x: the answer \(200, no content type, 5 bytes\)"):
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
