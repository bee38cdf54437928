"""How the client takes what a fake does wrong."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal, get_args

import pytest

from hubapi import (
    AsyncHub,
    Blocked,
    DeadlineExceeded,
    DecodeError,
    NoResponseError,
    Options,
    Password,
    RateLimited,
    RetryPolicy,
    ServerError,
    Settings,
    UnsafeLinkError,
)
from hubapi.testing import FakeHub, RetryAfter, VirtualClock, faults
from tests.testing.conftest import PASSWORD

pytestmark = pytest.mark.anyio

MOBY = Password("moby", PASSWORD)
MONTH_S = 30 * 86_400


@pytest.fixture
def fake(fake: FakeHub) -> FakeHub:
    """One with tags that fill two pages and a bit."""
    fake.add_repository("library", "python", tags=250)
    return fake


@pytest.fixture
async def hub(fake: FakeHub, clock: VirtualClock, anyio_backend: str) -> AsyncGenerator[AsyncHub]:
    """A client in process, in virtual time."""
    async with clock, AsyncHub(MOBY, transport=fake.transport(), clock=clock) as hub:
        yield hub


@asynccontextmanager
async def reaching(fake: FakeHub, carrier: str) -> AsyncGenerator[AsyncHub]:
    """A client that does not pause between two attempts, in process or over HTTP."""
    settings = Settings(options=Options(retry=RetryPolicy(first_s=0.0)))
    if carrier == "in process":
        async with AsyncHub(MOBY, transport=fake.transport(), settings=settings) as hub:
            yield hub
    else:
        async with fake.serve() as url, AsyncHub(MOBY, base_url=url, settings=settings) as hub:
            yield hub


by_both_ways = pytest.mark.parametrize("carrier", ["in process", "loopback"])


@by_both_ways
@pytest.mark.parametrize(("when", "tokens"), [("before", 1), ("after", 2)])
async def test_a_lost_answer_to_a_create_is_not_asked_for_again(
    fake: FakeHub, carrier: str, when: Literal["before", "after"], tokens: int
) -> None:
    """Nobody knows whether it was done; doing it twice would be worse than saying so."""
    fake.inject(faults.Drop(when), operation="access_tokens.create")
    async with reaching(fake, carrier) as hub:
        with pytest.raises(NoResponseError):
            await hub.access_tokens.create("new", ["repo:read"])
        found = await hub.access_tokens.list().collect()

    assert (tokens, 1) == (len(found), fake.count(operation="access_tokens.create", status=0))


@by_both_ways
@pytest.mark.parametrize(
    "fault",
    [
        faults.Drop("before"),
        faults.Drop("after"),
        faults.Drop("midway"),
        faults.Truncated(),
        faults.Html(),
        faults.Html(502),
        faults.Status(503),
        faults.Status(500, after_work=True),
    ],
    ids=str,
)
async def test_what_only_reads_is_asked_for_again(fake: FakeHub, carrier: str, fault: faults.Fault) -> None:
    """And succeeds, once the fault is used up."""
    injected = fake.inject(fault, operation="repositories.get_tag", times=3)
    async with reaching(fake, carrier) as hub:
        tag = await hub.repositories.get_tag("library", "python", "latest")

    assert ("latest", 3, 4) == (tag.name, injected.matched, fake.count(operation="repositories.get_tag"))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.Drop("midway"), NoResponseError),
        (faults.Html(), DecodeError),
        (faults.Truncated(), DecodeError),
        (faults.Status(504), ServerError),
    ],
    ids=str,
)
async def test_what_does_not_pass_is_an_error_of_its_kind(
    fake: FakeHub, hub: AsyncHub, fault: faults.Fault, error: type[Exception]
) -> None:
    """After the last attempt."""
    injected = fake.inject(fault, operation="repositories.get_tag", times=None)
    with pytest.raises(error):
        await hub.repositories.get_tag("library", "python", "latest")

    assert RetryPolicy().max_attempts == injected.matched


async def test_a_firewall_is_not_the_server(fake: FakeHub, hub: AsyncHub) -> None:
    """A 403 in plain text comes from something in front of it, on a login too; nobody insists."""
    fake.inject(faults.Text(), operation="audit_logs.*")
    with pytest.raises(Blocked, match="1010"):
        await hub.audit_logs.list("acme").first()

    assert 1 == fake.count(operation="audit_logs.list")


async def test_a_wait_of_a_month_is_refused_at_once(fake: FakeHub, hub: AsyncHub, clock: VirtualClock) -> None:
    """The error says until when; nobody sleeps."""
    fake.inject(faults.TooMany(wait_s=MONTH_S), operation="repositories.list_tags")
    with pytest.raises(RateLimited) as caught:
        await hub.repositories.list_tags("library", "python").first()

    assert pytest.approx(MONTH_S) == caught.value.retry_after
    assert clock.monotonic() < 1


@pytest.mark.parametrize("form", [form for form in get_args(RetryAfter) if form != "none"])
async def test_a_short_wait_is_waited_for(fake: FakeHub, hub: AsyncHub, clock: VirtualClock, form: RetryAfter) -> None:
    """In every form that the server has used."""
    fake.inject(faults.TooMany(wait_s=20, form=form), operation="repositories.get_tag")
    await hub.repositories.get_tag("library", "python", "latest")

    assert 20 <= clock.monotonic() < 30


async def test_a_slow_server_meets_the_deadline(fake: FakeHub, hub: AsyncHub, clock: VirtualClock) -> None:
    """In virtual time: an hour's pause ends after the ten seconds that the call was given."""
    fake.inject(faults.SlowHeaders(3600), operation="audit_logs.list")
    with pytest.raises(DeadlineExceeded):
        await hub.with_options(deadline=10).audit_logs.list("acme").first()

    assert 10 <= clock.monotonic() < 11


