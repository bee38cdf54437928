"""The requests that an injected fault applies to."""

import math
from typing import Any

import httpx
import pytest

from hubapi.testing import FakeHub, VirtualClock, faults
from tests.testing.faults.conftest import LOGIN, TAGS

pytestmark = pytest.mark.anyio


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
async def test_requests_are_selected_by_their_properties(
    fake: FakeHub, moby: httpx.AsyncClient, anonymous: httpx.AsyncClient, which: dict[str, str]
) -> None:
    """The fault does not apply to a request that lacks one, and does not count it."""
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


async def test_faults_apply_to_unknown_routes(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """Their operation is `unknown`, as in the request log."""
    fake.inject(faults.Status(200, {"new": True}), operation="unknown")

    assert {"new": True} == (await anonymous.get("/v2/nonsense")).json()


async def test_after_skips_the_first_requests(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """`after` and `times` count matching requests."""
    fake.inject(faults.Status(503), operation="repositories.list_tags", after=2, times=2)
    statuses = []
    for _ in range(6):
        await anonymous.head(TAGS)
        statuses.append((await anonymous.get(TAGS)).status_code)

    assert [200, 200, 503, 503, 200, 200] == statuses


async def test_of_several_faults_the_first_that_is_due_applies(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """In the order of injection; each counts all matching requests."""
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


async def test_probability_follows_from_the_seed(clock: VirtualClock) -> None:
    """The same seed selects the same requests, another seed others, each about the given part of all."""
    one, again, other = [await pattern(clock, seed, 0.3) for seed in (1, 1, 2)]

    assert one == again != other
    assert 15 < one.count(503) < 45
    assert [200] * 100 == await pattern(clock, 1, 0)
    assert [503] * 100 == await pattern(clock, 1, 1)


async def test_a_request_with_a_fault_is_counted(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """The rate limit counts it, and the log has it once."""
    fake.inject(faults.Drop(), times=2)
    fake.inject(faults.Status(500), times=2)
    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            await anonymous.get(TAGS)
    remaining = [(await anonymous.get(TAGS)).headers["x-ratelimit-remaining"] for _ in range(3)]

    assert ["177", "176", "175"] == remaining
    assert [0, 0, 500, 500, 200] == [record.status for record in fake.requests]


async def test_unmatched_faults(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """The `str` of each names the fault and its requests on one line."""
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


async def test_faults_can_be_cleared(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """None applies, and none is unmatched."""
    fake.inject(faults.Status(503), times=None)
    await anonymous.get(TAGS)
    fake.inject(faults.Drop())
    fake.clear_faults()

    assert (200, []) == ((await anonymous.get(TAGS)).status_code, fake.unmatched_faults())


@pytest.mark.parametrize(
    ("which", "message"),
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
async def test_impossible_requests_are_rejected(fake: FakeHub, which: dict[str, Any], message: str) -> None:
    """The error names the problem, and nothing is injected."""
    with pytest.raises(ValueError, match=message):
        fake.inject(faults.Drop(), **which)

    assert [] == fake.unmatched_faults()


@pytest.mark.parametrize("thing", [faults.Drop, 503, None])
async def test_only_faults_can_be_injected(fake: FakeHub, thing: Any) -> None:
    """Anything else is rejected, including the classes of faults."""
    with pytest.raises(TypeError, match=r"such as faults\.Status\(503\)"):
        fake.inject(thing)
