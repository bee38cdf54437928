"""The folder of an export: its permissions, its lock, its manifest, and files that are in the way."""

import os
import stat
import sys
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from hubapi import AsyncHub, AttemptRequest, AttemptResponse, CallNext, ConfigurationError, Password, Settings
from hubapi.export import ExportOptions
from hubapi.export.folder import Folder
from hubapi.export.manifest import Log, Overlap, load
from hubapi.export.part_file import PartFile
from hubapi.testing import FakeHub
from tests.export.folders import contents, finished, read

MOBY = Password("moby", "hunter2-hunter2")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def orgs(fake: FakeHub) -> list[str]:
    names = ["org-0", "org-1", "org-2"]
    for n, name in enumerate(names):
        fake.add_org(name, owners=["moby"], events=n * 130, until=LONG_AGO)
    return names


def in_a_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@pytest.mark.anyio
@pytest.mark.parametrize("partition", [None, "day"])
async def test_only_their_owner_may_read_what_is_there(
    fake: FakeHub, orgs: list[str], tmp_path: Path, partition: Any
) -> None:
    """Audit events name people: while they are read, and when they are finished."""
    seen: set[tuple[bool, int]] = set()
    folder = tmp_path / "new" / "folder"

    def look(_: object) -> None:
        seen.update((path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in [folder, *folder.rglob("*")])

    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        await hub.audit_logs.export(orgs, to=folder, partition=partition, progress=look, concurrency=1)

    assert {(True, 0o700), (False, 0o600)} == seen
    assert (folder / "org-2").is_dir() == (partition == "day")


@pytest.mark.anyio
async def test_a_folder_of_the_user_stays_as_it_is(fake: FakeHub, orgs: list[str], tmp_path: Path) -> None:
    """Its mode, and the files in it that have nothing to do with the export."""
    tmp_path.chmod(0o750)
    for name in ("notes.txt", ".hidden", ".mine.part", ".mine.whole"):
        (tmp_path / name).write_text(name)
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        await hub.audit_logs.export(orgs, to=tmp_path)

    assert 0o750 == stat.S_IMODE(tmp_path.stat().st_mode)
    for name in ("notes.txt", ".hidden", ".mine.part", ".mine.whole"):
        assert name == (tmp_path / name).read_text()


@pytest.mark.anyio
async def test_a_file_in_the_place_of_the_folder(fake: FakeHub, orgs: list[str], tmp_path: Path) -> None:
    """It is named before any request is sent, and stays."""
    (tmp_path / "taken").write_text("mine")
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        with pytest.raises(ConfigurationError, match=f"^{tmp_path}/taken can't be written: File exists$"):
            await hub.audit_logs.export(orgs, to=tmp_path / "taken")

    assert ([], "mine") == (fake.requests, (tmp_path / "taken").read_text())


@pytest.mark.skipif(sys.platform != "linux", reason="it takes a folder that not even root can write")
@pytest.mark.anyio
async def test_a_folder_that_cannot_be_made(fake: FakeHub, orgs: list[str]) -> None:
    """An error at once, not after an hour of reading."""
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        with pytest.raises(ConfigurationError, match=r"^/proc/self/out can't be written: "):
            await hub.audit_logs.export(orgs, to=Path("/proc/self/out"))

    assert [] == fake.requests


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only(tmp_path: Path) -> None:
    """Likewise."""
    tmp_path.chmod(0o500)

    with pytest.raises(ConfigurationError, match="can't be written: Permission denied"):
        Folder(tmp_path).open()


@pytest.mark.anyio
async def test_another_export_in_the_same_folder_is_refused(fake: FakeHub, orgs: list[str], tmp_path: Path) -> None:
    """At once, before any request is sent; the first one is not disturbed."""
    refused: list[str] = []

    async def meanwhile(request: AttemptRequest, call_next: CallNext) -> AttemptResponse:
        if "page=2" in request.url and not refused:
            before, requests = contents(tmp_path), len(fake.requests)
            async with AsyncHub(MOBY, transport=fake.transport()) as other:
                with pytest.raises(ConfigurationError) as raised:
                    await other.audit_logs.export(orgs, to=tmp_path)
            refused.append(str(raised.value))
            assert (before, requests) == (contents(tmp_path), len(fake.requests))
        return await call_next(request)

    async with AsyncHub(MOBY, transport=fake.transport(), settings=Settings(middleware=meanwhile)) as hub:
        report = await hub.audit_logs.export(orgs, to=tmp_path, concurrency=1)

    assert [f"another export is using {tmp_path}: wait for it, or use another folder"] == refused
    assert () == report.failed
    assert finished(fake, orgs) == read(tmp_path, orgs)


def test_any_thread_can_release_a_folder(tmp_path: Path) -> None:
    """One worker thread opens it, and another one closes it."""
    first, second = Folder(tmp_path), Folder(tmp_path)
    in_a_thread(first.open)
    with pytest.raises(ConfigurationError, match="another export is using"):
        second.open()

    in_a_thread(first.close)
    second.open()
    second.close()


@pytest.mark.anyio
async def test_a_folder_is_released_after_a_refusal(fake: FakeHub, orgs: list[str], tmp_path: Path) -> None:
    """The mistake can be corrected in the same process."""
    (tmp_path / "manifest.json").write_text("{}")
    refused: list[ConfigurationError] = []
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="is not the manifest of an export") as raised:
                await hub.audit_logs.export(orgs, to=tmp_path)
            refused.append(raised.value)  # which keeps alive what it came through
        (tmp_path / "manifest.json").unlink()
        with pytest.raises(ConfigurationError, match="the window is empty"):
            await hub.audit_logs.export(orgs, to=tmp_path, since=date(2999, 1, 1))
        report = await hub.audit_logs.export(orgs, to=tmp_path)

    assert () == report.failed


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"since": LONG_AGO}, "from the beginning to 2026-02-01T00:00:00Z, not from 2026-01-01T00:00:00Z to the"),
        ({"until": date(2026, 2, 1), "since": date(2025, 1, 1)}, "to 2026-02-01T00:00:00Z, not from 2025-01-01"),
        ({"until": date(2026, 2, 1), "format": "csv"}, "holds an export as jsonl, not as csv"),
        ({"until": date(2026, 2, 1), "partition": "day"}, "not as jsonl with one file per day"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
async def test_an_export_with_other_options_is_refused(
    fake: FakeHub, orgs: list[str], tmp_path: Path, asked: dict[str, Any], words: str, *, whole: bool
) -> None:
    """The folder stays as it is to the byte, finished or not."""

    def stop(progress: object) -> None:
        raise LookupError

    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        if whole:
            await hub.audit_logs.export(orgs, to=tmp_path, until=date(2026, 2, 1))
        else:
            with pytest.raises(LookupError):
                await hub.audit_logs.export(orgs, to=tmp_path, until=date(2026, 2, 1), progress=stop)
            words = words.partition(", not from")[0]
        before = contents(tmp_path)
        with pytest.raises(ConfigurationError, match=words):
            await hub.audit_logs.export(orgs, to=tmp_path, **asked)

    assert before == contents(tmp_path)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("partition", "theirs"),
    [(None, "org-1.jsonl"), (None, ".org-1.part"), ("day", "org-1/2025-12-31.jsonl"), ("day", "org-1")],
)
async def test_a_file_of_the_user_in_the_place_of_a_log(
    fake: FakeHub, orgs: list[str], tmp_path: Path, partition: Any, theirs: str
) -> None:
    """It is named before any log is read, and stays; once it is moved away, the export works."""
    path = tmp_path / theirs
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        with pytest.raises(
            ConfigurationError, match=f"^{path} exists, and does not belong to this export: move it, or"
        ):
            await hub.audit_logs.export(orgs, to=tmp_path, partition=partition)
        assert (0, "mine") == (fake.count(operation="audit_logs.list"), path.read_text())
        assert {".lock", theirs} == set(contents(tmp_path))
        path.rename(tmp_path / "elsewhere")
        report = await hub.audit_logs.export(orgs, to=tmp_path, partition=partition)

    assert () == report.failed
    assert "mine" == (tmp_path / "elsewhere").read_text()


