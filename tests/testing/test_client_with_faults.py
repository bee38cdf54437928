"""The client's reactions to faults."""

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
    """A FakeHub whose tags fill three pages of the client."""
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
async def test_a_create_without_a_response_is_not_sent_again(
    fake: FakeHub, carrier: str, when: Literal["before", "after"], tokens: int
) -> None:
    """It may have been processed; creating twice would be worse than an error."""
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
async def test_a_read_is_sent_again(fake: FakeHub, carrier: str, fault: faults.Fault) -> None:
    """It succeeds once the fault no longer applies."""
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
async def test_a_lasting_fault_raises_its_error(
    fake: FakeHub, hub: AsyncHub, fault: faults.Fault, error: type[Exception]
) -> None:
    """After the last attempt."""
    injected = fake.inject(fault, operation="repositories.get_tag", times=None)
    with pytest.raises(error):
        await hub.repositories.get_tag("library", "python", "latest")

    assert RetryPolicy().max_attempts == injected.matched


async def test_a_403_of_a_firewall_is_blocked(fake: FakeHub, hub: AsyncHub) -> None:
    """A 403 in plain text does not come from the server, and is not sent again."""
    fake.inject(faults.Text(), operation="audit_logs.*")
    with pytest.raises(Blocked, match="1010"):
        await hub.audit_logs.list("acme").first()

    assert 1 == fake.count(operation="audit_logs.list")


async def test_a_wait_of_a_month_is_an_error_at_once(fake: FakeHub, hub: AsyncHub, clock: VirtualClock) -> None:
    """The error has the time to wait; the client does not sleep."""
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


async def test_a_slow_response_exceeds_the_deadline(fake: FakeHub, hub: AsyncHub, clock: VirtualClock) -> None:
    """The delay of an hour ends after the call's ten seconds of virtual time."""
    fake.inject(faults.SlowHeaders(3600), operation="audit_logs.list")
    with pytest.raises(DeadlineExceeded):
        await hub.with_options(deadline=10).audit_logs.list("acme").first()

    assert 10 <= clock.monotonic() < 11


@pytest.mark.parametrize("fault", [faults.SlowHeaders(3600), faults.SlowBody(3600)], ids=str)
async def test_a_request_is_sent_again_after_a_read_timeout(
    fake: FakeHub, hub: AsyncHub, clock: VirtualClock, fault: faults.Fault
) -> None:
    """The timeout is the longest time without a byte."""
    fake.inject(fault, operation="repositories.get_tag")
    tag = await hub.repositories.get_tag("library", "python", "latest")

    assert ("latest", 2) == (tag.name, fake.count(operation="repositories.get_tag"))
    assert Settings().read_s <= clock.monotonic() < Settings().read_s + 1


@pytest.mark.parametrize(("kind", "times"), [("foreign", 1), ("repeated", None)])
async def test_unsafe_links_are_not_followed(
    fake: FakeHub, hub: AsyncHub, kind: Literal["foreign", "repeated"], times: int | None
) -> None:
    """The client raises an error, and sends no further request."""
    injected = fake.inject(faults.Next(kind), times=times)
    with pytest.raises(UnsafeLinkError):
        await hub.repositories.list_tags("library", "python").collect()

    assert injected.matched == len(fake.requests) - fake.count(operation="login")
    assert {"login", "repositories.list_tags"} >= {record.operation for record in fake.requests}


@pytest.mark.parametrize("kind", ["stale", "relative"])
async def test_safe_links_are_followed(fake: FakeHub, hub: AsyncHub, kind: Literal["stale", "relative"]) -> None:
    """The listing is complete."""
    injected = fake.inject(faults.Next(kind), times=None)
    names = [tag.name async for tag in hub.repositories.list_tags("library", "python")]

    assert (250, 250) == (len(names), len(set(names)))
    assert injected.matched > 0


async def test_pages_of_another_size_are_complete(fake: FakeHub, hub: AsyncHub) -> None:
    """Listings with and without links have all items."""
    fake.inject(faults.PageSize(9), times=None)
    tags = await hub.repositories.list_tags("library", "python").collect()
    events = [event.event_id async for event in hub.audit_logs.list("acme", page_size=50)]

    assert (250, fake.event_ids("acme")) == (len(tags), events)


async def test_invalid_dates_are_a_decode_error(fake: FakeHub, hub: AsyncHub) -> None:
    """The error has the path of the value."""
    fake.inject(faults.BadDates(), operation="audit_logs.list")
    with pytest.raises(DecodeError) as caught:
        await hub.audit_logs.list("acme").first()

    assert ("$.logs[0].timestamp", 2) == (caught.value.path, len(fake.requests))


async def test_a_skewed_login_is_accepted(fake: FakeHub, hub: AsyncHub, clock: VirtualClock) -> None:
    """Its token is used, although its Date is a day ahead."""
    fake.inject(faults.Skew(86_400), operation="login")
    events = await hub.audit_logs.list("acme", page_size=100).collect()

    assert (250, 1) == (len(events), fake.count(operation="login"))
    assert clock.monotonic() < 1
