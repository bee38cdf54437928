"""Paginators: where listings end, which links they refuse, and how they resume."""

import gc
from collections.abc import Callable
from typing import Any

import anyio
import httpx
import msgspec
import pytest

from hubapi import AsyncHub, ConfigurationError, DecodeError, HubError, NotFound, ServerError, UnsafeLinkError
from hubapi._pagination.paginator import Paginator
from hubapi._pagination.strategies import Page
from hubapi.models import Tag
from hubapi.testing import FakeHub, VirtualClock
from tests.pagination.test_links import HOSTILE
from tests.pipeline.scripted import Canned, Script, hub_of, json

pytestmark = pytest.mark.anyio

HUB = "https://hub.docker.com"
PATH = "/v2/namespaces/library/repositories/python/tags"


def page(numbers: range | list[int], following: object = None) -> Canned:
    return json({"count": 999, "next": following, "previous": None, "results": [{"id": n} for n in numbers]})


def tags(script: Script, clock: VirtualClock, page_size: int = 3, **options: Any) -> Paginator[Tag]:
    return hub_of(script, clock, **options).repositories.list_tags("library", "python", page_size=page_size)


async def ids(paginator: Paginator[Tag]) -> list[int | None]:
    return [tag.id async for tag in paginator]


# --- links


@pytest.mark.parametrize(
    ("following", "sent"),
    [
        (f"{HUB}{PATH}?page=2&page_size=3", "?page=2&page_size=3"),
        (f"{HUB}{PATH}?page_size=7&page=2", "?page_size=7&page=2"),
        (f"{HUB}{PATH}?page=2", "?page=2&page_size=3"),
        (f"{HUB}:443{PATH}?page=2", "?page=2&page_size=3"),
        (f"{HUB}{PATH}?&page=4", "?&page=4&page_size=3"),
        (f"{PATH}?page=2", "?page=2&page_size=3"),
        (f"{PATH}", "?page_size=3"),
    ],
)
async def test_next_is_followed_unchanged(following: str, sent: str, clock: VirtualClock) -> None:
    """With the path and query that the server sent; a missing page size is added, because pages depend on it (D15)."""
    script = Script([page([1, 2, 3], following), page([4])])

    assert [1, 2, 3, 4] == await ids(tags(script, clock))
    assert [f"GET {PATH}?page_size=3", f"GET {PATH}{sent}"] == script.sent
    assert {"hub.docker.com"} == {request.url.host for request in script.requests}


async def test_next_is_followed_below_a_base_url_with_a_path(clock: VirtualClock) -> None:
    """A proxy in front of Docker Hub may have one."""
    base = "https://proxy.example/hub"
    script = Script([page([1], f"{base}{PATH}?page=2"), page([2])])

    assert [1, 2] == await ids(tags(script, clock, base_url=base))
    assert [f"GET /hub{PATH}?page_size=3", f"GET /hub{PATH}?page=2&page_size=3"] == script.sent


@pytest.mark.parametrize("following", [link for link in HOSTILE if link and "\ud800" not in link] + [5, 1.5, True])
async def test_no_request_follows_a_hostile_next(following: object, clock: VirtualClock) -> None:
    """The listing fails with the cursor of the page with the link, and no request leaves the origin."""
    script = Script([page([1, 2, 3], following), page([4])])

    with pytest.raises(UnsafeLinkError) as caught:
        await tags(script, clock).collect()

    assert 1 == len(script.requests)
    assert "repositories.list_tags" == caught.value.operation
    assert caught.value.cursor is not None


@pytest.mark.parametrize("following", [{}, [f"{HUB}{PATH}?page=2"], {"href": "/v2"}])
async def test_a_next_that_is_not_a_string_is_an_error(following: object, clock: VirtualClock) -> None:
    """Its meaning is not guessed."""
    script = Script([page([1], following)])

    with pytest.raises(DecodeError, match="next"):
        await tags(script, clock).collect()


@pytest.mark.parametrize("following", [None, ""])
async def test_no_next_is_the_end(following: object, clock: VirtualClock) -> None:
    """Regardless of `count`."""
    assert [1] == await ids(tags(Script([page([1], following)]), clock))


async def test_a_next_that_leads_to_its_own_page_is_refused(clock: VirtualClock) -> None:
    """The listing would never end."""
    script = Script([page([1], f"{PATH}?page=2"), page([2], f"{PATH}?page=2")])

    with pytest.raises(UnsafeLinkError, match="never end"):
        await ids(tags(script, clock))

    assert 2 == len(script.requests)


@pytest.mark.parametrize("length", [2, 3, 10])
async def test_a_loop_of_links_is_refused(length: int, clock: VirtualClock) -> None:
    """No page is read twice, however long the loop."""

    async def around(request: httpx.Request) -> Canned:
        number = int(request.url.params.get("page", "0"))
        return page([number], f"{PATH}?page={number % length + 1}")

    script = Script([around])

    with pytest.raises(UnsafeLinkError, match="never end"):
        await ids(tags(script, clock))

    assert length + 1 == len(script.requests)