@pytest.mark.anyio
async def test_a_log_that_cannot_be_put_in_place_stops_no_other(fake: FakeHub, orgs: list[str], tmp_path: Path) -> None:
    """If a folder is created there in the meantime, the account fails with its name, and can be continued later."""

    def disturb(progress: object) -> None:
        (tmp_path / "org-1.jsonl" / "mine").mkdir(parents=True, exist_ok=True)

    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        first = await hub.audit_logs.export(orgs, to=tmp_path, until=LONG_AGO, progress=disturb)
        assert (tmp_path / "org-1.jsonl" / "mine").is_dir()
        (tmp_path / "org-1.jsonl" / "mine").rmdir()
        (tmp_path / "org-1.jsonl").rmdir()
        again = await hub.audit_logs.export(orgs, to=tmp_path, until=LONG_AGO)

    (failed,) = first.failed
    assert "org-1.jsonl can't be written: File exists, and does not belong to this export" in str(failed.error)
    assert () == again.failed
    assert finished(fake, orgs) == read(tmp_path, orgs)
    assert [".lock", "manifest.json", *(f"{name}.jsonl" for name in orgs)] == list(contents(tmp_path))


def begun(path: Path, *names: str) -> Folder:
    folder = Folder(path)
    options = ExportOptions(accounts=names, to=path, since="last")
    folder.begin(folder.open(), options, "2026-02-01T00:00:00Z")
    return folder


def written(folder: Folder, name: str) -> tuple[PartFile, Log, Overlap]:
    """A log of one event, in place."""
    part = folder.part(name, 0)
    part.open()
    part.add([b'{"event_id":"1","timestamp":"2026-01-31T23:59:00Z"}'])
    part.flush()
    return part, *folder.write(name, part)


def test_what_could_not_be_recorded_has_not_happened(tmp_path: Path) -> None:
    """Otherwise the next run would leave out events that no finished log has."""
    folder = begun(tmp_path, "a", "b")
    before = folder.manifest
    (tmp_path / ".manifest.json").mkdir()
    with pytest.raises(ConfigurationError, match=r"manifest\.json can't be written: Is a directory"):
        folder.finish("a", *written(folder, "a"))
    (tmp_path / ".manifest.json").rmdir()
    folder.fail("b", "403")

    assert (before.runs[0].accounts["a"], {}) == (folder.run.accounts["a"], folder.manifest.seams)
    assert "failed" == folder.run.accounts["b"].state
    assert folder.manifest == load(tmp_path)
    assert (tmp_path / ".a.part").exists()


def test_accounts_that_finish_at_the_same_time_are_all_recorded(tmp_path: Path) -> None:
    """Updates that arrive while the manifest is written are written together, and then each part file is removed."""
    names = [f"org-{n}" for n in range(40)]
    folder = begun(tmp_path, *names)
    ready = {name: written(folder, name) for name in names}
    threads = [threading.Thread(target=folder.finish, args=(name, *ready[name])) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {"done"} == {log.state for log in folder.run.accounts.values()}
    assert set(names) == set(folder.manifest.seams)
    assert folder.manifest == load(tmp_path)
    assert [] == list(tmp_path.glob("*.part"))
