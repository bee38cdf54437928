"""The server's three styles of paging, each as a function from a walk's state to a page and the state after it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeAlias, TypeVar
from urllib.parse import parse_qsl
from zlib import crc32

from attrs import frozen
from msgspec.structs import replace

from hubapi._operation import Client, Operation
from hubapi._pagination.links import path_and_query
from hubapi.errors import ConfigurationError, HubError, NotFound

T = TypeVar("T")
R = TypeVar("R")

State: TypeAlias = Mapping[str, str | int | bool]


@frozen
class Page(Generic[T]):
    """The items of one page, and the state that leads to the next; None after the last."""

    items: Sequence[T]
    after: State | None


Fetch: TypeAlias = Callable[[State], Awaitable[Page[T]]]

_MOST = 100
"""Items on a page at most, whatever is asked for (D14)."""


def check_page_size(page_size: int, most: int = _MOST, name: str = "page_size") -> None:
    """Refuse a size that the server would change without a word (D14).

    Raises:
        ConfigurationError: it is out of range.
    """
    if not 1 <= page_size <= most:
        raise ConfigurationError(f"{name} is {page_size}; the server gives 1 to {most} a page")


@frozen
class _Following:
    """A client that sends the server's link in place of the operation's own path and query."""

    inner: Client
    link: str

    async def send(self, operation: Operation[R], /) -> R:
        return await self.inner.send(replace(operation, link=self.link))


def by_link(
    client: Client,
    base_url: str,
    call: Callable[[Client], Awaitable[R]],
    items: Callable[[R], Sequence[T] | None],
    following: Callable[[R], str | None],
    *,
    page_size: int,
) -> Fetch[T]:
    """Return the style of `{count, next, previous, results}`: follow `next` as long as there is one.

    After a short page a `next` that leads to a 404 is the end (D16). Short is a page smaller than was asked for, or
    than another page was. `count` decides nothing.
    """

    async def fetch(state: State) -> Page[T]:
        link = state.get("link")
        try:
            response = await call(client if link is None else _Following(client, str(link)))
        except NotFound:
            if state.get("short"):
                return Page((), None)
            raise
        found = items(response) or ()
        after = following(response)
        if not after:
            return Page(found, None)
        after = _sized(path_and_query(after, base_url), page_size)
        largest = max(len(found), page_size, _count(state, "largest", 0, 0))
        return Page(found, {"link": after, "largest": largest, "short": len(found) < largest})

    return fetch


def _sized(link: str, page_size: int) -> str:
    """Return a link with the page size that was asked for: some links drop it, and then count other pages (D15)."""
    path, _, query = link.partition("?")
    if "page_size" in dict(parse_qsl(query, keep_blank_values=True)):
        return link
    return f"{path}?{query}{'&' if query else ''}page_size={page_size}"


def by_number(call: Callable[[int], Awaitable[Sequence[T] | None]], page_size: int) -> Fetch[T]:
    """Return the style of bare pages, numbered from 1, without count or link (D22): an empty or short page ends it.

    Short is a page smaller than another page was: a server may ignore what was asked for (D14). One that ignores the
    page's number gives the same page again. Larger than asked for, it is everything there is; else the walk fails, for
    nobody knows what is missing.
    """

    async def fetch(state: State) -> Page[T]:
        number = _count(state, "page", 1, 1)
        try:
            found: Sequence[T] = await call(number) or ()
        except NotFound:
            if number > 1:
                return Page((), None)
            raise
        ends = crc32(repr([*found[:1], *found[-1:]]).encode(errors="replace"))
        if found and ends == state.get("ends"):
            if len(found) > page_size:
                return Page((), None)
            raise HubError(f"page {number} is page {number - 1} again: the server ignores the page's number")
        largest = max(len(found), _count(state, "largest", 0, 0))
        last = not found or (len(found) < largest and number > 1)
        return Page(found, None if last else {"page": number + 1, "largest": largest, "ends": ends})

    return fetch


def by_index(call: Callable[[int], Awaitable[tuple[Sequence[T] | None, int | None]]]) -> Fetch[T]:
    """Return SCIM's style: `startIndex` counts from 1, and `totalResults` says how far (RFC 7644, 3.4.2.4)."""

    async def fetch(state: State) -> Page[T]:
        start = _count(state, "start", 1, 1)
        found, total = await call(start)
        following = start + len(found or ())
        done = not found or (total is not None and following > total)
        return Page(found or (), None if done else {"start": following})

    return fetch


def _count(state: State, key: str, least: int, default: int) -> int:
    """Return a number of a state, which may have come from a cursor that somebody else wrote.

    Raises:
        ConfigurationError: it is none, or too small.
    """
    value = state.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError("this is no cursor: take it from Paginator.cursor")
    return value