async def test_a_resumed_listing_may_repeat_pages(clock: VirtualClock) -> None:
    """Reading the same pages from an earlier cursor is not a loop."""

    async def linear(request: httpx.Request) -> Canned:
        number = int(request.url.params.get("page", "1"))
        return page([number], f"{PATH}?page={number + 1}" if number < 4 else None)

    walk = tags(Script([linear]), clock)
    start = walk.cursor

    assert [1, 2, 3, 4] == await ids(walk)
    assert [1, 2, 3, 4] == await ids(walk.resume(start))
    assert [] == await ids(walk)


# --- the end (D16)


async def test_a_stale_next_after_a_short_page_is_the_end(clock: VirtualClock) -> None:
    """The server links to a page past the end, and returns 404 for it."""
    script = Script([page([1, 2, 3], f"{PATH}?page=2"), page([4], f"{PATH}?page=3"), json({"message": "no"}, 404)])

    assert [1, 2, 3, 4] == await ids(tags(script, clock))
    assert 3 == len(script.requests)


async def test_a_stale_next_after_a_short_first_page_is_the_end(clock: VirtualClock) -> None:
    """Short in comparison with the requested size."""
    script = Script([page([1, 2], f"{PATH}?page=2"), json({"message": "no"}, 404)])

    assert [1, 2] == await ids(tags(script, clock))


async def test_a_404_after_a_full_page_is_an_error(clock: VirtualClock) -> None:
    """A page has disappeared; the cursor names it."""
    script = Script([page([1, 2, 3], f"{PATH}?page=2"), json({"message": "no"}, 404)])

    with pytest.raises(NotFound) as caught:
        await ids(tags(script, clock))

    assert "page=2" in str(caught.value.cursor)


async def test_a_404_on_the_first_page_is_an_error(clock: VirtualClock) -> None:
    """The repository does not exist."""
    with pytest.raises(NotFound):
        await ids(tags(Script([Canned(404)]), clock))


# --- numbered pages (D22)


def logs(numbers: range) -> Canned:
    return json({"logs": [{"event_id": str(number)} for number in numbers]})


@pytest.mark.parametrize(
    ("sizes", "requests"),
    [
        ([0], 1),  # nothing
        ([3, 0], 2),  # a full page, then an empty one
        ([3, 1], 2),  # a short one ends it
        ([2, 2, 0], 3),  # the server ignores what was asked for, and gives fewer
        ([1, 0], 2),
        ([5, 5, 2], 3),  # or more
    ],
)
async def test_numbered_pages_end_with_an_empty_or_shorter_one(
    sizes: list[int], requests: int, clock: VirtualClock
) -> None:
    """There is no total, and the requested size is no measure (D14)."""
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    script = Script([logs(range(start, start + size)) for start, size in zip(starts, sizes, strict=True)])

    found = await hub_of(script, clock).audit_logs.list("acme", page_size=3).collect()

    assert [str(n) for n in range(sum(sizes))] == [event.event_id for event in found]
    assert requests == len(script.requests)


async def test_a_server_that_ignores_page_and_size_lists_everything_once(clock: VirtualClock) -> None:
    """It returns the whole listing for every request."""
    script = Script([logs(range(7))])

    found = await hub_of(script, clock).audit_logs.list("acme", page_size=3).collect()

    assert [str(n) for n in range(7)] == [event.event_id for event in found]
    assert 2 == len(script.requests)


async def test_a_404_after_the_first_numbered_page_is_the_end(clock: VirtualClock) -> None:
    """The server returns it past the end."""
    script = Script([logs(range(3)), Canned(404)])

    assert 3 == len(await hub_of(script, clock).audit_logs.list("acme", page_size=3).collect())


async def test_a_server_that_ignores_the_page_number_is_an_error(clock: VirtualClock) -> None:
    """It sends the same page again and again, so items may be missing: an error instead of an endless loop."""
    script = Script([logs(range(3))])
    walk = hub_of(script, clock).audit_logs.list("acme", page_size=3)

    with pytest.raises(HubError, match="page 2 repeats page 1"):
        await walk.collect()

    assert 2 == len(script.requests)


@pytest.mark.parametrize("size", [-1, 0, 101])
def test_a_page_size_out_of_range_is_refused_at_once(size: int) -> None:
    """The server would silently use another one (D14)."""
    hub = hub_of(Script([page([])]))
    for listing in (
        lambda: hub.repositories.list_tags("library", "python", page_size=size),
        lambda: hub.access_tokens.list(page_size=size),
        lambda: hub.audit_logs.list("acme", page_size=size),
        lambda: hub.scim.list_users(count=2 * size),
    ):
        with pytest.raises(ConfigurationError, match=f"is {size}; .* 1 to 100|is {2 * size}; .* 1 to 200"):
            listing()


