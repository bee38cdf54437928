"""Pages fetched before they are asked for."""

from types import TracebackType
from typing import Generic, TypeAlias, TypeVar

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from attrs import define, field

from hubapi._pagination.strategies import Fetch, Page, State

T = TypeVar("T")

_Found: TypeAlias = Page[T] | Exception


@define(eq=False)
class Ahead(Generic[T]):
    """Fetches the pages of a walk in a task of its own, in order, some pages ahead of who asks for them.

    Inside `async with` it gives a `Fetch` that hands the pages over. An error comes where its page would have come; who
    then asks again, asks the server.
    """

    _direct: Fetch[T]
    _state: State | None
    _pages: int
    _tasks: TaskGroup = field(init=False)
    _ready: MemoryObjectReceiveStream[_Found[T]] = field(init=False)

    async def __aenter__(self) -> Fetch[T]:
        # The task holds one page more while it waits to hand it over.
        send, self._ready = anyio.create_memory_object_stream[_Found[T]](self._pages - 1)
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
            # The task group must not see the block's own error: it would wrap it in an ExceptionGroup.
            await self._tasks.__aexit__(None, None, None)
            return None

    async def _next(self, state: State) -> Page[T]:
        try:
            found = await self._ready.receive()
        except anyio.EndOfStream:
            return await self._direct(state)
        if isinstance(found, Exception):
            raise found
        return found

    async def _fetch_all(self, send: MemoryObjectSendStream[_Found[T]]) -> None:
        state = self._state
        async with send:
            while state is not None:
                try:
                    page = await self._direct(state)
                except Exception as error:  # noqa: BLE001 - it is raised where the page is asked for
                    await send.send(error)
                    return
                await send.send(page)
                state = page.after
