"""Walks over pages: one iterator for every style of paging the server has (`page_styles`).

A style is a function from a plain state (what page comes next) to a page and the state after it. The state is JSON, so
that a walk can be resumed from its cursor in another process.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import msgspec
from attrs import define, evolve, field, frozen

from hubapi._pagination.prefetch import Ahead
from hubapi._pagination.strategies import Fetch, Page, State
from hubapi.errors import ConfigurationError, HubError, UnsafeLinkError

T = TypeVar("T")


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

    @asynccontextmanager
    async def prefetch(self, pages: int = 1) -> AsyncGenerator["Paginator[T]"]:
        """Fetch pages ahead while their items are worked on, for as long as an `async with` block lasts.

        The pages still come one after another, as each says where the next one is: it pays where the work on the items
        waits as well. What the block gives is this paginator itself; leave it at any time, and go on from there.

        Args:
            pages: How many pages to hold ready, at least 1.

        Raises:
            ConfigurationError: *pages* is less than 1.

        Example:
            >>> async def index(hub, elsewhere):
            ...     async with hub.audit_logs.list("acme").prefetch(2) as events:
            ...         async for event in events:
            ...             await elsewhere.put(event)
        """
        if pages < 1:
            raise ConfigurationError(f"{pages} pages can't be fetched ahead; give 1 or more")
        after = self._page.after if self._page else self._at.state
        direct = self._fetch
        async with Ahead(direct, None if self._at.done else after, pages) as fetch:
            self._fetch = fetch
            try:
                yield self
            finally:
                self._fetch = direct

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
