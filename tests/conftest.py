"""Fixtures for all tests: both event loops, and a fake Docker Hub with one organisation."""

from collections.abc import AsyncIterator

import pytest

from hubapi.testing import FakeHub, VirtualClock


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


@pytest.fixture
def fake() -> FakeHub:
    fake = FakeHub(seed=7)
    fake.add_user("moby", password="hunter2-hunter2", tokens=["dckr_pat_moby"])
    fake.add_org("acme", owners=["moby"], tokens=["dckr_oat_acme"], events=250)
    fake.add_repository("library", "python", tags=[f"3.{n}" for n in range(120)])
    return fake


@pytest.fixture
async def clock(anyio_backend: str) -> AsyncIterator[VirtualClock]:
    """A clock whose time passes only while all tasks wait for it."""
    async with VirtualClock() as clock:
        yield clock
