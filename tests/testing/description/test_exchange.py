"""`/v2/auth/token`, which the description lacks: its answers are the login's, but for the token's name."""

import httpx
import pytest

from hubapi.testing import FakeHub, RateLimitPolicy, VirtualClock

from .corrected import OPERATIONS, Schema
from .world import PASSWORD, filled

pytestmark = pytest.mark.anyio

MOBY = {"identifier": "moby", "secret": PASSWORD}
INVALID = Schema("#/components/responses/BadRequest/content/application~1json/schema")
REFUSED = Schema("#/components/schemas/PostUsersLoginErrorResponse")


async def exchange(fake: FakeHub, body: object) -> httpx.Response:
    async with httpx.AsyncClient(transport=fake.transport(), base_url="http://hub.test") as client:
        return await client.post("/v2/auth/token", json=body)


@pytest.mark.parametrize(
    "body",
    [MOBY, {**MOBY, "secret": "dckr_pat_moby"}, {"identifier": "acme", "secret": "dckr_oat_acme"}],
    ids=["password", "personal access token", "organisation access token"],
)
async def test_an_exchange_gives_an_access_token(body: dict[str, str]) -> None:
    """One string, under the name that Docker's newer descriptions have."""
    answer = await exchange(filled(clock=VirtualClock()), body)

    assert (200, "application/json") == (answer.status_code, answer.headers["content-type"])
    assert {"access_token": str} == {key: type(value) for key, value in answer.json().items()}


@pytest.mark.parametrize(
    ("status", "schema", "body"),
    [
        (400, INVALID, {"identifier": "moby"}),
        (400, INVALID, []),
        (401, REFUSED, {**MOBY, "secret": "wrong"}),
        (401, REFUSED, {**MOBY, "identifier": "whale"}),
    ],
)
async def test_a_refused_exchange_says_so_as_a_refused_login(status: int, schema: Schema, body: object) -> None:
    """With the same keys, and no other."""
    answer = await exchange(filled(clock=VirtualClock()), body)

    assert (status, "application/json") == (answer.status_code, answer.headers["content-type"])
    assert [] == schema.problems(answer.json())
    assert [] == list(schema.unknown_keys(answer.json()))


async def test_an_exchange_is_limited_as_any_request() -> None:
    """With the answer that is described elsewhere."""
    fake = filled(clock=VirtualClock(), anonymous_limit=RateLimitPolicy(1))
    await exchange(fake, MOBY)
    answer = await exchange(fake, MOBY)

    example = OPERATIONS["audit_logs.list"].definition["responses"]["429"]["content"]["application/json"]["examples"]
    assert (429, example["response"]["value"]) == (answer.status_code, answer.json())
