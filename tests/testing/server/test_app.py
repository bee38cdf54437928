"""The path of every request: headers, rate limits, routing, the log."""

import logging
from email.utils import parsedate_to_datetime

import httpx
import pytest

from hubapi.testing import FakeHub, RateLimitPolicy, RetryAfter, VirtualClock

pytestmark = pytest.mark.anyio

TAGS = "/v2/namespaces/library/repositories/python/tags"


def hub(
    clock: VirtualClock, *, anonymous_limit: RateLimitPolicy, retry_after: RetryAfter = "x-retry-after-epoch"
) -> FakeHub:
    fake = FakeHub(clock=clock, retry_after=retry_after, anonymous_limit=anonymous_limit)
    fake.add_repository("library", "python")
    return fake


def to(fake: FakeHub, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=fake.transport(), base_url="http://hub.test", headers=headers)


async def test_every_response_has_the_limit_and_the_date(clock: VirtualClock) -> None:
    """Successes, errors and logins have the three headers, and one Date of the server's clock."""
    fake = FakeHub(clock=clock, skew_s=45.0)
    async with to(fake) as client:
        responses = [
            await client.post("/v2/users/login", json={"username": "moby", "password": "pw"}),
            await client.get("/v2/auditlogs/acme"),
            await client.head(TAGS),
            await client.get("/v2/nonsense"),
        ]

    assert [int(response.headers["x-ratelimit-remaining"]) for response in responses] == [179, 178, 177, 176]
    for response in responses:
        date = parsedate_to_datetime(response.headers["date"])
        assert len(response.headers.get_list("date")) == 1
        assert clock.time() + 45 == date.timestamp()
        assert response.headers["x-ratelimit-limit"] == "180"
        assert int(response.headers["x-ratelimit-reset"]) == date.timestamp() + 58


async def test_an_account_has_its_own_limit(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """Requests with a token are limited by account, whatever their address."""
    first = await moby.get("/v2/auditlogs/acme")
    elsewhere = httpx.AsyncClient(
        transport=fake.transport(address="10.0.0.9"), base_url="http://hub.test", headers=moby.headers
    )
    async with elsewhere:
        second = await elsewhere.get("/v2/auditlogs/acme")

    assert [
        (response.headers["x-ratelimit-limit"], response.headers["x-ratelimit-remaining"])
        for response in (first, second)
    ] == [("600", "599"), ("600", "598")]


async def test_an_address_has_its_own_limit(clock: VirtualClock) -> None:
    """Anonymous requests are limited by address."""
    fake = hub(clock, anonymous_limit=RateLimitPolicy(1))
    async with (
        httpx.AsyncClient(transport=fake.transport(address="10.0.0.1"), base_url="http://hub.test") as one,
        httpx.AsyncClient(transport=fake.transport(address="10.0.0.2"), base_url="http://hub.test") as other,
    ):
        assert [(await client.get(TAGS)).status_code for client in (one, one, other)] == [200, 429, 200]


@pytest.mark.parametrize("kind", ["rolling", "fixed"])
async def test_a_request_passes_after_the_wait(clock: VirtualClock, kind: str) -> None:
    """A 429 has the server's own body, and its retry time is late enough."""
    clock.advance(0.7)
    limit = RateLimitPolicy(2, kind="rolling" if kind == "rolling" else "fixed")
    async with to(hub(clock, anonymous_limit=limit)) as client:
        for wait in (0.0, 0.4, 0.4):
            clock.advance(wait)
            response = await client.get(TAGS)
        assert response.status_code == 429
        assert response.json() == {"detail": "Rate limit exceeded", "error": False}

        clock.advance(float(response.headers["x-retry-after"]) - clock.time())
        assert (await client.get(TAGS)).status_code == 200


@pytest.mark.parametrize(
    ("form", "header"),
    [("x-retry-after-epoch", "x-retry-after"), ("retry-after-seconds", "retry-after"), ("none", None)],
)
async def test_the_form_of_the_retry_header_can_be_chosen(
    clock: VirtualClock, form: RetryAfter, header: str | None
) -> None:
    """A 429 has only the chosen header, other responses none."""
    async with to(hub(clock, retry_after=form, anonymous_limit=RateLimitPolicy(1))) as client:
        passed, rejected = await client.get(TAGS), await client.get(TAGS)

    assert [name for name in passed.headers if "retry" in name] == []
    assert [header] * (header is not None) == [name for name in rejected.headers if "retry" in name]


async def test_an_unknown_form_of_the_header_is_rejected() -> None:
    """The error lists the known forms."""
    with pytest.raises(ValueError, match="retry-after-seconds"):
        FakeHub(retry_after="tomorrow")  # type: ignore[arg-type]


async def test_an_unknown_route_names_the_nearest(
    anonymous: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """An unknown path is a 404 in the server's shape, and logs a warning."""
    response = await anonymous.get("/v2/auditlog/acme")

    assert (response.status_code, response.json()) == (404, {"message": "404: Page Not Found", "errinfo": {}})
    assert [(name, level) for name, level, _ in caplog.record_tuples] == [("hubapi.testing", logging.WARNING)]
    assert "GET /v2/auditlogs/{account}" in caplog.text


async def test_a_wrong_method_is_not_allowed(anonymous: httpx.AsyncClient) -> None:
    """A known path with another method is a 405 that lists the right ones."""
    response = await anonymous.delete(TAGS)

    assert (response.status_code, response.json()) == (405, {"detail": 'Method "DELETE" not allowed.'})
    assert response.headers["allow"] == "GET, HEAD"


async def test_a_trailing_slash_is_ignored(anonymous: httpx.AsyncClient) -> None:
    """Old clients end every path with a slash."""
    login = {"username": "moby", "password": "wrong"}

    assert (await anonymous.post("/v2/users/login/", json=login)).status_code == 401


async def test_requests_are_logged(fake: FakeHub, moby: httpx.AsyncClient, clock: VirtualClock) -> None:
    """Every request is logged in order, with account, operation and status."""
    clock.advance(5)
    await moby.get("/v2/auditlogs/acme?page=2&actor=moby")
    await moby.get("/v2/nothing")

    login, listing, unknown = fake.requests
    assert (login.operation, login.account, login.status) == ("login", None, 200)
    assert (listing.method, listing.path, listing.query) == ("GET", "/v2/auditlogs/acme", "page=2&actor=moby")
    assert ("audit_logs.list", "moby", clock.time()) == (listing.operation, listing.account, listing.time)
    assert (unknown.operation, unknown.status) == ("unknown", 404)


async def test_requests_are_counted(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """Requests are counted by operation, status, account and method, in any combination."""
    for _ in range(3):
        await moby.get("/v2/auditlogs/acme")
    await moby.get("/v2/auditlogs/octopus")

    assert fake.count() == 5
    assert fake.count(operation="login") == fake.count(method="POST") == 1
    assert fake.count(account="moby") == 4
    assert fake.count(operation="audit_logs.list", status=200) == 3
    assert fake.count(operation="login", status=429) == 0


async def test_supports_http_only(fake: FakeHub) -> None:
    """Other ASGI scopes raise an error, as servers expect of an application without a lifespan."""
    with pytest.raises(RuntimeError, match="lifespan"):
        await fake.app({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
