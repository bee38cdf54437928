"""Prefetching: the number and order of pages, errors, and leaving the block."""

import asyncio
from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from hubapi import ConfigurationError, HubError, NoResponseError
from hubapi._pagination.paginator import Paginator
from hubapi._pagination.strategies import Page
from hubapi.testing import VirtualClock

pytestmark = pytest.mark.anyio


class Server:
    """Five pages of two numbers, each of which takes a second; `broken` pages fail once."""

    def __init__(self, clock: VirtualClock, *, broken: Mapping[int, Exception] | None = None) -> None:
        self.clock = clock
        self.broken = dict(broken or {})
        self.requested: list[int] = []
        self.running = 0

    async def fetch(self, state: Any) -> Page[int]:
        number = int(state.get("page", 0))
        self.requested.append(number)
        self.running += 1
        try:
            await self.clock.sleep(1)
        finally:
            self.running -= 1
        if number in self.broken:
            raise self.broken.pop(number)
        return Page([2 * number, 2 * number + 1], {"page": number + 1} if number < 4 else None)

    def walk(self) -> Paginator[int]:
        return Paginator("numbers", self.fetch)


async def test_prefetched_items_are_in_order(clock: VirtualClock) -> None:
    """For any number of pages."""
    for pages in (1, 2, 9):
        server = Server(clock)
        async with server.walk().prefetch(pages) as numbers:
            assert list(range(10)) == await numbers.collect()
        assert [0, 1, 2, 3, 4] == server.requested


@pytest.mark.parametrize("pages", [1, 2, 3])
async def test_as_many_pages_are_fetched_ahead_as_requested(pages: int, clock: VirtualClock) -> None:
    """While the reader works on the first page."""
    server = Server(clock)
    async with server.walk().prefetch(pages) as numbers:
        await numbers.first()
        await clock.sleep(100)

        assert list(range(pages + 1)) == server.requested


async def test_fetching_and_reading_overlap(clock: VirtualClock) -> None:
    """A second to fetch and a second to process each of five pages take six seconds, not ten."""
    began = clock.monotonic()
    async with Server(clock).walk().prefetch() as numbers:
        async for _ in numbers.pages():
            await clock.sleep(1)

    assert 6 == clock.monotonic() - began


async def test_the_cursor_is_the_position_of_the_reader(clock: VirtualClock) -> None:
    """Pages that were fetched but not read are fetched again after a resume."""
    server = Server(clock)
    async with server.walk().prefetch(3) as numbers:
        seen = await numbers.collect(3)
        await clock.sleep(100)
        cursor = numbers.cursor

    assert [0, 1, 2] == seen
    assert [3, 4, 5, 6, 7, 8, 9] == await server.walk().resume(cursor).collect()


async def test_the_listing_continues_after_the_block(clock: VirtualClock) -> None:
    """From the middle of a page, and in another block."""
    walk = Server(clock).walk()
    seen = [await walk.first()]
    async with walk.prefetch(2) as numbers:
        seen += await numbers.collect(2)
    seen += await walk.collect(2)
    async with walk.prefetch(2) as numbers:
        seen += await numbers.collect()
    async with walk.prefetch(2) as numbers:
        seen += await numbers.collect()

    assert list(range(10)) == seen


async def test_an_error_is_raised_when_its_page_is_due(clock: VirtualClock) -> None:
    """After the items before it, with the cursor; the next item is requested from the server."""
    server = Server(clock, broken={2: NoResponseError("gone")})
    seen: list[int] = []

    async def read(numbers: Paginator[int]) -> None:
        async for number in numbers:
            seen.append(number)  # noqa: PERF401 - what came before the error counts

    async with server.walk().prefetch(4) as numbers:
        with pytest.raises(NoResponseError) as caught:
            await read(numbers)
        assert [0, 1, 2, 3] == seen
        rest = await numbers.collect()

    assert [4, 5, 6, 7, 8, 9] == rest
    assert rest == await server.walk().resume(caught.value.cursor or "").collect()


async def test_errors_in_the_block_are_raised_unchanged(clock: VirtualClock) -> None:
    """Without an exception group, and with no fetch still running."""
    server = Server(clock)

    async def read() -> None:
        async with server.walk().prefetch(2) as numbers:
            await numbers.first()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await read()
    assert 0 == server.running


async def test_other_errors_of_a_fetch_are_raised_unchanged(clock: VirtualClock) -> None:
    """A middleware may raise anything."""
    server = Server(clock, broken={1: LookupError("mine")})

    with pytest.raises(LookupError, match="mine"):
        async with server.walk().prefetch(2) as numbers:
            await numbers.collect()


async def test_leaving_the_block_cancels_the_fetch(clock: VirtualClock) -> None:
    """A break leaves nothing running."""
    server = Server(clock)
    async with server.walk().prefetch(2) as numbers:
        async for _ in numbers:
            break

    assert 0 == server.running


async def test_a_cancelled_reader_leaves_nothing_running(clock: VirtualClock) -> None:
    """And the cancellation is not lost."""
    server = Server(clock)
    with clock.move_on_after(2.5) as scope:
        async with server.walk().prefetch(2) as numbers:
            async for _ in numbers.pages():
                await clock.sleep(10)

    assert scope.cancelled_caught
    assert 0 == server.running


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_asyncio_can_cancel_the_reading_task(anyio_backend: str) -> None:
    """As `asyncio.wait_for` does."""
    begun = anyio.Event()

    async def fetch(state: Any) -> Page[int]:
        begun.set()
        await anyio.sleep_forever()
        raise AssertionError(state)

    async def read() -> None:
        async with Paginator("numbers", fetch).prefetch(2) as numbers:
            await numbers.first()

    task = asyncio.ensure_future(read())
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_fewer_than_one_page_is_refused(clock: VirtualClock) -> None:
    """Before anything is requested."""
    server = Server(clock)

    with pytest.raises(ConfigurationError, match="pages is 0"):
        async with server.walk().prefetch(0):
            pass
    assert [] == server.requested


async def test_a_finished_listing_requests_nothing_more(clock: VirtualClock) -> None:
    """Not even once."""
    server = Server(clock)
    walk = server.walk()
    await walk.collect()
    async with walk.prefetch(2) as numbers:
        assert None is await numbers.first()

    assert [0, 1, 2, 3, 4] == server.requested


async def test_an_error_names_the_listing(clock: VirtualClock) -> None:
    """As without a block."""
    with pytest.raises(HubError) as caught:
        async with Server(clock, broken={0: HubError("no")}).walk().prefetch() as numbers:
            await numbers.first()

    assert "numbers" == caught.value.operation
