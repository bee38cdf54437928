"""Reaching the fake in process and over HTTP."""

import socket
import threading

import anyio
import httpx
import pytest

from hubapi.testing import FakeHub

from .conftest import PASSWORD

TAGS = "/v2/namespaces/library/repositories/python/tags"


def server_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "FakeHub"]


@pytest.mark.anyio
async def test_serves_http_on_loopback(fake: FakeHub) -> None:
    """A real client over a real socket gets what the fake says, and only its own Date and no Server."""
    async with fake.serve() as url, httpx.AsyncClient(base_url=url) as client:
        login = await client.post("/v2/users/login", json={"username": "moby", "password": PASSWORD})
        headers = {"authorization": f"Bearer {login.json()['token']}"}
        answer = await client.get("/v2/auditlogs/acme", headers=headers)

    assert fake.event_ids("acme")[:25] == [event["event_id"] for event in answer.json()["logs"]]
    assert len(answer.headers.get_list("date")) == 1
    assert "server" not in answer.headers


@pytest.mark.anyio
async def test_answers_many_at_once(fake: FakeHub) -> None:
    """Concurrent requests, and set-up from the test's own thread meanwhile, do not disturb each other."""
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
    """`next` leads back to the port that the fake is served on."""
    fake.add_repository("library", "python", tags=30)
    async with fake.serve() as url, httpx.AsyncClient(base_url=url) as client:
        first = (await client.get(TAGS)).json()
        second = await client.get(first["next"])

    assert first["next"].startswith(url)
    assert len(second.json()["results"]) == 10


@pytest.mark.anyio
async def test_head_over_http_has_no_body(fake: FakeHub) -> None:
    """A HEAD leaves the connection fit for the next request."""
    fake.add_repository("library", "python")
    async with fake.serve() as url, httpx.AsyncClient(base_url=url) as client:
        assert [
            (await client.head(TAGS)).status_code,
            (await client.head(f"{TAGS}/missing")).status_code,
            (await client.get(TAGS)).status_code,
        ] == [200, 404, 200]


@pytest.mark.anyio
async def test_stops_with_connections_open(fake: FakeHub) -> None:
    """When the block ends nothing listens and no thread is left, though a client still held a connection."""
    async with httpx.AsyncClient() as client:
        async with fake.serve() as url:
            await client.get(url + TAGS)
        assert server_threads() == []
        with pytest.raises(httpx.ConnectError):
            await client.get(url + TAGS)


@pytest.mark.anyio
async def test_stops_when_cancelled(fake: FakeHub) -> None:
    """Cancellation in the block still stops the server before it goes on."""
    with anyio.CancelScope() as scope:
        async with fake.serve():
            scope.cancel()
            await anyio.sleep_forever()

    assert scope.cancelled_caught
    assert server_threads() == []


@pytest.mark.anyio
async def test_an_error_in_the_block_comes_out_as_it_is(fake: FakeHub) -> None:
    """Serving adds nothing to the error of the block."""
    with pytest.raises(ZeroDivisionError):
        async with fake.serve():
            raise ZeroDivisionError


def test_serves_code_that_is_not_async(fake: FakeHub) -> None:
    """The same server for a synchronous client, on a chosen port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with fake.serve_in_thread(port=port) as url:
        assert url == f"http://127.0.0.1:{port}"
        assert httpx.get(url + TAGS).status_code == 200
    assert server_threads() == []


def test_a_port_in_use_is_an_error(fake: FakeHub) -> None:
    """A port that somebody else has is refused at once, in the caller's own thread."""
    with fake.serve_in_thread() as url, pytest.raises(OSError, match="in use"):
        fake.serve_in_thread(port=int(url.rpartition(":")[2])).__enter__()


def test_can_be_stopped_before_it_has_started(fake: FakeHub) -> None:
    """An empty block is no trouble."""
    with fake.serve_in_thread():
        pass

    assert server_threads() == []


@pytest.mark.anyio
async def test_in_process_requests_let_others_run(fake: FakeHub) -> None:
    """A task that only asks in process does not starve the others."""
    ran: list[bool] = []

    async def other() -> None:
        ran.append(True)

    async with (
        httpx.AsyncClient(transport=fake.transport(), base_url="http://hub.test") as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(other)
        for _ in range(3):
            await client.get(TAGS)

        assert ran == [True]
