"""The paging styles of the server, one function each. A fourth style is one more function here.

A style returns a `Fetch`: a function from a state to the page at that state and the state of the page after it. `{}` is
the state of the first page. States are plain JSON, because they go into cursors, and may come back forged.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Generic, Protocol, TypeAlias, TypeVar
from urllib.parse import parse_qsl
from zlib import crc32

from attrs import frozen
from msgspec.structs import replace

from hubapi._operation import Client, Operation
from hubapi._pagination.links import path_and_query
from hubapi.errors import ConfigurationError, HubError, NotFound

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R")

State: TypeAlias = Mapping[str, str | int | bool]

INVALID_CURSOR: Final = "this is not a valid cursor: pass the cursor of a Paginator, or of an error it raised"


@frozen
class Page(Generic[T]):
    """The items of one page, and the state of the next page, which is None after the last one."""

    items: Sequence[T]
    after: State | None


Fetch: TypeAlias = Callable[[State], Awaitable[Page[T]]]


class LinkedPage(Protocol[T_co]):
    """A response of the form `{count, next, previous, results}`."""

    @property
    def results(self) -> Sequence[T_co] | None:
        """The items of the page."""
        ...

    @property
    def next(self) -> str | None:
        """The link to the next page."""
        ...


@frozen
class _LinkClient:
    """A client that requests a link of the server in place of the operation's own path and query."""

    inner: Client
    link: str

    async def send(self, operation: Operation[R], /) -> R:
        return await self.inner.send(replace(operation, link=self.link))


def by_link(
    client: Client, base_url: str, call: Callable[[Client], Awaitable[LinkedPage[T]]], *, page_size: int
) -> Fetch[T]:
    """Follow the `next` link of each page until there is none. `count` is ignored.

    After a short page, a `next` that leads to a 404 is the end (D16). A page is short if it has fewer items than were
    requested, or than an earlier page had.

    Raises:
        ConfigurationError: *page_size* is not 1 to 100.
    """
    _check_page_size(page_size)

    async def fetch(state: State) -> Page[T]:
        link = state.get("link")
        try:
            response = await call(client if link is None else _LinkClient(client, str(link)))
        except NotFound:
            if state.get("short"):
                return Page((), None)
            raise
        items = response.results or ()
        if not response.next:
            return Page(items, None)
        following = _with_page_size(path_and_query(response.next, base_url), page_size)
        largest = max(len(items), page_size, _integer(state, "largest", default=0, minimum=0))
        return Page(items, {"link": following, "largest": largest, "short": len(items) < largest})

    return fetch


def _with_page_size(link: str, page_size: int) -> str:
    """Add the page size to a link that has dropped it, and would otherwise lead to other pages (D15)."""
    path, _, query = link.partition("?")
    if "page_size" in dict(parse_qsl(query, keep_blank_values=True)):
        return link
    return f"{path}?{query}{'&' if query else ''}page_size={page_size}"


def by_number(call: Callable[[int], Awaitable[Sequence[T] | None]], *, page_size: int) -> Fetch[T]:
    """Request numbered pages, from 1, that come without a count or a link (D22), until one is empty or short.

    A page is short if an earlier one had more items; *page_size* is no measure, because a server may ignore it (D14). A
    server that ignores the page number sends the same page twice. If that page is larger than *page_size*, it is the
    whole listing; otherwise the listing fails, because items may be missing.

    Raises:
        ConfigurationError: *page_size* is not 1 to 100.
    """
    _check_page_size(page_size)

    async def fetch(state: State) -> Page[T]:
        number = _integer(state, "page", default=1, minimum=1)
        try:
            items: Sequence[T] = await call(number) or ()
        except NotFound:
            if number > 1:
                return Page((), None)
            raise
        ends = crc32(repr([*items[:1], *items[-1:]]).encode(errors="replace"))
        if items and ends == state.get("ends"):
            if len(items) > page_size:
                return Page((), None)
            raise HubError(f"page {number} repeats page {number - 1}: the server ignores the page number")
        largest = max(len(items), _integer(state, "largest", default=0, minimum=0))
        last = not items or (len(items) < largest and number > 1)
        return Page(items, None if last else {"page": number + 1, "largest": largest, "ends": ends})

    return fetch


def by_index(call: Callable[[int], Awaitable[tuple[Sequence[T] | None, int | None]]], *, count: int) -> Fetch[T]:
    """Page as SCIM does: `startIndex` counts from 1, and `totalResults` is the size of the listing.

    Raises:
        ConfigurationError: *count* is not 1 to 200.

    Source: RFC 7644, 3.4.2.4
    """
    _check_page_size(count, maximum=200, name="count")  # the limit in the API description

    async def fetch(state: State) -> Page[T]:
        start = _integer(state, "start", default=1, minimum=1)
        items, total = await call(start)
        following = start + len(items or ())
        last = not items or (total is not None and following > total)
        return Page(items or (), None if last else {"start": following})

    return fetch


def _check_page_size(page_size: int, *, maximum: int = 100, name: str = "page_size") -> None:
    # The server silently uses another size (D14), and a page would look short.
    if not 1 <= page_size <= maximum:
        raise ConfigurationError(f"{name} is {page_size}; it must be 1 to {maximum}")


def _integer(state: State, key: str, *, default: int, minimum: int) -> int:
    """Return an integer of a state, which may come from a forged cursor.

    Raises:
        ConfigurationError: it is not an integer, or less than *minimum*.
    """
    value = state.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ConfigurationError(INVALID_CURSOR)
    return value
