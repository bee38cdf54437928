"""The manifest of a folder: read, checked and replaced."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from hubapi import ConfigurationError
from hubapi.export.manifest import Log, LogFile, load, save, totals
from tests.export.folders import contents
from tests.export.manifests import DONE, FAILED, T, folder_of, run


def test_a_manifest_is_what_was_saved(tmp_path: Path) -> None:
    """For its owner only, and without other files."""
    files = [LogFile(name="a.jsonl", events=2, bytes=10, sha256="ab")]
    log = Log(state="done", since=T[1], events=2, files=files, actions={"x": 2}, days={"2026-01-02": 2})
    manifest = folder_of(run(1, T[1], T[5], asked_until=T[5], a=log, b=FAILED))
    manifest.seams = {"a": [(17, "id"), (17, "id")]}

    save(tmp_path, manifest)

    assert manifest == load(tmp_path)
    assert ["manifest.json"] == list(contents(tmp_path))
    assert 0o600 == stat.S_IMODE((tmp_path / "manifest.json").stat().st_mode)


def test_the_same_manifest_has_the_same_bytes(tmp_path: Path) -> None:
    """In whatever order the accounts were finished."""
    forth = folder_of(run(1, None, T[5], a=DONE, b=FAILED))
    back = folder_of(run(1, None, T[5], b=FAILED, a=DONE))
    forth.seams, back.seams = {"a": [], "b": [(1, "x")]}, {"b": [(1, "x")], "a": []}

    save(tmp_path, forth)
    first = contents(tmp_path)
    save(tmp_path, back)

    assert first == contents(tmp_path)


def test_no_manifest_is_none(tmp_path: Path) -> None:
    """Also without a folder."""
    assert (None, None) == (load(tmp_path), load(tmp_path / "none"))


GOOD: dict[str, Any] = {"hubapi_export": 1, "format": "jsonl", "partition": None, "runs": [], "seams": {}}
RUN: dict[str, Any] = {"number": 1, "asked_since": None, "asked_until": None, "until": T[1], "accounts": {}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not the manifest of an export: Input data was truncated"),
        (json.dumps(GOOD)[:-20], "is not the manifest of an export"),
        (bytes(100), "is not the manifest of an export"),
        (b"\xff\xfe", "is not the manifest of an export"),
        ("[]", "is not the manifest of an export"),
        ('{"manifest_version": 3}', "is not the manifest of an export: .*`hubapi_export`"),
        (
            {**GOOD, "hubapi_export": 2, "runs": {"of": "another kind"}},
            "was written by another version of hubapi: its version is 2, not 1",
        ),
        ({**GOOD, "runs": [{**RUN, "until": "yesterday"}]}, r"is not the manifest of an export: .*runs\[0\]"),
        ({**GOOD, "runs": [{**RUN, "until": "2026-01-01T00:00:00"}]}, "is not the manifest .* has no time zone"),
        ({**GOOD, "runs": [{**RUN, "until": None}]}, r"is not the manifest of an export: .*runs\[0\]\.until"),
        ({**GOOD, "runs": [{**RUN, "accounts": {"a": {"since": ""}}}]}, "is not the manifest of an export"),
        ({**GOOD, "runs": [{**RUN, "accounts": {"a": {"state": "new"}}}]}, "is not the manifest of an export"),
    ],
)
def test_an_invalid_manifest_is_refused(tmp_path: Path, content: bytes | str | dict[str, Any], words: str) -> None:
    """Cut off, from another program, or edited: its path is in the error, and it stays as it is."""
    if isinstance(content, dict):
        content = json.dumps(content)
    (tmp_path / "manifest.json").write_bytes(content.encode() if isinstance(content, str) else content)
    before = contents(tmp_path)

    with pytest.raises(ConfigurationError, match=f"{tmp_path}/manifest.json {words}"):
        load(tmp_path)

    assert before == contents(tmp_path)


def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A folder of that name, for one."""
    (tmp_path / "manifest.json").mkdir()

    with pytest.raises(ConfigurationError, match=r"manifest\.json can't be read: Is a directory"):
        load(tmp_path)


def test_what_a_later_version_adds_does_no_harm(tmp_path: Path) -> None:
    """As long as the version is the same."""
    (tmp_path / "manifest.json").write_text(json.dumps({**GOOD, "new": 1, "runs": [{**RUN, "new": [2]}]}))

    assert folder_of(run(1, None, T[1])) == load(tmp_path)


def test_totals_are_over_all_accounts() -> None:
    """By action or by day."""
    logs = {"a": Log(actions={"x": 1, "y": 2}, days={"2026-01-01": 3}), "b": Log(actions={"x": 4}), "c": FAILED}

    assert ({"x": 5, "y": 2}, {"2026-01-01": 3}) == (totals(logs.values(), "actions"), totals(logs.values(), "days"))