# --- empty listings


@pytest.mark.parametrize(("status", "expected"), [(200, []), (404, None)])
async def test_must_exist_distinguishes_empty_from_missing(
    status: int, expected: list[int] | None, clock: VirtualClock
) -> None:
    """By itself the server returns an empty list for a namespace that does not exist (D17)."""
    script = Script([page([]), Canned(status)])
    walk = hub_of(script, clock).repositories.list_tags("nobody", "x", must_exist=True)

    if expected is None:
        with pytest.raises(NotFound, match="nobody/x does not exist"):
            await walk.collect()
    else:
        assert expected == await ids(walk)

    assert "HEAD /v2/namespaces/nobody/repositories/x" == script.sent[1]


async def test_must_exist_costs_no_request_if_there_are_tags(clock: VirtualClock) -> None:
    """Nor does a listing without `must_exist`."""
    full, empty = Script([page([1])]), Script([page([])])

    await hub_of(full, clock).repositories.list_tags("library", "python", must_exist=True).collect()
    await hub_of(empty, clock).repositories.list_tags("nobody", "x").collect()

    assert [1, 1] == [len(full.requests), len(empty.requests)]


# --- SCIM


async def test_scim_pages_follow_the_index(clock: VirtualClock) -> None:
    """`Resources` or `resources` (D33), and `totalResults` as a string."""

    async def users(request: httpx.Request) -> Canned:
        start = int(request.url.params["startIndex"])
        key = "Resources" if start == 1 else "resources"
        return json({"totalResults": "5", key: [{"id": str(n)} for n in range(start, min(start + 2, 6))]})

    script = Script([users])

    assert ["1", "2", "3", "4", "5"] == [user.id async for user in hub_of(script, clock).scim.list_users(count=2)]
    assert 3 == len(script.requests)


# --- resuming


def linear(pages: int) -> Callable[[httpx.Request], Any]:
    async def reply(request: httpx.Request) -> Canned:
        number = int(request.url.params.get("page", "1"))
        first = (number - 1) * 3
        return page(range(first, first + 3), f"{PATH}?page={number + 1}" if number < pages else None)

    return reply


@pytest.mark.parametrize("taken", range(10))
async def test_a_listing_resumes_from_its_cursor(taken: int, clock: VirtualClock) -> None:
    """At any item, in the middle of a page or between two: only the rest follows."""
    script = Script([linear(3)])
    walk = tags(script, clock)
    before = [tag.id for tag in await walk.collect(taken)]
    cursor = walk.cursor
    msgspec.json.decode(cursor)

    rest = await ids(tags(script, clock).resume(cursor))

    assert list(range(9)) == before + rest


async def test_an_error_has_the_cursor_to_resume_from(clock: VirtualClock) -> None:
    """No item is lost or repeated."""
    good = linear(3)
    script = Script([good, Canned(503), good])
    walk = tags(script, clock, max_attempts=1)
    seen: list[int | None] = []

    async def read() -> None:
        async for tag in walk:
            seen.append(tag.id)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(ServerError) as caught:
        await read()

    assert [0, 1, 2] == seen
    assert caught.value.cursor == walk.cursor
    assert [3, 4, 5, 6, 7, 8] == await ids(tags(script, clock).resume(caught.value.cursor or ""))


async def test_a_paginator_continues_after_an_error(clock: VirtualClock) -> None:
    """Iterating again is enough."""
    good = linear(2)
    walk = tags(Script([good, Canned(503), good]), clock, max_attempts=1)

    with pytest.raises(HubError):
        await walk.collect()

    assert [3, 4, 5] == await ids(walk)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "{}",
        "[]",
        "null",
        "\ud800",
        '{"operation":"repositories.list_tags"}',
        '{"operation":"repositories.list_tags","state":5}',
        '{"operation":"repositories.list_tags","state":{},"skip":-1}',
        '{"operation":"audit_logs.list","state":{}}',
    ],
)
async def test_an_invalid_or_foreign_cursor_is_refused(cursor: str, clock: VirtualClock) -> None:
    """Before anything is sent."""
    script = Script([page([1])])

    with pytest.raises(ConfigurationError):
        tags(script, clock).resume(cursor)

    assert [] == script.requests


@pytest.mark.parametrize(
    "link",
    ["@evil.example/v2", ".evil.example/v2", ":1@evil.example/", "//evil.example\\", "https://evil.example/", ""],
)
async def test_a_forged_cursor_sends_nothing_to_another_host(link: str, clock: VirtualClock) -> None:
    """A cursor may have passed through a browser."""
    script = Script([page([1])])
    forged = msgspec.json.encode({"operation": "repositories.list_tags", "state": {"link": link}}).decode()

    with pytest.raises(ConfigurationError):
        await tags(script, clock).resume(forged).collect()

    assert [] == script.requests


