"""Faults on demand: what each does to an answer, and which requests meet one."""

import math
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import anyio
import httpx
import pytest

from hubapi.testing import FakeHub, RateLimitPolicy, RetryAfter, VirtualClock, faults
from tests.testing.conftest import PASSWORD

pytestmark = pytest.mark.anyio

TAGS = "/v2/namespaces/library/repositories/python/tags"
AUDIT = "/v2/auditlogs/acme"
LOGIN = {"username": "moby", "password": PASSWORD}


@pytest.fixture
def fake(fake: FakeHub) -> FakeHub:
    """One with tags as well, some of which fill three pages."""
    fake.add_repository("library", "python", tags=30)
    return fake


# --- another answer


@pytest.mark.parametrize(
    ("fault", "content_type", "body"),
    [
        (faults.Status(503), "application/json", b'{"message":"service unavailable","errinfo":{}}'),
        (faults.Status(401), "application/json", b'{"detail":"unauthorized"}'),
        (faults.Status(429), "application/json", b'{"detail":"Rate limit exceeded","error":false}'),
        (faults.Status(520), "application/json", b'{"message":"unknown error","errinfo":{}}'),
        (faults.Status(202), "application/json", b"{}"),
        (faults.Status(204), None, b""),
        (faults.Status(502, "bad", "text/plain"), "text/plain", b"bad"),
        (faults.Status(404, b"\xff"), "application/json", b"\xff"),
        (faults.Status(200, {"logs": None}), "application/json", b'{"logs":null}'),
        (faults.Html(403, "<p>no</p>"), "text/html; charset=utf-8", b"<p>no</p>"),
        (faults.Text(), "text/plain; charset=utf-8", b"error code: 1010"),
    ],
    ids=str,
)
async def test_an_answer_of_its_own(
    fake: FakeHub, anonymous: httpx.AsyncClient, fault: faults.Status, content_type: str | None, body: bytes
) -> None:
    """Status, kind and body are the fault's, or the server's usual ones; the next request meets none."""
    fake.inject(fault)
    answer = await anonymous.get(TAGS)

    assert (fault.status, content_type, body) == (
        answer.status_code,
        answer.headers.get("content-type"),
        answer.content,
    )
    assert [200] == [(await anonymous.get(TAGS)).status_code]


