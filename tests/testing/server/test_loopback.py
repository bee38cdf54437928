"""FakeHub over HTTP on loopback."""

import logging
import socket
import threading
from collections.abc import Generator
from typing import Literal

import anyio
import httpx
import pytest

from hubapi.testing import FakeHub, VirtualClock, faults
from tests.testing.conftest import PASSWORD

TAGS = "/v2/namespaces/library/repositories/python/tags"


@pytest.fixture
def silence(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Generator[None]:
    """Fail a test in which the server logs or prints anything."""
    caplog.set_level(logging.WARNING)
    yield
    assert ([], ("", "")) == (caplog.get_records("call"), tuple(capfd.readouterr()))


async def arrival(fake: FakeHub, number: int = 1) -> None:
    """Wait until FakeHub has received so many requests."""
    while len(fake.requests) < number:  # noqa: ASYNC110 - it comes in another thread
        await anyio.sleep(0.001)


def server_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "FakeHub"]


@pytest.mark.anyio
async def test_serves_http_on_loopback(fake: FakeHub) -> None:
    """A client over a socket receives FakeHub's responses, with its Date alone and no Server."""
    async with fake.serve() as url, httpx.AsyncClient(base_url=url) as client:
        login = await client.post("/v2/users/login", json={"username": "moby", "password": PASSWORD})
        headers = {"authorization": f"Bearer {login.json()['token']}"}
        response = await client.get("/v2/auditlogs/acme", headers=headers)

    assert fake.event_ids("acme")[:25] == [event["event_id"] for event in response.json()["logs"]]
    assert len(response.headers.get_list("date")) == 1
    assert "server" not in response.headers


@pytest.mark.anyio
async def test_concurrent_requests(fake: FakeHub) -> None:
    """Concurrent requests, and setup from the test's thread, do not disturb each other."""
    fake.add_repository("library", "python", tags=30)
    statuses: list[int] = []

    async with fake.serve() as url, httpx.AsyncClient(base_url=url) as client:

        async def ask() -> None:
            for _ in range(5):
                statuses.append((await client.get(TAGS)).status_code)
                fake.add_event("acme")

        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(ask)

    assert statuses == [200] * 40
    assert fake.count(operation="repositories.list_tags") == 40
    assert len(fake.raw_events("acme")) == 290


@pytest.mark.anyio
async def test_links_are_on_the_served_host(fake: FakeHub) -> None:
    """`next` has the port that FakeHub is served on."""
    fake.add_repository("library", "python", tags=30)
    async with fake.serve() as url, httpx.AsyncClient(base_url=url) as client:
        first = (await client.get(TAGS)).json()
        second = await client.get(first["next"])

    assert first["next"].startswith(url)
    assert len(second.json()["results"]) == 10


@pytest.mark.anyio
async def test_head_over_http_has_no_body(fake: FakeHub) -> None:
    """The connection can be used again after a HEAD."""
    fake.add_repository("library", "python")
    async with fake.serve() as url, httpx.AsyncClient(base_url=url) as client:
        assert [
            (await client.head(TAGS)).status_code,
            (await client.head(f"{TAGS}/missing")).status_code,
            (await client.get(TAGS)).status_code,
        ] == [200, 404, 200]


@pytest.mark.anyio
async def test_stops_with_connections_open(fake: FakeHub) -> None:
    """After the block nothing listens and no thread is left, although a client still has a connection."""
    async with httpx.AsyncClient() as client:
        async with fake.serve() as url:
            await client.get(url + TAGS)
        assert server_threads() == []
        with pytest.raises(httpx.ConnectError):
            await client.get(url + TAGS)


@pytest.mark.anyio
async def test_stops_when_cancelled(fake: FakeHub) -> None:
    """A cancellation in the block continues after the server has stopped."""
    with anyio.CancelScope() as scope:
        async with fake.serve():
            scope.cancel()
            await anyio.sleep_forever()

    assert scope.cancelled_caught
    assert server_threads() == []


@pytest.mark.anyio
async def test_an_error_in_the_block_is_raised_unchanged(fake: FakeHub) -> None:
    """Serving does not change the error of the block."""
    with pytest.raises(ZeroDivisionError):
        async with fake.serve():
            raise ZeroDivisionError


