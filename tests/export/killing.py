"""Exports in processes of their own, over HTTP on loopback, that are killed by SIGKILL and started again.

The server is in this process, and its time does not pass. A process dies while it waits for a response, before one of
its file operations, or after so many seconds.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event
from typing import Any, Literal

import anyio
from attrs import frozen

from hubapi import AsyncHub, HubError, Password
from hubapi.export.manifest import load
from hubapi.testing import FakeHub, RateLimitPolicy, VirtualClock
from hubapi.testing.faults import Fault

NOW = datetime(2026, 2, 1, tzinfo=UTC)
SETTLED = NOW - timedelta(minutes=1)
SIZES = (0, 1, 25, 99, 100, 101, 130, 260, 520, 0, 7, 40)
PASSWORD = "hunter2-hunter2"
MANY = 128  # so that little is held back in memory before it is written
FILE_OPERATIONS = {"open", "os.mkdir", "os.remove", "os.rename", "os.truncate"}

# A process that has loaded everything forks each export in milliseconds, and has no threads to fork.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.export.killing"])


@frozen(kw_only=True)
class Job:
    """An export."""

    url: str
    folder: Path
    accounts: tuple[str, ...]
    since: Literal["last"] | None = None
    run: int = 1
    """Which of the folder's runs it is."""
    partition: Literal["day"] | None = None
    backend: str = "asyncio"
    largest_file: int | None = None
    """Bytes that the system lets a file have."""


@frozen
class Death:
    """The moment of a kill: at the nth request for a page, before the nth file operation, or after n seconds."""

    by: Literal["request", "file operation", "seconds"]
    at: float


@frozen
class World:
    """A server whose time is only advanced by hand, and an export without a folder."""

    fake: FakeHub
    clock: VirtualClock
    job: Job


@frozen
class End:
    """The end of a process: whether it was killed, and the errors of its export."""

    killed: bool
    problems: tuple[str, ...] = ()


WELL = End(killed=False)


def run(job: Job, dies_at: int | None, problems: Connection) -> None:
    """Export, in a process of its own, and send the errors."""

    async def export() -> list[str]:
        async with AsyncHub(Password("moby", PASSWORD), base_url=job.url) as hub:
            report = await hub.audit_logs.export(
                job.accounts, to=job.folder, since=job.since, partition=job.partition, concurrency=MANY
            )
        return [str(failed.error) for failed in report.failed]

    if dies_at is not None:
        _die_before(dies_at, job.folder)
    if job.largest_file is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (job.largest_file, job.largest_file))
    try:
        problems.send(anyio.run(export, backend=job.backend))
    except HubError as error:
        problems.send([str(error)])


def _die_before(operation: int, folder: Path) -> None:
    """Make this process kill itself before its nth file operation in a folder."""
    numbers = count(1)

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event in FILE_OPERATIONS and str(arguments[0]).startswith(str(folder)) and next(numbers) == operation:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)


@frozen
class _Kill(Fault):
    """The client dies while it waits for the response."""

    kill: Callable[[], None]

    def __call__(self, exchange: Any) -> Any:
        self.kill()
        return exchange.process()


def export(fake: FakeHub, job: Job, death: Death | None = None) -> End:
    """Run an export until it ends or is killed."""
    started = Event()
    receiver, sender = _processes.Pipe(duplex=False)
    dies_at = int(death.at) if death and death.by == "file operation" else None
    child: BaseProcess = _processes.Process(target=run, args=(job, dies_at, sender))

    def kill() -> None:
        started.wait()
        child.kill()

    if death and death.by == "request":
        fake.inject(_Kill(kill), operation="audit_logs.list", after=int(death.at) - 1)
    child.start()
    started.set()
    child.join(death.at if death and death.by == "seconds" else None)
    child.kill()
    child.join()
    fake.clear_faults()
    with receiver, sender:
        if receiver.poll():
            return End(killed=False, problems=tuple(receiver.recv()))
    if child.exitcode != -signal.SIGKILL:
        raise RuntimeError(f"the process ended by itself, with {child.exitcode}")
    return End(killed=True)


def disturbed(fake: FakeHub, job: Job, deaths: Iterable[Death]) -> int:
    """Export and kill it each time, then export undisturbed; return the number of kills."""
    kills = 0
    for death in deaths:
        end = export(fake, job, death)
        if end == WELL:
            return kills
        if not end.killed:
            raise RuntimeError(f"the export failed: {end.problems}")
        kills += 1
        if job.since == "last" and _is_over(job):
            return kills  # killed on its way out: asked for again, it would be another run
    end = export(fake, job)
    if end != WELL:
        raise RuntimeError(f"the export failed: {end}")
    return kills


def _is_over(job: Job) -> bool:
    found = load(job.folder)
    runs = found.runs if found else []
    return len(runs) == job.run and all(log.state == "done" for log in runs[-1].accounts.values())


@contextmanager
def world(seed: int, sizes: Iterable[int] = SIZES) -> Generator[World]:
    """Serve organisations with these numbers of events, in a thread."""
    clock = VirtualClock(NOW)
    fake = FakeHub(seed=seed, clock=clock, limit=RateLimitPolicy(10**6), anonymous_limit=RateLimitPolicy(10**6))
    fake.add_user("moby", password=PASSWORD)
    names = [f"org-{n:02}" for n, _ in enumerate(sizes)]
    for name, size in zip(names, sizes, strict=True):
        fake.add_org(name, owners=["moby"], events=size, since=SETTLED - timedelta(days=3), until=SETTLED)
    with fake.serve_in_thread() as url:
        yield World(fake, clock, Job(url=url, folder=Path(), accounts=tuple(names)))