@pytest.mark.parametrize("fault", [faults.SlowHeaders(3600), faults.SlowBody(3600)], ids=str)
async def test_a_server_that_falls_silent_is_asked_again(
    fake: FakeHub, hub: AsyncHub, clock: VirtualClock, fault: faults.Fault
) -> None:
    """After the seconds that may pass without a byte."""
    fake.inject(fault, operation="repositories.get_tag")
    tag = await hub.repositories.get_tag("library", "python", "latest")

    assert ("latest", 2) == (tag.name, fake.count(operation="repositories.get_tag"))
    assert Settings().read_s <= clock.monotonic() < Settings().read_s + 1


@pytest.mark.parametrize(("kind", "times"), [("foreign", 1), ("repeated", None)])
async def test_links_that_may_not_be_followed(
    fake: FakeHub, hub: AsyncHub, kind: Literal["foreign", "repeated"], times: int | None
) -> None:
    """An error, and no request after the page that it came on."""
    injected = fake.inject(faults.Next(kind), times=times)
    with pytest.raises(UnsafeLinkError):
        await hub.repositories.list_tags("library", "python").collect()

    assert injected.matched == len(fake.requests) - fake.count(operation="login")
    assert {"login", "repositories.list_tags"} >= {record.operation for record in fake.requests}


@pytest.mark.parametrize("kind", ["stale", "relative"])
async def test_links_that_can_be_followed(fake: FakeHub, hub: AsyncHub, kind: Literal["stale", "relative"]) -> None:
    """The listing is complete."""
    injected = fake.inject(faults.Next(kind), times=None)
    names = [tag.name async for tag in hub.repositories.list_tags("library", "python")]

    assert (250, 250) == (len(names), len(set(names)))
    assert injected.matched > 0


async def test_pages_of_another_size(fake: FakeHub, hub: AsyncHub) -> None:
    """Listings of both kinds are complete all the same."""
    fake.inject(faults.PageSize(9), times=None)
    tags = await hub.repositories.list_tags("library", "python").collect()
    events = [event.event_id async for event in hub.audit_logs.list("acme", page_size=50)]

    assert (250, fake.event_ids("acme")) == (len(tags), events)


async def test_dates_that_are_none(fake: FakeHub, hub: AsyncHub) -> None:
    """What a model can't hold is an error that says where it stood."""
    fake.inject(faults.BadDates(), operation="audit_logs.list")
    with pytest.raises(DecodeError) as caught:
        await hub.audit_logs.list("acme").first()

    assert ("$.logs[0].timestamp", 2) == (caught.value.path, len(fake.requests))


async def test_one_skewed_answer(fake: FakeHub, hub: AsyncHub, clock: VirtualClock) -> None:
    """A login whose Date is a day off is as good as any other."""
    fake.inject(faults.Skew(86_400), operation="login")
    events = await hub.audit_logs.list("acme", page_size=100).collect()

    assert (250, 1) == (len(events), fake.count(operation="login"))
    assert clock.monotonic() < 1
