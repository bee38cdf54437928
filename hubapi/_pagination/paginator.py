"""The iterator over a listing. One class serves every paging style (`strategies`)."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import msgspec
from attrs import define, evolve, field, frozen

from hubapi._pagination.prefetch import Prefetcher
from hubapi._pagination.strategies import INVALID_CURSOR, Fetch, Page, State
from hubapi.errors import ConfigurationError, HubError, UnsafeLinkError

T = TypeVar("T")


@frozen
class _Cursor:
    """A position in a listing: the page at `state`, after `skip` of its items; `done` after the last page."""

    operation: str
    state: dict[str, str | int | bool]
    skip: int = 0
    done: bool = False


@define(eq=False)
class Paginator(Generic[T]):
    """Iterates over the items of a listing, and fetches its pages as needed.

    Between two items it holds no connection and no task, so you can stop at any item and need not close it.

    Example:
        >>> async def labels(hub):
        ...     return [token.token_label async for token in hub.access_tokens.list()]
    """

    _operation: str
    _fetch: Fetch[T] = field(repr=False)
    _position: _Cursor = field(init=False)
    _page: Page[T] | None = field(default=None, init=False, repr=False)
    _start: State = field(factory=dict[str, "str | int | bool"])
    _links: set[int] = field(factory=set[int], init=False, repr=False)  # hashes, because a listing may be long

    def __attrs_post_init__(self) -> None:
        self._position = _Cursor(self._operation, dict(self._start))

    @property
    def cursor(self) -> str:
        """The current position as a JSON string, for `resume` in this process or another."""
        return msgspec.json.encode(self._position).decode()

    def resume(self, cursor: str) -> "Paginator[T]":
        """Return a paginator over the items after a cursor.

        Args:
            cursor: The `cursor` of a paginator of the same listing, or of an error it raised.

        Raises:
            ConfigurationError: it is not a cursor, or it is from another listing.
        """
        try:
            position = msgspec.json.decode(cursor, type=_Cursor)
        except (msgspec.DecodeError, UnicodeEncodeError):
            raise ConfigurationError(INVALID_CURSOR) from None
        if position.operation != self._operation:
            raise ConfigurationError(f"this cursor is from {position.operation!r}, not from {self._operation!r}")
        if position.skip < 0:
            raise ConfigurationError(INVALID_CURSOR)
        resumed = Paginator(self._operation, self._fetch, self._start)
        resumed._position = position
        return resumed

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        while True:
            page = await self._current()
            if page is None:
                raise StopAsyncIteration
            if self._position.skip < len(page.items):
                item = page.items[self._position.skip]
                self._position = evolve(self._position, skip=self._position.skip + 1)
                return item
            self._advance(page)

    def pages(self) -> AsyncIterator[Sequence[T]]:
        """Iterate over the remaining items a page at a time. A page may be empty.

        Example:
            >>> async def sizes(hub):
            ...     return [len(page) async for page in hub.access_tokens.list().pages()]
        """
        return _Pages(self)

    async def next_page(self) -> Sequence[T] | None:
        """Return the rest of the current page, or the next page; None after the last one."""
        page = await self._current()
        if page is None:
            return None
        items = page.items[self._position.skip :]
        self._advance(page)
        return items

    async def first(self) -> T | None:
        """Return the next item, or None if there is none."""
        async for item in self:
            return item
        return None

    async def collect(self, limit: int | None = None) -> list[T]:
        """Return the remaining items as a list.

        Args:
            limit: The most items to return; None for all.
        """
        items: list[T] = []
        while limit is None or len(items) < limit:
            try:
                items.append(await anext(self))
            except StopAsyncIteration:
                break
        return items

    @asynccontextmanager
    async def prefetch(self, pages: int = 1) -> AsyncGenerator["Paginator[T]"]:
        """Fetch pages ahead of the reader for the duration of an `async with` block, which returns this paginator.

        Pages are still fetched one after another, because each has the link to the next. So prefetching saves time if
        the block waits for something else as well, such as a database. You can leave the block at any item and continue
        with the same paginator.

        Args:
            pages: The number of pages to keep ready, at least 1.

        Raises:
            ConfigurationError: *pages* is less than 1.

        Example:
            >>> async def index(hub, queue):
            ...     async with hub.audit_logs.list("acme").prefetch(2) as events:
            ...         async for event in events:
            ...             await queue.put(event)
        """
        if pages < 1:
            raise ConfigurationError(f"pages is {pages}; it must be at least 1")
        after = self._page.after if self._page else self._position.state
        direct = self._fetch
        async with Prefetcher(direct, None if self._position.done else after, pages) as fetch:
            self._fetch = fetch
            try:
                yield self
            finally:
                self._fetch = direct

    async def _current(self) -> Page[T] | None:
        if self._position.done:
            return None
        if self._page is None:
            try:
                page = await self._fetch(self._position.state)
                self._refuse_repeated_link(page)
            except HubError as error:
                error.operation, error.cursor = error.operation or self._operation, self.cursor
                raise
            self._page = page
        return self._page

    def _refuse_repeated_link(self, page: Page[T]) -> None:
        """Raise if a page links to an earlier page of this listing: following it would never end (D15)."""
        here, link = self._position.state.get("link"), page.after.get("link") if page.after else None
        if here is not None:
            self._links.add(hash(here))
        if link is not None and hash(link) in self._links:
            raise UnsafeLinkError(
                f"the server's link {str(link)[:200]!r} leads back to an earlier page; following it would never end"
            )

    def _advance(self, page: Page[T]) -> None:
        self._page = None
        if page.after is None:
            self._position = evolve(self._position, skip=0, done=True)
        else:
            self._position = evolve(self._position, skip=0, state=dict(page.after))


@frozen
class _Pages(AsyncIterator[Sequence[T]]):
    """The pages of a listing. Not a generator, which would have to be closed if the loop over it breaks."""

    paginator: Paginator[T]

    async def __anext__(self) -> Sequence[T]:
        page = await self.paginator.next_page()
        if page is None:
            raise StopAsyncIteration
        return page
