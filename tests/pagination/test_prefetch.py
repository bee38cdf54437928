"""Pages fetched ahead: how far, in which order, and how it is left."""

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
    """Five pages of two numbers, each a second of work; `broken` pages fail once."""

    def __init__(self, clock: VirtualClock, *, broken: Mapping[int, Exception] | None = None) -> None:
        self.clock = clock
        self.broken = dict(broken or {})
        self.asked: list[int] = []
        self.under_way = 0

    async def fetch(self, state: Any) -> Page[int]:
        number = int(state.get("page", 0))
        self.asked.append(number)
        self.under_way += 1
        try:
            await self.clock.sleep(1)
        finally:
            self.under_way -= 1
        if number in self.broken:
            raise self.broken.pop(number)
        return Page([2 * number, 2 * number + 1], {"page": number + 1} if number < 4 else None)

    def walk(self) -> Paginator[int]:
        return Paginator("numbers", self.fetch)


async def test_everything_comes_in_order(clock: VirtualClock) -> None:
    """Whatever the number of pages held."""
    for pages in (1, 2, 9):
        server = Server(clock)
        async with server.walk().prefetch(pages) as numbers:
            assert list(range(10)) == await numbers.collect()
        assert [0, 1, 2, 3, 4] == server.asked


@pytest.mark.parametrize("pages", [1, 2, 3])
async def test_as_many_pages_are_held_as_asked_for(pages: int, clock: VirtualClock) -> None:
    """While the first page is worked on, the next ones come, and no more."""
    server = Server(clock)
    async with server.walk().prefetch(pages) as numbers:
        await numbers.first()
        await clock.sleep(100)

        assert list(range(pages + 1)) == server.asked


async def test_the_time_of_both_sides_overlaps(clock: VirtualClock) -> None:
    """A second to fetch and a second to work on each of five pages is six seconds, not ten."""
    began = clock.monotonic()
    async with Server(clock).walk().prefetch() as numbers:
        async for _ in numbers.pages():
            await clock.sleep(1)

    assert 6 == clock.monotonic() - began


async def test_the_cursor_is_that_of_the_reader(clock: VirtualClock) -> None:
    """Pages that were fetched ahead and not read come again after a resume."""
    server = Server(clock)
    async with server.walk().prefetch(3) as numbers:
        seen = await numbers.collect(3)
        await clock.sleep(100)
        cursor = numbers.cursor

    assert [0, 1, 2] == seen
    assert [3, 4, 5, 6, 7, 8, 9] == await server.walk().resume(cursor).collect()


async def test_the_walk_goes_on_after_the_block(clock: VirtualClock) -> None:
    """Also from the middle of a page, and into another block."""
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


async def test_an_error_comes_where_its_page_would_have_come(clock: VirtualClock) -> None:
    """After what came before it, with the cursor; who asks again goes on."""
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


async def test_errors_of_the_block_come_out_as_they_are(clock: VirtualClock) -> None:
    """No group around them, nothing left under way."""
    server = Server(clock)

    async def read() -> None:
        async with server.walk().prefetch(2) as numbers:
            await numbers.first()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await read()
    assert 0 == server.under_way


async def test_errors_of_others_come_out_as_they_are(clock: VirtualClock) -> None:
    """A middleware may raise anything."""
    server = Server(clock, broken={1: LookupError("mine")})

    with pytest.raises(LookupError, match="mine"):
        async with server.walk().prefetch(2) as numbers:
            await numbers.collect()


async def test_leaving_early_ends_what_is_under_way(clock: VirtualClock) -> None:
    """A break costs nothing and leaves nothing."""
    server = Server(clock)
    async with server.walk().prefetch(2) as numbers:
        async for _ in numbers:
            break

    assert 0 == server.under_way


async def test_a_cancelled_reader_leaves_nothing(clock: VirtualClock) -> None:
    """Nor is the cancellation lost."""
    server = Server(clock)
    with clock.move_on_after(2.5) as scope:
        async with server.walk().prefetch(2) as numbers:
            async for _ in numbers.pages():
                await clock.sleep(10)

    assert scope.cancelled_caught
    assert 0 == server.under_way


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_asyncio_may_cancel_the_task_itself(anyio_backend: str) -> None:
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
    """Before anything is asked."""
    server = Server(clock)

    with pytest.raises(ConfigurationError, match="pages is 0"):
        async with server.walk().prefetch(0):
            pass
    assert [] == server.asked


async def test_a_walk_that_is_done_asks_nothing_more(clock: VirtualClock) -> None:
    """Not even once."""
    server = Server(clock)
    walk = server.walk()
    await walk.collect()
    async with walk.prefetch(2) as numbers:
        assert None is await numbers.first()

    assert [0, 1, 2, 3, 4] == server.asked


async def test_a_failed_walk_says_which(clock: VirtualClock) -> None:
    """The error names the listing, as without a block."""
    with pytest.raises(HubError) as caught:
        async with Server(clock, broken={0: HubError("no")}).walk().prefetch() as numbers:
            await numbers.first()

    assert "numbers" == caught.value.operation
