"""The process of a command: its exit status, its last line if it fails, and the signals that stop it."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import NoReturn, TypeVar

import anyio
from attrs import define, field, frozen

from hubapi.commands.console import new_console, print_line
from hubapi.errors import ConfigurationError, HubError

T = TypeVar("T")

FAILED = 1
"""The exit status if some or all of the work failed."""
USAGE = 2
"""The exit status if the command can't work as it was given: the one that click uses."""

_PATIENCE_S = 1.0
_SHOW_CURSOR = "\x1b[?25h"


@frozen
class _Stopped(Exception):
    """A signal has stopped the work."""

    signum: int


@contextmanager
def exit_on_failure(
    *, stopped: str = "stopped", on_failure: Callable[[HubError | None], None] | None = None
) -> Generator[None]:
    """Turn a failure inside the block into a line on standard error and an exit status: 1, 2, or 128 + a signal.

    Args:
        stopped: The line after a signal.
        on_failure: Called before the exit, with the error, or with None after a signal.
    """
    failure: HubError | None = None
    try:
        yield
    except HubError as error:
        status = USAGE if isinstance(error, ConfigurationError) else FAILED
        failure = error
    except _Stopped as stop:
        status = 128 + stop.signum
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    else:
        return
    print_line(new_console(stderr=True), stopped if failure is None else f"Error: {failure.reason}")
    if on_failure is not None:
        on_failure(failure)
    sys.exit(status)


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Run a command's work, inside `exit_on_failure`, and return its result.

    The first Ctrl-C or SIGTERM cancels it, the second one ends the process at once.
    """
    return anyio.run(work if os.name != "posix" else partial(_stoppable, work))


async def _stoppable(work: Callable[[], Awaitable[T]]) -> T:
    # A shell makes background processes ignore Ctrl-C: it is meant for others.
    signals = [signal.SIGTERM] + [signal.SIGINT] * (signal.getsignal(signal.SIGINT) is not signal.SIG_IGN)
    stop = _Stop()
    done: list[T] = []
    failure: Exception | None = None
    with anyio.open_signal_receiver(*signals) as received:
        async with anyio.create_task_group() as watch:
            watch.start_soon(stop.wait, received)
            with stop.scope:
                try:
                    done.append(await work())
                except Exception as error:  # noqa: BLE001 - raised below, not in a group of one
                    failure = error
            watch.cancel_scope.cancel()
    if failure is not None:
        raise failure
    if not done:
        raise _Stopped(stop.signum)
    return done[0]


@define
class _Stop:
    """Cancels the work at the first signal, and ends the process at the second."""

    scope: anyio.CancelScope = field(factory=anyio.CancelScope)
    signum: int = 0

    async def wait(self, received: AsyncIterator[signal.Signals]) -> None:
        """Wait for signals."""
        self.signum = await anext(received)
        self.scope.cancel()
        with anyio.move_on_after(_PATIENCE_S):
            _end(await anext(received))
        print_line(
            new_console(stderr=True),
            "finishing a file that is being written; Ctrl-C again stops now, and loses nothing",
        )
        _end(await anext(received))


def _end(signum: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        if stream.isatty():
            stream.write(_SHOW_CURSOR)
        stream.flush()
    os._exit(128 + signum)
