"""The lifecycle of a client: new, open, closing, closed.

- A client may be created outside an event loop. Its first call opens it, and binds it to the event loop of that call.
- Closing ends the calls in flight with a `NoResponseError`, and new calls are refused.
- Closing a client again, even concurrently, has no further effect.
- `async with` blocks are counted: the last one to exit closes the client.
"""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Literal, TypeAlias

import anyio
import anyio.lowlevel
from attrs import define, field

from hubapi._clock import Clock
from hubapi._transport.transport import CLOSED, CLOSED_DURING_CALL
from hubapi.errors import ConfigurationError, NoResponseError

State: TypeAlias = Literal["new", "open", "closing", "closed"]

_GRACE_S = 5.0  # for cancelled calls to end, before the connections are closed


def closed_during_call(operation: str) -> NoResponseError:
    """Return the error of a call during which the client was closed."""
    return NoResponseError(CLOSED_DURING_CALL, operation=operation)


class _CallScope:
    """The cancel scope of one call. Closing the client cancels it."""

    __slots__ = ("_lifecycle", "_scope")

    def __init__(self, lifecycle: "Lifecycle") -> None:
        self._lifecycle = lifecycle

    def __enter__(self) -> None:
        self._lifecycle.check()
        self._scope = anyio.CancelScope()
        self._scope.__enter__()
        self._lifecycle.register(self._scope)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._lifecycle.unregister(self._scope)
        return self._scope.__exit__(kind, error, trace)


@define(eq=False, repr=False)
class Lifecycle:
    """The lifecycle that a client and its clones share.

    Args:
        clock: The source of time.
    """

    clock: Clock
    state: State = field(default="new", init=False)
    _loop: object = field(default=None, init=False)
    _entered: int = field(default=0, init=False)
    _calls: set[anyio.CancelScope] = field(factory=set[anyio.CancelScope], init=False)
    _idle: anyio.Event | None = field(default=None, init=False)
    _closed: anyio.Event | None = field(default=None, init=False)

    def check(self) -> None:
        """Open the client if it is new, and check that it can be used.

        Raises:
            ConfigurationError: the client is closed or closing, or belongs to another event loop.
        """
        if self.state == "closed":
            raise ConfigurationError(CLOSED)
        self._check_loop()
        if self.state == "closing":
            raise ConfigurationError("this hub is closing; open another")
        self.state = "open"

    def _check_loop(self) -> None:
        loop: object = anyio.lowlevel.current_token()
        if self._loop is None:
            self._loop = loop
        elif self._loop != loop:
            raise ConfigurationError("this hub belongs to another event loop; open one in each")

    def call(self) -> _CallScope:
        """Return the context manager of a call.

        If the client is closed during the call, the block is cancelled, and execution continues after it.

        Raises:
            ConfigurationError: on entering, if the client is closed, or belongs to another event loop.
        """
        return _CallScope(self)

    async def sleep(self, seconds: float, operation: str) -> None:
        """Wait, as part of a call.

        Args:
            seconds: The time to wait.
            operation: The operation's name, for the error.

        Raises:
            ConfigurationError: the client is closed, or belongs to another event loop.
            NoResponseError: the client was closed during the wait.
        """
        with self.call():
            return await self.clock.sleep(seconds)
        raise closed_during_call(operation)

    def register(self, call: anyio.CancelScope) -> None:
        """Register a call, which closing cancels."""
        self._calls.add(call)

    def unregister(self, call: anyio.CancelScope) -> None:
        """Remove a call that has ended."""
        self._calls.discard(call)
        if self._idle is not None and not self._calls:
            self._idle.set()

    def enter(self) -> None:
        """Register the start of an `async with` block.

        Raises:
            ConfigurationError: the client is closed, or belongs to another event loop.
        """
        self.check()
        self._entered += 1

    def leave(self) -> bool:
        """Register the end of an `async with` block; return whether it was the last."""
        self._entered -= 1
        return self._entered <= 0

    async def close(self, disconnect: Callable[[], Awaitable[None]]) -> None:
        """End the calls in flight, then close the connections, even if the caller is cancelled.

        Args:
            disconnect: Closes the connections.

        Raises:
            ConfigurationError: the client belongs to another event loop.
        """
        if self.state == "closed":
            return
        self._check_loop()
        if self._closed is not None:
            await self._closed.wait()
            return
        self.state, self._closed = "closing", anyio.Event()
        # A task of its own, because a shield around the caller would not stop `asyncio.Task.cancel`.
        problems: list[Exception] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._close, disconnect, self._closed, problems)
        if problems:
            raise problems[0]

    async def _close(
        self, disconnect: Callable[[], Awaitable[None]], closed: anyio.Event, problems: list[Exception]
    ) -> None:
        try:
            with anyio.CancelScope(shield=True):
                await self._end_calls()
                await disconnect()
        except Exception as error:  # noqa: BLE001 - raised again in the caller
            problems.append(error)
        finally:
            self.state = "closed"
            closed.set()

    async def _end_calls(self) -> None:
        if not self._calls:
            return
        self._idle = anyio.Event()
        for scope in list(self._calls):
            scope.cancel()
        # A `two_factor` may have closed the client: its own call is one of these, and would wait for itself.
        with self.clock.move_on_after(_GRACE_S):
            await self._idle.wait()
