"""Walks over pages: one iterator for every style of paging the server has.

A style is a function from a plain state (what page comes next) to a page and the state after it. The state is JSON, so
that a walk can be resumed from its cursor in another process.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeAlias, TypeVar
from zlib import crc32

import msgspec
from attrs import define, evolve, field, frozen

from hubapi._core.links import path_and_query
from hubapi._core.operation import Client, Operation
from hubapi.errors import ConfigurationError, HubError, NotFound, UnsafeLinkError

T = TypeVar("T")
R = TypeVar("R")

State: TypeAlias = Mapping[str, str | int | bool]


@frozen
class Page(Generic[T]):
    """The items of one page, and the state that leads to the next; None after the last."""

    items: Sequence[T]
    after: State | None


Fetch: TypeAlias = Callable[[State], Awaitable[Page[T]]]


@frozen
class _Cursor:
    """Where a walk stands: at the page of `state`, after `skip` of its items; `done` past the last."""

    walk: str
    state: dict[str, str | int | bool]
    skip: int = 0
    done: bool = False


@define(eq=False)
class Paginator(Generic[T]):
    """Iterates over everything a listing has, page after page.

    It holds no connection and no task between two items: breaking off costs nothing.

    Example:
        >>> async def labels(hub):
        ...     return [token.token_label async for token in hub.access_tokens.list()]
    """

    _walk: str
    _fetch: Fetch[T] = field(repr=False)
    _at: _Cursor = field(init=False)
    _page: Page[T] | None = field(default=None, init=False, repr=False)
    _start: State = field(factory=dict[str, "str | int | bool"])
    _links: set[int] = field(factory=set[int], init=False, repr=False)  # hashes: a walk may be long

    def __attrs_post_init__(self) -> None:
        self._at = _Cursor(self._walk, dict(self._start))

    @property
    def cursor(self) -> str:
        """A JSON string that `resume` takes, in this process or another: just the rest follows."""
        return msgspec.json.encode(self._at).decode()

    def resume(self, cursor: str) -> "Paginator[T]":
        """Return a paginator that goes on where *cursor* was taken.

        Args:
            cursor: The `cursor` of a paginator of the same listing, or of an error it raised.

        Raises:
            ConfigurationError: it is not a cursor, or belongs to another listing.
        """
        try:
            at = msgspec.json.decode(cursor, type=_Cursor)
        except (msgspec.DecodeError, UnicodeEncodeError):
            raise ConfigurationError("this is no cursor: take it from Paginator.cursor") from None
        if at.walk != self._walk or at.skip < 0:
            raise ConfigurationError(f"this cursor belongs to {at.walk!r}, not to {self._walk!r}")
        resumed = Paginator(self._walk, self._fetch, self._start)
        resumed._at = at
        return resumed

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        while True:
            page = await self._current()
            if page is None:
                raise StopAsyncIteration
            if self._at.skip < len(page.items):
                item = page.items[self._at.skip]
                self._at = evolve(self._at, skip=self._at.skip + 1)
                return item
            self._turn(page)

    def pages(self) -> AsyncIterator[Sequence[T]]:
        """Iterate over what is left, a page at a time; a page may be empty.

        Example:
            >>> async def sizes(hub):
            ...     return [len(page) async for page in hub.access_tokens.list().pages()]
        """
        return _Pages(self)

    async def next_page(self) -> Sequence[T] | None:
        """Return what is left of this page, or the next one; None past the last."""
        page = await self._current()
        if page is None:
            return None
        items = page.items[self._at.skip :]
        self._turn(page)
        return items

    async def first(self) -> T | None:
        """Return the next item, or None where there is none."""
        async for item in self:
            return item
        return None

    async def collect(self, limit: int | None = None) -> list[T]:
        """Return what is left as a list.

        Args:
            limit: How many items at most; None for all.
        """
        found: list[T] = []
        while limit is None or len(found) < limit:
            try:
                found.append(await anext(self))
            except StopAsyncIteration:
                break
        return found

    async def _current(self) -> Page[T] | None:
        if self._at.done:
            return None
        if self._page is None:
            try:
                page = await self._fetch(self._at.state)
                self._refuse_circles(page)
            except HubError as error:
                error.operation, error.cursor = error.operation or self._walk, self.cursor
                raise
            self._page = page
        return self._page

    def _refuse_circles(self, page: Page[T]) -> None:
        """Fail on a link that led to a page of this walk already: it would never end (D15)."""
        here, link = self._at.state.get("link"), page.after.get("link") if page.after else None
        if here is not None:
            self._links.add(hash(here))
        if link is not None and hash(link) in self._links:
            raise UnsafeLinkError(f"the server's link {str(link)[:200]!r} leads back: the walk would never end")

    def _turn(self, page: Page[T]) -> None:
        self._page = None
        if page.after is None:
            self._at = evolve(self._at, skip=0, done=True)
        else:
            self._at = evolve(self._at, skip=0, state=dict(page.after))


@frozen
class _Pages(AsyncIterator[Sequence[T]]):
    """The pages of a walk. No generator: one that is left half-way would have to be closed."""

    walk: Paginator[T]

    async def __anext__(self) -> Sequence[T]:
        page = await self.walk.next_page()
        if page is None:
            raise StopAsyncIteration
        return page


def _count(state: State, key: str, least: int, default: int) -> int:
    """Return a number of a state, which may have come from a cursor that somebody else wrote.

    Raises:
        ConfigurationError: it is none, or too small.
    """
    value = state.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError("this is no cursor: take it from Paginator.cursor")
    return value


# --- the styles

_MOST = 100
"""Items on a page at most, whatever is asked for (D14)."""


@frozen
class _Following:
    """A client that sends the server's link in place of the operation's own path and query."""

    inner: Client
    link: str

    async def send(self, operation: Operation[R], /) -> R:
        return await self.inner.send(evolve(operation, link=self.link))


def by_link(
    client: Client,
    base_url: str,
    call: Callable[[Client], Awaitable[R]],
    items: Callable[[R], Sequence[T] | None],
    following: Callable[[R], str | None],
    *,
    page_size: int = 0,
) -> Fetch[T]:
    """Return the style of `{count, next, previous, results}`: follow `next` as long as there is one.

    After a short page a `next` that leads to a 404 is the end (D16). Short is a page smaller than was asked for, which
    is no more than 100 (D14), or than another page was. `count` decides nothing.
    """
    full = min(page_size, _MOST)

    async def fetch(state: State) -> Page[T]:
        link = state.get("link")
        try:
            answer = await call(client if link is None else _Following(client, str(link)))
        except NotFound:
            if state.get("short"):
                return Page((), None)
            raise
        found = items(answer) or ()
        after = following(answer)
        if not after:
            return Page(found, None)
        after = path_and_query(after, base_url)
        largest = max(len(found), full, _count(state, "largest", 0, 0))
        return Page(found, {"link": after, "largest": largest, "short": len(found) < largest})

    return fetch


def by_number(call: Callable[[int], Awaitable[Sequence[T] | None]], page_size: int) -> Fetch[T]:
    """Return the style of bare pages, numbered from 1, without count or link (D22): an empty or short page ends it.

    Short is a page smaller than another page was: a server may ignore what was asked for (D14). One that gives more
    than that may ignore the page's number too, and gives the same page again: that ends it as well.
    """

    async def fetch(state: State) -> Page[T]:
        number = _count(state, "page", 1, 1)
        try:
            found: Sequence[T] = await call(number) or ()
        except NotFound:
            if number > 1:
                return Page((), None)
            raise
        after: dict[str, str | int | bool] = {"page": number + 1}
        if len(found) > page_size:
            after["same"] = crc32(repr([*found[:1], *found[-1:]]).encode(errors="replace"))
            if after["same"] == state.get("same"):
                return Page((), None)
        largest = max(len(found), _count(state, "largest", 0, 0))
        last = not found or (len(found) < largest and number > 1)
        return Page(found, None if last else {**after, "largest": largest})

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
