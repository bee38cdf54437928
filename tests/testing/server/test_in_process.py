"""FakeHub as an httpx transport, without a socket."""

import anyio
import httpx
import pytest

from hubapi.testing import FakeHub

TAGS = "/v2/namespaces/library/repositories/python/tags"


@pytest.mark.anyio
async def test_other_tasks_run(fake: FakeHub) -> None:
    """A task that only makes requests in process does not starve others."""
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