def test_serves_code_that_is_not_async(fake: FakeHub) -> None:
    """A synchronous client can use the server, on a chosen port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with fake.serve_in_thread(port=port) as url:
        assert url == f"http://127.0.0.1:{port}"
        assert httpx.get(url + TAGS).status_code == 200
    assert server_threads() == []


def test_a_port_in_use_is_an_error(fake: FakeHub) -> None:
    """The error is raised at once, in the caller's thread."""
    with fake.serve_in_thread() as url, pytest.raises(OSError, match="in use"):
        fake.serve_in_thread(port=int(url.rpartition(":")[2])).__enter__()


def test_can_be_stopped_before_it_has_started(fake: FakeHub) -> None:
    """The block may be empty."""
    with fake.serve_in_thread():
        pass

    assert server_threads() == []


@pytest.mark.anyio
@pytest.mark.usefixtures("silence")
@pytest.mark.parametrize("when", ["before", "after", "midway"])
async def test_connections_are_dropped(fake: FakeHub, when: Literal["before", "after", "midway"]) -> None:
    """The client sees the same as if the server had crashed, and the next connection works."""
    fake.add_repository("library", "python", tags=100)
    fake.inject(faults.Drop(when), times=3)
    message = "incomplete|complete message body" if when == "midway" else "without sending a response"
    async with fake.serve() as url, httpx.AsyncClient(base_url=url) as client:
        for _ in range(3):
            with pytest.raises(httpx.RemoteProtocolError, match=message):
                await client.get(TAGS)
        assert 200 == (await client.get(TAGS)).status_code

    assert [200 if when == "midway" else 0] * 3 + [200] == [record.status for record in fake.requests]


@pytest.mark.anyio
@pytest.mark.usefixtures("silence")
@pytest.mark.parametrize("fault", [faults.SlowHeaders(3600), faults.SlowBody(3600)], ids=str)
async def test_delays_are_measured_by_the_fakes_clock(fake: FakeHub, clock: VirtualClock, fault: faults.Fault) -> None:
    """Another thread may move it; during the delay FakeHub serves other requests and can be filled."""
    fake.add_repository("library", "python", tags=30)
    fake.inject(fault)
    responses: list[int] = []
    async with (
        fake.serve() as url,
        httpx.AsyncClient(base_url=url) as client,
        anyio.create_task_group() as tasks,
    ):

        async def ask() -> None:
            responses.append(len((await client.get(TAGS)).json()["results"]))

        tasks.start_soon(ask)
        await arrival(fake)
        assert 200 == (await client.get(TAGS)).status_code
        fake.add_event("acme")
        assert [] == responses
        clock.advance(3600)

    assert [10] == responses


@pytest.mark.anyio
@pytest.mark.usefixtures("silence")
@pytest.mark.parametrize("fault", [faults.SlowHeaders(3600), faults.SlowBody(3600)], ids=str)
async def test_a_client_may_disconnect_during_a_delay(fake: FakeHub, clock: VirtualClock, fault: faults.Fault) -> None:
    """The server continues without an error."""
    fake.add_repository("library", "python", tags=30)
    fake.inject(fault)
    async with fake.serve() as url, httpx.AsyncClient(base_url=url) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.get, TAGS)
            await arrival(fake)
            tasks.cancel_scope.cancel()
        clock.advance(3600)
        assert 200 == (await client.get(TAGS)).status_code


@pytest.mark.anyio
@pytest.mark.usefixtures("silence")
async def test_stops_with_a_response_outstanding(fake: FakeHub) -> None:
    """The connection of a delayed response is closed."""
    fake.inject(faults.SlowHeaders(3600))
    async with httpx.AsyncClient() as client, anyio.create_task_group() as tasks:

        async def ask(url: str) -> None:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(url)

        async with fake.serve() as url:
            tasks.start_soon(ask, url + TAGS)
            await arrival(fake)

    assert server_threads() == []


@pytest.mark.usefixtures("silence")
def test_an_incomplete_request_is_not_logged(fake: FakeHub) -> None:
    """A client may disconnect before it has sent the whole request, without an error."""
    with fake.serve_in_thread() as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as half:
            half.sendall(b"POST /v2/users/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert 200 == httpx.get(url + TAGS).status_code

    assert ["repositories.list_tags"] == [record.operation for record in fake.requests]
