from collections.abc import AsyncGenerator

import httpx
import pytest

from hubapi.testing import FakeHub, VirtualClock

PASSWORD = "correct horse battery staple"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def clock() -> VirtualClock:
    """A clock that only `advance` moves."""
    return VirtualClock()


@pytest.fixture
def fake(clock: VirtualClock) -> FakeHub:
    fake = FakeHub(seed=7, clock=clock)
    fake.add_user("moby", password=PASSWORD, tokens=["dckr_pat_moby"])
    fake.add_user("octopus", password=PASSWORD)
    fake.add_org("acme", owners=["moby"], tokens=["dckr_oat_acme"], events=250)
    return fake


@pytest.fixture
async def anonymous(fake: FakeHub, anyio_backend: str) -> AsyncGenerator[httpx.AsyncClient]:
    """An anonymous client."""
    async with httpx.AsyncClient(transport=fake.transport(), base_url="http://hub.test") as client:
        yield client


@pytest.fixture
async def moby(fake: FakeHub, anonymous: httpx.AsyncClient) -> AsyncGenerator[httpx.AsyncClient]:
    """A client with the token of an owner of acme."""
    response = await anonymous.post("/v2/users/login", json={"username": "moby", "password": PASSWORD})
    headers = {"authorization": f"Bearer {response.json()['token']}"}
    async with httpx.AsyncClient(transport=fake.transport(), base_url="http://hub.test", headers=headers) as client:
        yield client
