"""An interrupted export can be continued, and ends in the same bytes: killed, cancelled, or on a full disk."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Literal

import anyio
import pytest
from attrs import evolve

from hubapi import AsyncHub, ConfigurationError, Password
from hubapi.export import Progress
from hubapi.testing import FakeHub, faults
from tests.export.folders import contents, finished, read
from tests.export.killing import WELL, Death, End, disturbed, export, world

MOBY = Password("moby", "hunter2-hunter2")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def orgs(fake: FakeHub, *events: int) -> list[str]:
    names = [f"org-{n}" for n, _ in enumerate(events)]
    for name, number in zip(names, events, strict=True):
        fake.add_org(name, owners=["moby"], events=number, until=LONG_AGO)
    return names


def moments(seed: int) -> list[Death]:
    """Return five moments: two while pages are read, two among the file operations, one while logs are finished."""
    random = Random(seed)  # noqa: S311 - meant to repeat
    return [
        Death("request", random.randint(2, 12)),
        Death("file operation", random.randint(20, 60)),
        Death("request", random.randint(2, 8)),
        Death("file operation", random.randint(5, 40)),
        Death("file operation", random.randint(1, 12)),
    ]


@pytest.mark.parametrize(
    ("backend", "partition", "seed"), [("asyncio", None, 1), ("trio", "day", 2)], ids=["asyncio", "trio-by-day"]
)
def test_killed_five_times_it_ends_in_the_same_bytes(
    tmp_path: Path, backend: str, partition: Literal["day"] | None, seed: int
) -> None:
    """All of the folder, its manifest too; `nox -s kills` does it far more often."""
    with world(seed) as here:
        fake, job = here.fake, evolve(here.job, backend=backend, partition=partition, folder=tmp_path / "undisturbed")
        assert 0 == disturbed(fake, job, ())
        assert 5 == disturbed(fake, evolve(job, folder=tmp_path / "disturbed"), moments(seed))

    assert contents(tmp_path / "undisturbed") == contents(tmp_path / "disturbed")
    if partition is None:
        assert finished(fake, job.accounts) == read(tmp_path / "disturbed", job.accounts)
    else:
        for name in job.accounts:
            days = sorted((tmp_path / "disturbed" / name).glob("*.jsonl"))
            assert fake.raw_events(name)[::-1] == [line for day in days for line in day.read_bytes().splitlines()]


def test_pages_that_were_read_are_not_requested_again(tmp_path: Path) -> None:
    """Killed at page 30 of 40, it continues near there."""
    with world(3, (4_000,)) as here:
        fake, job = here.fake, evolve(here.job, folder=tmp_path)
        assert End(killed=True) == export(fake, job, Death("request", 30))
        before = fake.count(operation="audit_logs.list")
        assert WELL == export(fake, job)

    assert 30 == before
    assert fake.count(operation="audit_logs.list") - before <= 15
    assert finished(fake, job.accounts) == read(tmp_path, job.accounts)


# --- cancelled


@pytest.mark.anyio
@pytest.mark.parametrize("at", [1, 800])
async def test_a_cancelled_export_can_be_continued(fake: FakeHub, tmp_path: Path, at: int) -> None:
    """All that was read is on the disk, finished logs are complete, and the rest follows."""
    names = orgs(fake, 150, 280, 410, 540)
    read_so_far: dict[str, int] = {}
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        await hub.audit_logs.export(names, to=tmp_path / "undisturbed", until=LONG_AGO)
        with anyio.CancelScope() as scope:

            def stop(progress: Progress) -> None:
                read_so_far[progress.account] = progress.events
                if sum(read_so_far.values()) >= at:
                    scope.cancel()

            await hub.audit_logs.export(names, to=tmp_path / "out", until=LONG_AGO, progress=stop, concurrency=2)
        assert scope.cancelled_caught
        kept = contents(tmp_path / "out")
        on_disk = {n: kept.get(f"{n}.jsonl", kept.get(f".{n}.part", b"")).count(b"\n") for n in read_so_far}
        assert read_so_far == on_disk
        await hub.audit_logs.export(names, to=tmp_path / "out", until=LONG_AGO)

    assert contents(tmp_path / "undisturbed") == contents(tmp_path / "out")


async def _cancel_a_task(fake: FakeHub, names: list[str], folder: Path) -> None:
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:

        def stop(progress: Progress) -> None:
            if progress.events >= 200:
                task.cancel()

        task = asyncio.create_task(hub.audit_logs.export(names, to=folder, until=LONG_AGO, progress=stop))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert contents(folder)[".org-1.part"].count(b"\n") >= 200
        await hub.audit_logs.export(names, to=folder, until=LONG_AGO)


def test_the_export_of_a_cancelled_asyncio_task_can_be_continued(fake: FakeHub, tmp_path: Path) -> None:
    """As when a service shuts down: anyio's cancel scopes don't know of it."""
    names = orgs(fake, 150, 450)

    asyncio.run(_cancel_a_task(fake, names, tmp_path))

    assert finished(fake, names) == read(tmp_path, names)
    assert [".lock", "manifest.json", "org-0.jsonl", "org-1.jsonl"] == list(contents(tmp_path))


@pytest.mark.anyio
async def test_an_error_of_the_progress_callback_is_not_the_failure_of_an_account(
    fake: FakeHub, tmp_path: Path
) -> None:
    """Not even an OSError, such as that of a broken pipe; what was read stays."""

    def complain(progress: Progress) -> None:
        raise BrokenPipeError("mine")

    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        with pytest.raises(BrokenPipeError, match="mine"):
            await hub.audit_logs.export(["acme"], to=tmp_path, progress=complain)

    assert fake.raw_events("acme")[:100] == (tmp_path / ".acme.part").read_bytes().splitlines()


# --- failed


@pytest.mark.anyio
@pytest.mark.parametrize("after", [0, 1, 2])
async def test_an_account_that_failed_can_be_continued(fake: FakeHub, tmp_path: Path, after: int) -> None:
    """Exported again, it ends in the bytes of one that never failed."""
    names = orgs(fake, 10, 350)
    async with AsyncHub(MOBY, transport=fake.transport()).with_options(max_attempts=1) as hub:
        await hub.audit_logs.export(names, to=tmp_path / "undisturbed", until=LONG_AGO)
        fake.inject(faults.Status(503), path="/v2/auditlogs/org-1", operation="audit_logs.list", after=after)
        first = await hub.audit_logs.export(names, to=tmp_path / "out", until=LONG_AGO)
        again = await hub.audit_logs.export(names, to=tmp_path / "out", until=LONG_AGO)

    assert (["org-1"], []) == ([a.account for a in first.failed], [a.account for a in again.failed])
    assert contents(tmp_path / "undisturbed") == contents(tmp_path / "out")


# --- on a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """Mount a file system of a megabyte, if we may."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.name != "posix" or os.geteuid() != 0 or not mount or not umount:
        pytest.skip("it takes root to mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run([umount, "-l", str(folder)], check=True)


@pytest.mark.anyio
@pytest.mark.parametrize("room", [0, 30_000, 150_000, 300_000])
async def test_a_full_disk_is_an_error_that_names_the_file(
    fake: FakeHub, tmp_path: Path, small_disk: Path, room: int
) -> None:
    """Files stay as they are; with space made, the same call ends in the same bytes."""
    names = orgs(fake, 300, 300, 300)
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        await hub.audit_logs.export(names, to=tmp_path / "undisturbed", until=LONG_AGO)
        out = small_disk / "out"
        out.mkdir()
        filler = small_disk / "filler"
        filler.write_bytes(bytes((1 << 20) - room))
        try:
            report = await hub.audit_logs.export(names, to=out, until=LONG_AGO)
            problems = [str(failed.error) for failed in report.failed]
        except ConfigurationError as error:
            problems = [str(error)]
        assert problems
        for problem in problems:
            assert re.fullmatch(rf"{out}/\S*(org-\d|manifest)\S* can't be written: No space left on device", problem)
        filler.unlink()
        report = await hub.audit_logs.export(names, to=out, until=LONG_AGO)

    assert () == report.failed
    assert contents(tmp_path / "undisturbed") == contents(out)


@pytest.mark.skipif(os.name != "posix", reason="the system sets no such limit")
@pytest.mark.parametrize("largest", [0, 20_000, 60_000])
def test_a_file_that_may_not_grow_is_named(tmp_path: Path, largest: int) -> None:
    """As with a quota: the part file, the log or the manifest."""
    with world(4, (10, 130, 260)) as here:
        job = evolve(here.job, folder=tmp_path / "undisturbed")
        assert WELL == export(here.fake, job)
        job = evolve(job, folder=tmp_path / "out")
        end = export(here.fake, evolve(job, largest_file=largest))
        assert end.problems
        for problem in end.problems:
            assert re.fullmatch(rf"{job.folder}/\S*(org-\d|manifest)\S* can't be written: File too large", problem)
        assert WELL == export(here.fake, job)

    assert contents(tmp_path / "undisturbed") == contents(tmp_path / "out")
