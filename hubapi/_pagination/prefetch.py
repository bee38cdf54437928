"""Fetching pages before they are needed."""

from types import TracebackType
from typing import Generic, TypeAlias, TypeVar

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from attrs import define, field

from hubapi._pagination.strategies import Fetch, Page, State

T = TypeVar("T")

_Result: TypeAlias = Page[T] | Exception


@define(eq=False)
class Prefetcher(Generic[T]):
    """Fetches pages in a task of its own, in order, a number of pages ahead of the reader.

    `async with` returns a `Fetch` that returns the prefetched pages. An error is raised when its page is requested. The
    next request after it goes to the server directly.
    """

    _direct: Fetch[T]
    _state: State | None
    _pages: int
    _tasks: TaskGroup = field(init=False)
    _ready: MemoryObjectReceiveStream[_Result[T]] = field(init=False)

    async def __aenter__(self) -> Fetch[T]:
        # One page less than requested, because the task holds another while it waits for room in the stream.
        send, self._ready = anyio.create_memory_object_stream[_Result[T]](self._pages - 1)
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._fetch_all, send)
        return self._next

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self._tasks.cancel_scope.cancel()
        with self._ready:
            if kind is not None and issubclass(kind, anyio.get_cancelled_exc_class()):
                return await self._tasks.__aexit__(kind, error, traceback)
            # The task group must not see an error of the block: it would wrap it in an ExceptionGroup.
            await self._tasks.__aexit__(None, None, None)
            return None

    async def _next(self, state: State) -> Page[T]:
        try:
            result = await self._ready.receive()
        except anyio.EndOfStream:
            return await self._direct(state)
        if isinstance(result, Exception):
            raise result
        return result

    async def _fetch_all(self, send: MemoryObjectSendStream[_Result[T]]) -> None:
        state = self._state
        async with send:
            while state is not None:
                try:
                    page = await self._direct(state)
                except Exception as error:  # noqa: BLE001 - raised when its page is requested
                    await send.send(error)
                    return
                await send.send(page)
                state = page.after
