"""Verifying an export: missing, changed and extra files are named, and nothing is written."""

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hubapi import AsyncHub, ConfigurationError, Password
from hubapi.export import verify
from hubapi.export.formats import FORMATS, FormatName
from hubapi.testing import FakeHub

pytestmark = pytest.mark.anyio

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


async def export(fake: FakeHub, folder: Path, form: FormatName = "jsonl", *, by_day: bool = False) -> None:
    names = ["org-1", "org-2", "org-3"]
    for n, name in enumerate(names):
        fake.add_org(name, owners=["moby"], events=n * 130, until=LONG_AGO)
    async with AsyncHub(Password("moby", "hunter2-hunter2"), transport=fake.transport()) as hub:
        await hub.audit_logs.export(names, to=folder, format=form, partition="day" if by_day else None)


def seen(folder: Path) -> list[str]:
    return [str(finding) for finding in verify(folder).findings]


@pytest.mark.parametrize("form", FORMATS)
async def test_an_export_of_any_format_is_as_its_manifest_says(fake: FakeHub, tmp_path: Path, form: FormatName) -> None:
    """Every event is counted, also of an empty log."""
    await export(fake, tmp_path, form)

    report = verify(tmp_path)

    assert ((), True, True) == (report.findings, report.ok, report.counted)
    assert (3, 390) == (report.files, report.events)


@pytest.mark.parametrize("form", FORMATS)
async def test_events_are_counted_whatever_the_hash_says(fake: FakeHub, tmp_path: Path, form: FormatName) -> None:
    """The count is not taken from the manifest."""
    await export(fake, tmp_path, form)
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["runs"][0]["accounts"]["org-3"]["files"][0]["events"] = 261
    path.write_text(json.dumps(manifest))

    assert [
        "changed: manifest.json: the numbers of org-3 don't add up",
        f"changed: org-3{FORMATS[form].suffix}: 260 events instead of 261",
    ] == seen(tmp_path)


async def test_a_line_break_within_a_cell_does_not_end_an_event(fake: FakeHub, tmp_path: Path) -> None:
    """A quote in a cell doesn't end it."""
    fake.add_org("org-0", owners=["moby"])
    fake.add_event("org-0", at=LONG_AGO, actor='one\n"two"\r\nthree"')
    async with AsyncHub(Password("moby", "hunter2-hunter2"), transport=fake.transport()) as hub:
        await hub.audit_logs.export(["org-0"], to=tmp_path, format="csv")

    assert 3 < len((tmp_path / "org-0.csv").read_bytes().splitlines())
    assert (1, ()) == (verify(tmp_path).events, verify(tmp_path).findings)


def remove(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def falsify(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (remove, "missing: org-2.jsonl"),
        (cut, r"changed: org-2.jsonl: [\d,]+ bytes instead of [\d,]+, 129 events instead of 130"),
        (falsify, r"changed: org-2.jsonl: the same size, but another SHA-256"),
    ],
)
async def test_a_damaged_file_is_named(
    fake: FakeHub, tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    """Only that file, with the difference."""
    await export(fake, tmp_path)
    damage(tmp_path / "org-2.jsonl")

    assert re.fullmatch(words, "\n".join(seen(tmp_path)))


@pytest.mark.parametrize("form", ["jsonl.gz", "jsonl.zst", "parquet"])
async def test_a_file_that_cannot_be_read_is_named(fake: FakeHub, tmp_path: Path, form: FormatName) -> None:
    """Whatever its library raises."""
    await export(fake, tmp_path, form)
    damaged = tmp_path / f"org-2{FORMATS[form].suffix}"
    damaged.write_bytes(b"not at all" * 3)

    (finding,) = verify(tmp_path).findings

    assert ("changed", damaged.name) == (finding.kind, finding.name)
    assert "30 bytes instead of" in finding.detail
    assert "can't be read: " in finding.detail


async def test_files_that_no_export_has_written_are_named(fake: FakeHub, tmp_path: Path) -> None:
    """Anywhere in the folder; hidden files are ignored."""
    await export(fake, tmp_path, by_day=True)
    (tmp_path / "org-2" / "notes.txt").write_text("mine")
    (tmp_path / "org-4.jsonl").write_text("")
    (tmp_path / ".notes").write_text("mine")

    assert ["extra: org-2/notes.txt", "extra: org-4.jsonl"] == seen(tmp_path)


async def test_an_account_that_is_not_finished_is_named(fake: FakeHub, tmp_path: Path) -> None:
    """With its error."""
    fake.add_org("theirs", events=3, until=LONG_AGO)
    async with AsyncHub(Password("moby", "hunter2-hunter2"), transport=fake.transport()) as hub:
        await hub.audit_logs.export(["acme", "theirs"], to=tmp_path)

    (finding,) = verify(tmp_path).findings

    assert ("unfinished", "theirs") == (finding.kind, finding.name)
    assert "403 forbidden" in finding.detail


@pytest.mark.parametrize(("form", "library"), [("parquet", "pyarrow"), ("jsonl.zst", "backports.zstd")])
async def test_without_its_library_a_file_is_hashed(
    fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: FormatName, library: str
) -> None:
    """The report has `counted=False`."""
    if library == "backports.zstd" and sys.version_info >= (3, 14):
        pytest.skip("Python has it")
    await export(fake, tmp_path, form)
    monkeypatch.setitem(sys.modules, library, None)

    report = verify(tmp_path)

    assert (True, False) == (report.ok, report.counted)
    falsify(tmp_path / f"org-2{FORMATS[form].suffix}")
    assert [f"changed: org-2{FORMATS[form].suffix}: the same size, but another SHA-256"] == seen(tmp_path)


async def test_nothing_is_written(fake: FakeHub, tmp_path: Path) -> None:
    """A read-only folder is enough."""
    await export(fake, tmp_path)
    before = {path: path.stat() for path in tmp_path.rglob("*")}
    tmp_path.chmod(0o500)
    try:
        assert verify(tmp_path).ok
    finally:
        tmp_path.chmod(0o700)

    after = {path: path.stat() for path in tmp_path.rglob("*")}
    assert {path: (s.st_mtime_ns, s.st_size) for path, s in before.items()} == {
        path: (s.st_mtime_ns, s.st_size) for path, s in after.items()
    }


@pytest.mark.parametrize(("content", "words"), [(None, "holds no export"), ("[]", "is not the manifest of an export")])
async def test_a_folder_without_a_manifest_is_a_mistake(tmp_path: Path, content: str | None, words: str) -> None:
    """The message names what is missing."""
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)

    with pytest.raises(ConfigurationError, match=words):
        verify(tmp_path)