@pytest.mark.parametrize("state", [{"page": "2"}, {"page": 0}, {"page": True}, {"page": 2, "largest": "x"}])
async def test_a_forged_page_number_is_refused(state: dict[str, object], clock: VirtualClock) -> None:
    """With a ConfigurationError, not a TypeError."""
    forged = msgspec.json.encode({"operation": "audit_logs.list", "state": state}).decode()

    with pytest.raises(ConfigurationError, match="not a valid cursor"):
        await hub_of(Script([logs(range(3))]), clock).audit_logs.list("acme").resume(forged).collect()


# --- pages, items, first, collect


async def test_pages_start_with_the_rest_of_the_current_page(clock: VirtualClock) -> None:
    """And continue with whole pages."""
    walk = tags(Script([linear(3)]), clock)
    await walk.first()

    assert [[1, 2], [3, 4, 5], [6, 7, 8]] == [[tag.id for tag in some] async for some in walk.pages()]


async def test_pages_and_items_may_be_mixed(clock: VirtualClock) -> None:
    """They share one position."""
    walk = tags(Script([linear(3)]), clock)

    assert [0, 1, 2] == [tag.id for tag in await anext(walk.pages())]
    assert 3 == (await anext(walk)).id
    assert [4, 5] == [tag.id for tag in await anext(walk.pages())]


async def test_first_requests_one_page(clock: VirtualClock) -> None:
    """It is None for an empty listing."""
    script = Script([linear(3)])
    walk = tags(script, clock)

    first = await walk.first()

    assert first is not None
    assert (0, 1) == (first.id, len(script.requests))
    assert None is await tags(Script([page([])]), clock).first()


@pytest.mark.parametrize(("limit", "count", "requests"), [(0, 0, 0), (2, 2, 1), (3, 3, 1), (4, 4, 2), (None, 9, 3)])
async def test_collect_requests_only_the_pages_it_needs(
    limit: int | None, count: int, requests: int, clock: VirtualClock
) -> None:
    """Up to its limit."""
    script = Script([linear(3)])

    assert count == len(await tags(script, clock).collect(limit))
    assert requests == len(script.requests)


async def test_empty_pages_do_not_end_linked_pages(clock: VirtualClock) -> None:
    """Only a missing `next` does."""
    script = Script([page([], f"{PATH}?page=2"), page([], f"{PATH}?page=3"), page([7])])

    assert [7] == await ids(tags(script, clock))


# --- leaving a loop


async def test_breaking_out_of_a_loop_leaks_nothing(clock: VirtualClock) -> None:
    """No generator for the event loop to close, no open response, no running task."""
    script = Script([linear(3)])
    walk = tags(script, clock)

    async for _ in walk:
        break
    async for _ in walk.pages():
        break
    del walk
    gc.collect()
    await anyio.lowlevel.checkpoint()

    assert 0 == script.open_responses


async def test_an_error_in_the_loop_body_reaches_the_caller_unchanged(clock: VirtualClock) -> None:
    """Without an exception group."""

    async def read() -> None:
        async for tag in tags(Script([linear(3)]), clock):
            _ = 1 // (tag.id or 0)

    with pytest.raises(ZeroDivisionError):
        await read()


async def test_a_cancelled_listing_continues_at_its_position(clock: VirtualClock) -> None:
    """The page that was being fetched is requested again."""
    good = linear(2)

    async def slow(request: httpx.Request) -> Canned:
        await clock.sleep(100)
        raise AssertionError

    script = Script([good, slow, good])
    walk = tags(script, clock)
    seen: list[int | None] = []

    with clock.move_on_after(10):
        async for tag in walk:
            seen.append(tag.id)  # noqa: PERF401 - what came before the cancellation counts
    seen += await ids(walk)

    assert list(range(6)) == seen
    assert 0 == script.open_responses


async def test_a_paginator_accepts_any_fetch() -> None:
    """Any function from a state to a page."""

    async def fetch(state: Any) -> Page[int]:
        number = state.get("page", 0)
        return Page([number], {"page": number + 1} if number < 2 else None)

    assert [0, 1, 2] == await Paginator("numbers", fetch).collect()


async def test_every_tag_of_a_fake_is_listed_once(anyio_backend: str) -> None:
    """End to end: 250 tags in pages of 100, with absolute links."""
    fake = FakeHub(seed=7)
    fake.add_repository("library", "python", tags=250)

    async with AsyncHub(transport=fake.transport()) as hub:
        names = [tag.name async for tag in hub.repositories.list_tags("library", "python")]

    assert (250, 250, 3) == (len(names), len(set(names)), fake.count(operation="repositories.list_tags"))
