"""A real nginx that is restarted under load. `apt-get install nginx-light`, or any other nginx."""

from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

import anyio
import pytest

from hubapi import TransportError
from hubapi._transport.transport import Request, Transport
from tests.transport.conformance.conftest import Open
from tests.transport.conformance.nginx import NGINX, Nginx, running
from tests.transport.conformance.servers import free_port

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(NGINX is None, reason="nginx is not installed")]


async def reload(nginx: Nginx) -> None:
    nginx.reload()


async def restart(nginx: Nginx) -> None:
    nginx.stop()
    await anyio.sleep(0.05)  # while requests are refused
    nginx.start()


@pytest.mark.parametrize("change", [reload, restart], ids=lambda change: change.__name__)
async def test_restarted_under_load(opened: Open, tmp_path: Path, change: Callable[[Nginx], Awaitable[None]]) -> None:
    """Requests fail cleanly or are responded to, each with its own response; repeated, all of them succeed."""
    numbers, wanted, width = count(), 400, 8
    changes = {100, 200, 300}  # after so many
    done: list[int] = []

    async def worker(transport: Transport, nginx: Nginx) -> None:
        for number in numbers:
            if number >= wanted:
                return
            while True:
                try:
                    response = await transport.send(Request(method="GET", url=f"{nginx.url}/?n={number}"))
                except TransportError:
                    await anyio.sleep(0.005)
                else:
                    break
            assert (200, str(number).encode()) == (response.status, response.content)
            done.append(number)
            if len(done) in changes:
                await change(nginx)

    async with opened() as transport:
        with running(tmp_path, free_port()) as nginx:
            await nginx.until_there()
            async with anyio.create_task_group() as tasks:
                for _ in range(width):
                    tasks.start_soon(worker, transport, nginx)

    assert list(range(wanted)) == sorted(done)
