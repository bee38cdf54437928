"""The requests of an export, by the generated endpoint functions."""

import msgspec
import pytest

from hubapi import AsyncHub, Forbidden, Password, Settings
from hubapi._datetimes import SECOND_NS
from hubapi.export.pages import split_page
from hubapi.export.requests import LogRequests
from hubapi.testing import FakeHub

pytestmark = pytest.mark.anyio

MOBY = Password("moby", "hunter2-hunter2")
UNTIL_NS = 4_102_444_800 * SECOND_NS  # 2100-01-01


async def test_a_page_is_requested_by_number_and_window(fake: FakeHub) -> None:
    """With as many events as the server gives, and returned as the bytes that came."""
    names: list[str] = []
    settings = Settings(on_event=lambda event: names.append(event.operation))
    async with AsyncHub(MOBY, transport=fake.transport(), settings=settings) as hub:
        requests = LogRequests(hub._pipeline, "audit_logs.export")
        page = split_page(*await requests.page("acme", 3, None, UNTIL_NS))
        await requests.page("acme", 1, UNTIL_NS - SECOND_NS, UNTIL_NS)

    assert fake.raw_events("acme")[200:] == [bytes(line) for line in page.lines]
    assert [
        ("/v2/auditlogs/acme", "to=2100-01-01T00%3A00%3A00Z&page=3&page_size=100"),
        (
            "/v2/auditlogs/acme",
            "from=2099-12-31T23%3A59%3A59Z&to=2100-01-01T00%3A00%3A00Z&page=1&page_size=100",
        ),
    ] == [(asked.path, asked.query) for asked in fake.requests if asked.operation == "audit_logs.list"]
    assert {"login", "audit_logs.export"} == {name.rpartition("authentication.")[2] for name in names}


async def test_an_error_has_the_name_of_the_operation(fake: FakeHub) -> None:
    """That of what was called, not of the route."""
    fake.add_org("theirs", events=1)
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        with pytest.raises(Forbidden) as caught:
            await LogRequests(hub._pipeline, "audit_logs.follow").page("theirs", 1, None, UNTIL_NS)

    assert "audit_logs.follow" == caught.value.operation


async def test_a_refusal_has_the_server_s_time_too(fake: FakeHub) -> None:
    """Once the time is known, nothing is sent."""
    fake.add_org("theirs", events=1)
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        requests = LogRequests(hub._pipeline, "audit_logs.export")
        first, second = [await requests.server_time("theirs") for _ in range(2)]

    assert first is not None
    assert second is not None
    assert 0 <= second - first < 60
    assert 1 == fake.count(operation="audit_logs.actions")


async def test_an_event_is_decoded_as_a_model(fake: FakeHub) -> None:
    """Leniently, as in any response."""
    line = fake.raw_events("acme")[0]
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        requests = LogRequests(hub._pipeline, "audit_logs.follow")

        assert msgspec.json.decode(line)["event_id"] == requests.decode_event(line).event_id
