"""What the tests of the request core share."""

from collections.abc import AsyncIterator

import pytest

from hubapi.testing import VirtualClock


@pytest.fixture
async def clock(anyio_backend: str) -> AsyncIterator[VirtualClock]:
    """A clock whose time passes only when everybody waits for it."""
    async with VirtualClock() as clock:
        yield clock