async def test_html_comes_with_status_200(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """As it has in an outage."""
    fake.inject(faults.Html())
    answer = await anonymous.get(TAGS)

    assert (200, "<!DOCTYPE html>") == (answer.status_code, answer.text[:15])


async def test_headers_of_its_own(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """They take the place of the fake's."""
    fake.inject(faults.Status(503, headers={"X-RateLimit-Remaining": "-534", "Retry-After": "7"}))
    answer = await anonymous.get(TAGS)

    assert ["-534"] == answer.headers.get_list("x-ratelimit-remaining")
    assert ("7", "180") == (answer.headers["retry-after"], answer.headers["x-ratelimit-limit"])


@pytest.mark.parametrize(("after_work", "events"), [(False, 250), (True, 251)])
async def test_a_status_comes_before_or_after_the_work(
    fake: FakeHub, moby: httpx.AsyncClient, after_work: bool, events: int
) -> None:
    """Nothing is done, unless that is wanted: what clients do shows in the log of the account."""
    fake.add_repository("acme", "service", tags=["one"])
    fake.inject(faults.Status(504, after_work=after_work), method="DELETE")
    answer = await moby.delete("/v2/namespaces/acme/repositories/service/tags/one")

    assert 504 == answer.status_code
    assert events == len(fake.events("acme"))


@pytest.mark.parametrize(
    ("form", "header", "value"),
    [
        (None, "x-retry-after", "1738281600"),
        ("retry-after-seconds", "retry-after", "2592000"),
        ("retry-after-epoch-ms", "retry-after", "1738281600000"),
        ("none", None, None),
    ],
)
async def test_too_many_asks_to_wait(
    fake: FakeHub, anonymous: httpx.AsyncClient, form: RetryAfter | None, header: str | None, value: str | None
) -> None:
    """A month, in the fake's own form or in another, although the window has room."""
    fake.inject(faults.TooMany(wait_s=30 * 86_400, form=form))
    answer = await anonymous.get(TAGS)

    assert (429, {"detail": "Rate limit exceeded", "error": False}) == (answer.status_code, answer.json())
    told = {name: value for name, value in answer.headers.items() if "retry" in name}
    assert told == ({} if header is None else {header: value})
    assert "179" == answer.headers["x-ratelimit-remaining"]


# --- something wrong in it


async def test_truncated_json(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """The first part of the right body, under a true Content-Length."""
    whole = (await anonymous.get(TAGS)).content
    fake.inject(faults.Truncated(keep=0.25))
    cut = await anonymous.get(TAGS)

    assert whole[: len(whole) // 4] == cut.content
    assert str(len(whole) // 4) == cut.headers["content-length"]


async def test_a_wrong_content_type(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """Only that is wrong."""
    whole = (await anonymous.get(TAGS)).content
    fake.inject(faults.ContentType("text/html"))
    answer = await anonymous.get(TAGS)

    assert (["text/html"], whole) == (answer.headers.get_list("content-type"), answer.content)


async def test_bad_dates(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """Times, however deep, and nothing else."""
    expected: Any = (await moby.get(AUDIT)).json()
    for event in expected["logs"]:
        event["timestamp"] = "yesterday"
    fake.inject(faults.BadDates("yesterday"))

    assert expected == (await moby.get(AUDIT)).json()


async def test_rewritten_json(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """Any change at all, to JSON; what is none stays."""
    fake.inject(faults.Rewrite(lambda page: {**page, "results": None}), times=2)

    assert (30, None) == ((await anonymous.get(TAGS)).json()["count"], (await anonymous.get(TAGS)).json()["results"])
    fake.inject(faults.Rewrite(lambda _: 1 / 0))
    assert 200 == (await anonymous.head(TAGS)).status_code


@pytest.mark.parametrize("seconds", [-3600, 90])
async def test_a_skewed_answer(clock: VirtualClock, seconds: float) -> None:
    """Date, reset and the time to come back are all by the same wrong clock; the next answer is right again."""
    fake = FakeHub(clock=clock, anonymous_limit=RateLimitPolicy(1))
    fake.inject(faults.Skew(seconds), after=1)
    async with httpx.AsyncClient(transport=fake.transport(), base_url="http://hub.test") as client:
        _, skewed, right = [await client.get(TAGS) for _ in range(3)]

    for answer, now in ((skewed, clock.time() + seconds), (right, clock.time())):
        assert now == parsedate_to_datetime(answer.headers["date"]).timestamp()
        assert now + 58 == int(answer.headers["x-ratelimit-reset"])
        assert now + 60 == int(answer.headers["x-retry-after"])


# --- the way


@pytest.mark.parametrize(("fault", "done"), [(faults.Drop(), 0), (faults.Drop("before"), 0), (faults.Drop("after"), 1)])
async def test_a_dropped_connection(fake: FakeHub, anonymous: httpx.AsyncClient, fault: faults.Drop, done: int) -> None:
    """The client can't tell whether the work was done; the record says that no answer went out."""
    good = (await anonymous.post("/v2/users/login", json=LOGIN)).json()["token"]
    moby = {"authorization": f"Bearer {good}"}
    fake.inject(fault, operation="access_tokens.create")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        await anonymous.post("/v2/access-tokens", json={"token_label": "new", "scopes": ["repo:read"]}, headers=moby)

    assert 1 + done == (await anonymous.get("/v2/access-tokens", headers=moby)).json()["count"]
    assert [(200, None), (0, fault), (200, None)] == [(record.status, record.fault) for record in fake.requests]


async def test_a_connection_dropped_in_the_middle_of_a_body(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """Half of what was promised comes."""
    whole = (await anonymous.get(TAGS)).content
    fake.inject(faults.Drop("midway"))
    async with anonymous.stream("GET", TAGS) as answer:
        parts = answer.aiter_raw()
        half = await anext(parts)
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            await anext(parts)

    assert (200, str(len(whole))) == (answer.status_code, answer.headers["content-length"])
    assert whole[: len(whole) // 2] == half
    assert 200 == fake.requests[-1].status


async def test_without_a_body_there_is_no_middle(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """A connection dropped there is dropped before the answer."""
    fake.inject(faults.Drop("midway"))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        await anonymous.head(TAGS)

    assert [0] == [record.status for record in fake.requests]


@pytest.mark.parametrize("fault", [faults.SlowHeaders(3600), faults.SlowBody(3600)])
async def test_a_slow_answer_is_late_by_the_fakes_clock(
    fake: FakeHub, fault: faults.Fault, clock: VirtualClock
) -> None:
    """It comes whole in the end, others are answered meanwhile, and the fake can be set up."""
    fake.inject(fault)
    arrived: list[tuple[str, float]] = []
    async with (
        clock,
        httpx.AsyncClient(transport=fake.transport(), base_url="http://hub.test", timeout=7200) as client,
        anyio.create_task_group() as tasks,
    ):

        async def ask(name: str) -> None:
            answer = await client.get(TAGS)
            assert 10 == len(answer.json()["results"])
            arrived.append((name, clock.monotonic()))

        tasks.start_soon(ask, "slow")
        await clock.sleep(1)
        tasks.start_soon(ask, "other")
        fake.add_event("acme")

    assert [("other", 1.0), ("slow", 3600.0)] == arrived


async def test_the_head_of_a_slow_body_comes_at_once(
    fake: FakeHub, anonymous: httpx.AsyncClient, clock: VirtualClock
) -> None:
    """Headers and half the body are there before the pause."""
    whole = (await anonymous.get(TAGS)).content
    fake.inject(faults.SlowBody(60))
    async with clock, anonymous.stream("GET", TAGS, timeout=61) as answer:
        times = [(clock.monotonic(), len(part)) async for part in answer.aiter_raw()]

    half = len(whole) // 2
    assert [(0.0, half), (60.0, len(whole) - half)] == times


@pytest.mark.parametrize("fault", [faults.SlowHeaders(math.inf), faults.SlowBody(31)])
async def test_a_client_waits_no_longer_than_it_wants(
    fake: FakeHub, anonymous: httpx.AsyncClient, fault: faults.Fault, clock: VirtualClock
) -> None:
    """The time that httpx waits for a byte passes in virtual time as well."""
    fake.inject(fault)
    async with clock:
        with pytest.raises(httpx.ReadTimeout):
            await anonymous.get(TAGS, timeout=30)

    assert 30.0 == clock.monotonic()


# --- paging


async def test_links_that_lead_astray(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """Each kind on the answer that has such a link; answers that have none are left to the next fault."""
    here = f"http://hub.test{TAGS}"
    link: dict[str, str] = {}
    for kind in ("foreign", "repeated", "without-page-size", "relative"):
        fake.inject(faults.Next(kind))
        await anonymous.get(f"{TAGS}/latest")
        link[kind] = (await anonymous.get(TAGS, params={"page_size": 7, "page": 2})).json()["next"]

    assert {
        "foreign": f"http://elsewhere.example{TAGS}?page_size=7&page=3",
        "repeated": f"{here}?page_size=7&page=2",
        "without-page-size": f"{here}?page=3",
        "relative": f"{TAGS}?page_size=7&page=3",
    } == link


@pytest.mark.parametrize("query", [{"page_size": 20, "page": 2}, {"page_size": 100}])
async def test_a_stale_link(fake: FakeHub, anonymous: httpx.AsyncClient, query: dict[str, int]) -> None:
    """The last page has a next that is not there; pages before it are not touched."""
    injected = fake.inject(faults.Next("stale"))
    earlier = (await anonymous.get(TAGS)).json()["next"]
    last = (await anonymous.get(TAGS, params=query)).json()

    assert (f"http://hub.test{TAGS}?page=2", 1) == (earlier, injected.matched)
    assert [404] == [(await anonymous.get(last["next"])).status_code]


async def test_a_page_size_that_is_not_the_one_asked_for(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """The rest of the query is heeded."""
    fake.inject(faults.PageSize(4), times=None)
    tags = (await moby.get(TAGS, params={"page_size": 20, "page": 8})).json()
    events = (await moby.get(AUDIT, params={"page_size": 20, "page": 2})).json()

    assert (2, None) == (len(tags["results"]), tags["next"])
    assert fake.event_ids("acme")[4:8] == [event["event_id"] for event in events["logs"]]


# --- which requests


@pytest.mark.parametrize(
    "which",
    [
        {"operation": "repositories.list_tags"},
        {"operation": "repositories.*"},
        {"operation": "*_tags", "method": "get"},
        {"path": TAGS},
        {"path": "/v2/namespaces/library/*/"},
        {"method": "GET", "account": "moby"},
    ],
)
async def test_requests_are_chosen_by_any_of_their_properties(
    fake: FakeHub, moby: httpx.AsyncClient, anonymous: httpx.AsyncClient, which: dict[str, str]
) -> None:
    """A request that lacks one of them is let through, and doesn't use the fault up."""
    injected = fake.inject(faults.Status(503), **which)  # type: ignore[arg-type]
    others = [
        (await anonymous.post("/v2/users/login", json=LOGIN)).status_code,
        (await anonymous.get("/v2/nonsense")).status_code,
    ]

    assert ([200, 404], 0) == (others, injected.matched)
    assert [503, 200] == [(await moby.get(TAGS)).status_code for _ in range(2)]
    assert ([faults.Status(503)], 1) == (
        [record.fault for record in fake.requests if record.fault],
        injected.matched,
    )


async def test_routes_that_do_not_exist_can_fail_too(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """Their operation is the log's."""
    fake.inject(faults.Status(200, {"new": True}), operation="unknown")

    assert {"new": True} == (await anonymous.get("/v2/nonsense")).json()


async def test_some_are_let_through_first(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """`after` and `times` count the requests that fit."""
    fake.inject(faults.Status(503), operation="repositories.list_tags", after=2, times=2)
    statuses = []
    for _ in range(6):
        await anonymous.head(TAGS)
        statuses.append((await anonymous.get(TAGS)).status_code)

    assert [200, 200, 503, 503, 200, 200] == statuses


async def test_of_several_the_first_one_left_applies(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """One after the other in the order of injection; each counts all requests that fit, whoever took them."""
    fake.inject(faults.Status(500), times=2)
    fake.inject(faults.Status(502))
    fake.inject(faults.Status(504), after=4, times=None)

    assert [500, 500, 502, 200, 504, 504] == [(await anonymous.get(TAGS)).status_code for _ in range(6)]


async def pattern(clock: VirtualClock, seed: int, probability: float) -> list[int]:
    fake = FakeHub(seed=seed, clock=clock)
    fake.add_repository("library", "python")
    fake.inject(faults.Status(503), probability=probability, times=None)
    async with httpx.AsyncClient(transport=fake.transport(), base_url="http://hub.test") as client:
        return [(await client.get(TAGS)).status_code for _ in range(100)]


async def test_chance_follows_from_the_seed(clock: VirtualClock) -> None:
    """The same seed fails the same requests, another one others, about as many as asked for."""
    one, again, other = [await pattern(clock, seed, 0.3) for seed in (1, 1, 2)]

    assert one == again != other
    assert 15 < one.count(503) < 45
    assert [200] * 100 == await pattern(clock, 1, 0)
    assert [503] * 100 == await pattern(clock, 1, 1)


async def test_a_request_that_fails_counts_all_the_same(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """Limits stay true, and the log has every request once."""
    fake.inject(faults.Drop(), times=2)
    fake.inject(faults.Status(500), times=2)
    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            await anonymous.get(TAGS)
    remaining = [(await anonymous.get(TAGS)).headers["x-ratelimit-remaining"] for _ in range(3)]

    assert ["177", "176", "175"] == remaining
    assert [0, 0, 500, 500, 200] == [record.status for record in fake.requests]


async def test_what_never_happened_is_told(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """With the fault and what it waits for, on one line."""
    happened = fake.inject(faults.Status(503))
    waiting = fake.inject(
        faults.Drop("after"), operation="audit_*", method="GET", account="moby", after=3, probability=0.5
    )
    idle = fake.inject(faults.Text(403, "no"), path="/v2/*", after=5)
    await anonymous.get(TAGS)

    assert ([waiting, idle], 1) == (fake.unmatched_faults(), happened.matched)
    assert (
        "Drop(when='after') for operation audit_*, method GET, account moby after 3 with probability 0.5: "
        "applied to 0 of 0 matching requests"
    ) == str(waiting)
    assert (
        "Text(after_work=False, status=403, body='no') for path /v2/* after 5: applied to 0 of 1 matching requests"
        == str(idle)
    )
    assert "Status(status=503, after_work=False) for any request: applied to 1 of 1 matching requests" == str(happened)


async def test_faults_can_be_taken_back(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """Then nothing fails, and nothing is told."""
    fake.inject(faults.Status(503), times=None)
    await anonymous.get(TAGS)
    fake.inject(faults.Drop())
    fake.clear_faults()

    assert (200, []) == ((await anonymous.get(TAGS)).status_code, fake.unmatched_faults())


# --- what is refused


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: faults.Status(199), "status"),
        (lambda: faults.Status(600), "status"),
        (lambda: faults.Status(204, "text"), "204 has no body"),
        (lambda: faults.Status(500, content_type="a\nb"), "content_type"),
        (lambda: faults.Status(500, headers={"a b": "c"}), "'a b'"),
        (lambda: faults.Status(500, headers={"a": "b\r\nc: d"}), "not a valid header"),
        (lambda: faults.Status(500, headers={"Content-Length": "3"}), "follows from the body"),
        (lambda: faults.Truncated(keep=1), "keep"),
        (lambda: faults.Truncated(keep=-0.1), "keep"),
        (lambda: faults.ContentType("a\r\n"), "content_type"),
        (lambda: faults.SlowHeaders(-1), "seconds"),
        (lambda: faults.SlowBody(math.nan), "seconds"),
        (lambda: faults.Skew(math.inf), "seconds"),
        (lambda: faults.TooMany(wait_s=-1), "wait_s"),
        (lambda: faults.TooMany(wait_s=1, form="soon"), "form is 'soon', not one of"),  # type: ignore[arg-type]
        (lambda: faults.Drop("never"), "when is 'never', not one of before, after, midway"),  # type: ignore[arg-type]
        (lambda: faults.Next("up"), "kind is 'up', not one of foreign"),  # type: ignore[arg-type]
        (lambda: faults.PageSize(0), "size"),
        (lambda: faults.PageSize(101), "size"),
    ],
)
async def test_an_impossible_fault_is_refused(make: Callable[[], faults.Fault], words: str) -> None:
    """At once, with the argument's name."""
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ({"operation": "audit_log.list"}, "no operation 'audit_log.list'; the nearest is 'audit_logs.list'"),
        ({"operation": "audit-*"}, "no operation"),
        ({"path": "v2/auditlogs"}, "begin with a slash"),
        ({"after": -1}, "after"),
        ({"times": 0}, "times"),
        ({"probability": 1.5}, "probability"),
        ({"probability": math.nan}, "probability"),
    ],
)
async def test_requests_that_cannot_come_are_refused(fake: FakeHub, which: dict[str, Any], words: str) -> None:
    """At once, with what is wrong, and nothing is injected."""
    with pytest.raises(ValueError, match=words):
        fake.inject(faults.Drop(), **which)

    assert [] == fake.unmatched_faults()


@pytest.mark.parametrize("thing", [faults.Drop, 503, None])
async def test_only_faults_can_be_injected(fake: FakeHub, thing: Any) -> None:
    """Not their classes, either."""
    with pytest.raises(TypeError, match=r"such as faults\.Status\(503\)"):
        fake.inject(thing)


async def test_answers_that_no_json_holds_are_refused() -> None:
    """Before a request meets them."""
    with pytest.raises(TypeError, match="set"):
        faults.Status(200, {1, 2})


async def test_a_foreign_server_says_that_it_cannot_drop(fake: FakeHub) -> None:
    """The bare application under another transport has no connection to close."""
    fake.inject(faults.Drop())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app), base_url="http://hub.test") as client:
        with pytest.raises(RuntimeError, match="transport"):
            await client.get(TAGS)
        assert 200 == (await client.get(TAGS)).status_code

    assert [0, 200] == [record.status for record in fake.requests]
