"""A hub's life: new, open, closing, closed.

- It opens with its first call, in the event loop of that call, and stays there: a hub made outside any loop is fine.
- While it closes, calls under way are ended, with an error that says so, and new ones are refused.
- Closing twice, or at the same time, is closing once.
- Each `async with` counts: the last to leave closes.
"""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Literal, TypeAlias

import anyio
import anyio.lowlevel
from attrs import define, field

from hubapi._clock import Clock, scope_class
from hubapi.errors import ConfigurationError, NoResponseError

State: TypeAlias = Literal["new", "open", "closing", "closed"]

_PATIENCE_S = 5.0  # for calls that were told to end, before the connections are closed under them


def closed_meanwhile(name: str) -> NoResponseError:
    """Return the error of a call that the closing of its hub has ended."""
    return NoResponseError("the hub was closed while this call was under way", operation=name)


class _Call:
    """One call's part in a hub's life: a scope that is cancelled where the hub closes."""

    __slots__ = ("_life", "_scope")

    def __init__(self, life: "Life") -> None:
        self._life = life

    def __enter__(self) -> None:
        self._life.check()
        self._scope = self._life.new_scope()
        self._scope.__enter__()
        self._life.began(self._scope)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._life.ended(self._scope)
        return self._scope.__exit__(kind, error, trace)


@define(eq=False, repr=False)
class Life:
    """The life that a hub and its clones share.

    Args:
        clock: Where time comes from.
    """

    clock: Clock
    state: State = field(default="new", init=False)
    new_scope: Callable[[], anyio.CancelScope] = field(default=anyio.CancelScope, init=False)
    _loop: object = field(default=None, init=False)
    _entered: int = field(default=0, init=False)
    _calls: set[anyio.CancelScope] = field(factory=set[anyio.CancelScope], init=False)
    _still: anyio.Event | None = field(default=None, init=False)
    _closed: anyio.Event | None = field(default=None, init=False)

    def check(self) -> None:
        """Open, if new; refuse a call on a closed hub, or from another event loop than the first.

        Raises:
            ConfigurationError: it says which of the two.
        """
        if self.state == "closed":
            raise ConfigurationError("this hub is closed; open another")
        self._check_loop()
        if self.state == "closing":
            raise ConfigurationError("this hub is closing; open another")
        self.state = "open"

    def _check_loop(self) -> None:
        loop: object = anyio.lowlevel.current_token()
        if self._loop is None:
            self._loop = loop
            self.new_scope = scope_class()
        elif self._loop != loop:
            raise ConfigurationError("this hub belongs to another event loop; open one in each")

    def call(self) -> "_Call":
        """Return a block that takes part, from the first attempt of a call to its last.

        Where the hub closes meanwhile, the block ends early, and what stands behind it goes on.

        Raises:
            ConfigurationError: on the way in: the hub is closed, or belongs to another event loop.
        """
        return _Call(self)

    async def sleep(self, seconds: float, name: str) -> None:
        """Wait, as part of a call.

        Args:
            seconds: How long.
            name: The operation's, for the error.

        Raises:
            ConfigurationError: the hub is closed, or belongs to another event loop.
            NoResponseError: the hub was closed meanwhile.
        """
        with self.call():
            return await self.clock.sleep(seconds)
        raise closed_meanwhile(name)

    def began(self, call: anyio.CancelScope) -> None:
        """Hear of a call that is to be ended where the hub closes."""
        self._calls.add(call)

    def ended(self, call: anyio.CancelScope) -> None:
        """Hear that a call is over."""
        self._calls.discard(call)
        if self._still is not None and not self._calls:
            self._still.set()

    def enter(self) -> None:
        """Count an `async with`.

        Raises:
            ConfigurationError: the hub is closed, or belongs to another event loop.
        """
        self.check()
        self._entered += 1

    def leave(self) -> bool:
        """Count the end of an `async with`; return whether it was the last."""
        self._entered -= 1
        return self._entered <= 0

    async def close(self, disconnect: Callable[[], Awaitable[None]]) -> None:
        """End what is under way, then let go of the connections. It is done even if the caller is cancelled.

        Args:
            disconnect: Closes the connections.

        Raises:
            ConfigurationError: the hub belongs to another event loop.
        """
        if self.state == "closed":
            return
        self._check_loop()
        if self._closed is not None:
            await self._closed.wait()
            return
        self.state, self._closed = "closing", anyio.Event()
        # A task of its own, because a shield around the caller would not hold off `asyncio.Task.cancel`.
        problems: list[Exception] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._shut, disconnect, self._closed, problems)
        if problems:
            raise problems[0]

    async def _shut(
        self, disconnect: Callable[[], Awaitable[None]], closed: anyio.Event, problems: list[Exception]
    ) -> None:
        try:
            with anyio.CancelScope(shield=True):
                await self._end_calls()
                await disconnect()
        except Exception as error:  # noqa: BLE001 - raised again where the caller is
            problems.append(error)
        finally:
            self.state = "closed"
            closed.set()

    async def _end_calls(self) -> None:
        if not self._calls:
            return
        self._still = anyio.Event()
        for scope in list(self._calls):
            scope.cancel()
        # A call may be the one that closes, from within a `two_factor`: it would wait for itself.
        with self.clock.move_on_after(_PATIENCE_S):
            await self._still.wait()
