"""How a command ends: its exit status, a mistake in a line or two, and Ctrl-C and SIGTERM."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import NoReturn, TypeVar

import anyio
from attrs import define, field, frozen

from hubapi.commands.summary import new_console, say
from hubapi.errors import ConfigurationError, HubError

T = TypeVar("T")

PARTLY = 1
"""Some of it failed; or all of it, through no mistake of the command's."""
MISTAKE = 2
"""The command can't work as it is: click's own status for that, too."""

_PATIENCE_S = 1.0
_SHOW_CURSOR = "\x1b[?25h"


@frozen
class _Stopped(Exception):
    """A signal has ended the work."""

    signum: int


@contextmanager
def exits(
    *, stopped: str = "stopped", told: Callable[[HubError | None], None] | None = None
) -> Generator[None, None, None]:
    """Turn what a command fails with into a line and an exit status: 1, 2, or 128 and a signal's number.

    Args:
        stopped: What to say after a signal.
        told: Called before the exit, with the error, or None after a signal.
    """
    failure: HubError | None = None
    try:
        yield
    except HubError as error:
        status = MISTAKE if isinstance(error, ConfigurationError) else PARTLY
        failure = error
    except _Stopped as stop:
        status = 128 + stop.signum
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    else:
        return
    say(new_console(stderr=True), stopped if failure is None else f"Error: {failure.reason}")
    if told is not None:
        told(failure)
    sys.exit(status)


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Do a command's work, and return what it returns: inside `exits`.

    A first Ctrl-C or SIGTERM cancels it, a second one ends the process at once.
    """
    return anyio.run(work if os.name != "posix" else partial(_stoppable, work))


async def _stoppable(work: Callable[[], Awaitable[T]]) -> T:
    # A shell lets what it runs in the background ignore Ctrl-C: that is for others.
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
    """Ends the work at the first signal, and the process at the second."""

    scope: anyio.CancelScope = field(factory=anyio.CancelScope)
    signum: int = 0

    async def wait(self, received: AsyncIterator[signal.Signals]) -> None:
        """Wait for signals."""
        self.signum = await anext(received)
        self.scope.cancel()
        with anyio.move_on_after(_PATIENCE_S):
            _end(await anext(received))
        say(new_console(stderr=True), "finishing what is being written; Ctrl-C again stops at once, and loses nothing")
        _end(await anext(received))


def _end(signum: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        if stream.isatty():
            stream.write(_SHOW_CURSOR)
        stream.flush()
    os._exit(128 + signum)
