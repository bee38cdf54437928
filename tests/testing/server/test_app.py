"""What every request goes through: headers, limits, routing, the log."""

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


async def test_every_answer_tells_the_limit_and_the_date(clock: VirtualClock) -> None:
    """Good answers, refusals and logins all carry the three headers, and one Date of the server's clock."""
    fake = FakeHub(clock=clock, skew_s=45.0)
    async with to(fake) as client:
        answers = [
            await client.post("/v2/users/login", json={"username": "moby", "password": "pw"}),
            await client.get("/v2/auditlogs/acme"),
            await client.head(TAGS),
            await client.get("/v2/nonsense"),
        ]

    assert [int(answer.headers["x-ratelimit-remaining"]) for answer in answers] == [179, 178, 177, 176]
    for answer in answers:
        date = parsedate_to_datetime(answer.headers["date"])
        assert len(answer.headers.get_list("date")) == 1
        assert clock.time() + 45 == date.timestamp()
        assert answer.headers["x-ratelimit-limit"] == "180"
        assert int(answer.headers["x-ratelimit-reset"]) == date.timestamp() + 58


async def test_an_account_has_its_own_limit(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """Whoever carries a token is limited by account, from wherever."""
    first = await moby.get("/v2/auditlogs/acme")
    elsewhere = httpx.AsyncClient(
        transport=fake.transport(address="10.0.0.9"), base_url="http://hub.test", headers=moby.headers
    )
    async with elsewhere:
        second = await elsewhere.get("/v2/auditlogs/acme")

    assert [
        (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) for answer in (first, second)
    ] == [("600", "599"), ("600", "598")]


async def test_addresses_have_limits_of_their_own(clock: VirtualClock) -> None:
    """Whoever carries no token is limited by address."""
    fake = hub(clock, anonymous_limit=RateLimitPolicy(1))
    async with (
        httpx.AsyncClient(transport=fake.transport(address="10.0.0.1"), base_url="http://hub.test") as one,
        httpx.AsyncClient(transport=fake.transport(address="10.0.0.2"), base_url="http://hub.test") as other,
    ):
        assert [(await client.get(TAGS)).status_code for client in (one, one, other)] == [200, 429, 200]


@pytest.mark.parametrize("kind", ["rolling", "fixed"])
async def test_who_waits_as_told_gets_through(clock: VirtualClock, kind: str) -> None:
    """A 429 has the server's own body, and its retry time is late enough."""
    clock.advance(0.7)
    limit = RateLimitPolicy(2, kind="rolling" if kind == "rolling" else "fixed")
    async with to(hub(clock, anonymous_limit=limit)) as client:
        for wait in (0.0, 0.4, 0.4):
            clock.advance(wait)
            answer = await client.get(TAGS)
        assert answer.status_code == 429
        assert answer.json() == {"detail": "Rate limit exceeded", "error": False}

        clock.advance(float(answer.headers["x-retry-after"]) - clock.time())
        assert (await client.get(TAGS)).status_code == 200


@pytest.mark.parametrize(
    ("form", "header"),
    [("x-retry-after-epoch", "x-retry-after"), ("retry-after-seconds", "retry-after"), ("none", None)],
)
async def test_the_form_of_the_retry_header_can_be_chosen(
    clock: VirtualClock, form: RetryAfter, header: str | None
) -> None:
    """A 429 carries the one header that was asked for, other answers none."""
    async with to(hub(clock, retry_after=form, anonymous_limit=RateLimitPolicy(1))) as client:
        passed, refused = await client.get(TAGS), await client.get(TAGS)

    assert [name for name in passed.headers if "retry" in name] == []
    assert [header] * (header is not None) == [name for name in refused.headers if "retry" in name]


async def test_an_unknown_form_of_the_header_is_refused() -> None:
    """A form that does not exist is refused at once, with those that do."""
    with pytest.raises(ValueError, match="retry-after-seconds"):
        FakeHub(retry_after="tomorrow")  # type: ignore[arg-type]


async def test_an_unknown_route_names_the_nearest(
    anonymous: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A path that does not exist is a 404 in the server's shape, and a warning for the test's author."""
    answer = await anonymous.get("/v2/auditlog/acme")

    assert (answer.status_code, answer.json()) == (404, {"message": "404: Page Not Found", "errinfo": {}})
    assert [(name, level) for name, level, _ in caplog.record_tuples] == [("hubapi.testing", logging.WARNING)]
    assert "GET /v2/auditlogs/{account}" in caplog.text


async def test_a_wrong_method_is_not_allowed(anonymous: httpx.AsyncClient) -> None:
    """A known path with another method is a 405 that names the right ones."""
    answer = await anonymous.delete(TAGS)

    assert (answer.status_code, answer.json()) == (405, {"detail": 'Method "DELETE" not allowed.'})
    assert answer.headers["allow"] == "GET, HEAD"


async def test_a_slash_at_the_end_is_all_the_same(anonymous: httpx.AsyncClient) -> None:
    """Old clients end every path with a slash."""
    login = {"username": "moby", "password": "wrong"}

    assert (await anonymous.post("/v2/users/login/", json=login)).status_code == 401


async def test_requests_are_logged(fake: FakeHub, moby: httpx.AsyncClient, clock: VirtualClock) -> None:
    """Every request is there, in order, with who asked for what and how it went."""
    clock.advance(5)
    await moby.get("/v2/auditlogs/acme?page=2&actor=moby")
    await moby.get("/v2/nothing")

    login, listing, unknown = fake.requests
    assert (login.operation, login.account, login.status) == ("login", None, 200)
    assert (listing.method, listing.path, listing.query) == ("GET", "/v2/auditlogs/acme", "page=2&actor=moby")
    assert ("audit_logs.list", "moby", clock.time()) == (listing.operation, listing.account, listing.time)
    assert (unknown.operation, unknown.status) == ("unknown", 404)


async def test_requests_are_counted(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """Counting goes by any of operation, status, account and method, and by all that are given."""
    for _ in range(3):
        await moby.get("/v2/auditlogs/acme")
    await moby.get("/v2/auditlogs/octopus")

    assert fake.count() == 5
    assert fake.count(operation="login") == fake.count(method="POST") == 1
    assert fake.count(account="moby") == 4
    assert fake.count(operation="audit_logs.list", status=200) == 3
    assert fake.count(operation="login", status=429) == 0


async def test_speaks_http_only(fake: FakeHub) -> None:
    """Other ASGI conversations are refused, as servers expect of an application without a life cycle."""
    with pytest.raises(RuntimeError, match="lifespan"):
        await fake.app({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
