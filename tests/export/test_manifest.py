"""What a folder holds, and by which rules an export begins, goes on or is refused there."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from hubapi import ConfigurationError
from hubapi.export.manifest import Log, LogFile, Manifest, Run, Wish, load, plan, save, totals
from tests.export.folders import contents

T = [f"2026-01-{day:02}T00:00:00Z" for day in range(1, 29)]
DONE, FAILED, WAITING = (Log(state="done"), Log(state="failed", error="403"), Log())


def wish(*accounts: str, since: str | None = None, until: str | None = None, **form: Any) -> Wish:
    return Wish(**{"accounts": accounts, "since": since, "until": until, "format": "jsonl", "partition": None, **form})


def run(number: int, since: str | None, until: str, *, asked_until: str | None = None, **accounts: Log) -> Run:
    return Run(number=number, asked_since=since, asked_until=asked_until, until=until, accounts=accounts)


def folder_of(*runs: Run) -> Manifest:
    return Manifest(format="jsonl", partition=None, runs=list(runs))


def test_a_new_folder_begins_with_a_run() -> None:
    """Its window ends at the latest time that is settled."""
    manifest = plan(None, wish("a", "b", since=T[1]), T[9])

    assert folder_of(run(1, T[1], T[9], a=Log(since=T[1]), b=Log(since=T[1]))) == manifest


@pytest.mark.parametrize(
    ("until", "latest", "ends"),
    [(None, T[9], T[9]), (T[5], T[9], T[5]), (T[12], T[9], T[9]), ("2026-01-06T03:00:00+03:00", T[9], None)],
)
def test_a_window_ends_where_asked_but_not_before_it_is_settled(until: str | None, latest: str, ends: str) -> None:
    """Whatever zone it is given in."""
    manifest = plan(None, wish("a", until=until), latest)

    assert (ends or until, until) == (manifest.runs[0].until, manifest.runs[0].asked_until)


@pytest.mark.parametrize("since", [None, T[1], "last"])
@pytest.mark.parametrize("asked_until", [None, T[7]])
@pytest.mark.parametrize("rest", [WAITING, FAILED])
def test_an_interrupted_run_goes_on_with_its_own_window(since: str | None, asked_until: str | None, rest: Log) -> None:
    """However much later it is asked for again, and with accounts that were added meanwhile."""
    found = folder_of(run(1, since, T[5], asked_until=asked_until, a=DONE, b=WAITING, c=rest))

    manifest = plan(found, wish("a", "b", "c", "d", since=since, until=asked_until), T[20])

    new = Log(since=None if since == "last" else since)
    assert folder_of(run(1, since, T[5], asked_until=asked_until, a=DONE, b=WAITING, c=rest, d=new)) == manifest


@pytest.mark.parametrize("since", [None, T[1]])
def test_a_finished_run_is_that_run_again(since: str | None) -> None:
    """There is nothing to do; what failed may be tried again, what is new is read up to the same end."""
    found = folder_of(run(1, since, T[5], a=DONE, b=FAILED))

    manifest = plan(found, wish("a", "b", "c", since=since), T[20])

    assert folder_of(run(1, since, T[5], a=DONE, b=FAILED, c=Log(since=since))) == manifest


@pytest.mark.parametrize("since", [None, T[1], "last"])
def test_the_next_run_begins_where_each_account_ended(since: str | None) -> None:
    """One that failed begins where it should have, a new one at its beginning."""
    first = run(1, since, T[5], a=DONE, b=evolve(FAILED, since=T[1]), c=FAILED)
    second = run(2, "last", T[8], a=evolve(FAILED, since=T[5]), b=evolve(FAILED, since=T[1]), c=DONE)

    once = plan(folder_of(first), wish("a", "b", "c", "d", since="last"), T[9])
    twice = plan(folder_of(first, second), wish("a", "b", "c", "d", since="last"), T[9])

    assert [T[5], T[1], None, None] == [log.since for log in once.runs[1].accounts.values()]
    assert [T[5], T[1], T[8], None] == [log.since for log in twice.runs[2].accounts.values()]
    assert ([1, 2, 3], T[9]) == ([run.number for run in twice.runs], twice.runs[2].until)


def test_who_is_not_asked_for_any_more_holds_up_nobody() -> None:
    """An organisation that was deleted would else keep the others from ever going on."""
    found = folder_of(run(1, "last", T[5], a=DONE, gone=WAITING))

    manifest = plan(found, wish("a", since="last"), T[9])

    assert (2, {"a": Log(since=T[5])}) == (manifest.runs[-1].number, manifest.runs[-1].accounts)


@pytest.mark.parametrize("latest", [T[5], T[4]])
def test_a_clock_that_is_behind_makes_an_empty_window_not_one_that_ends_before_it_begins(latest: str) -> None:
    """Asked twice within a second, two of the server's machines may differ."""
    manifest = plan(folder_of(run(1, "last", T[5], a=DONE)), wish("a", since="last"), latest)

    assert (T[5], T[5]) == (manifest.runs[-1].until, manifest.runs[-1].accounts["a"].since)


@pytest.mark.parametrize(
    ("runs", "asked", "words"),
    [
        ([], wish("a", since=T[9]), "nothing lies between since .* and until"),
        ([run(1, "last", T[5], a=DONE)], wish("a", since="last", until=T[4]), "nothing lies between since .*"),
        ([run(1, None, T[5], a=DONE)], wish("a", since=T[1]), "from the beginning to the present, not from 2026-01-02"),
        ([run(1, T[1], T[5], a=DONE)], wish("a"), r"go on from its end with since='last', or give another folder"),
        ([run(1, None, T[5], a=DONE)], wish("a", until=T[5]), "not from the beginning to 2026-01-06T00:00:00Z"),
        ([run(1, None, T[5], a=WAITING)], wish("a", since=T[1]), "that is not finished: run that again"),
        ([run(1, None, T[5], a=WAITING)], wish("a", since="last"), "that is not finished: run that again"),
        ([run(1, "last", T[5], a=WAITING)], wish("a"), "from last to the present that is not finished"),
        ([run(1, "last", T[5], a=DONE)], wish("a"), "not from the beginning to the present"),
        ([run(1, None, T[5], a=DONE)], wish("a", format="csv"), "holds an export as jsonl, not as csv"),
        ([run(1, None, T[5], a=DONE)], wish("a", partition="day"), "not as jsonl, one file a day"),
    ],
)
def test_what_a_folder_holds_is_not_mixed_with_something_else(runs: list[Run], asked: Wish, words: str) -> None:
    """The error says what is there, what was asked for, and what to do."""
    found = folder_of(*runs)
    with pytest.raises(ConfigurationError, match=words):
        plan(found, asked, T[9])

    assert folder_of(*runs) == found


def test_a_manifest_is_what_was_saved(tmp_path: Path) -> None:
    """All of it, for its owner only, and nothing beside it."""
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
    """Nor where there is no folder."""
    assert (None, None) == (load(tmp_path), load(tmp_path / "none"))


GOOD: dict[str, Any] = {"hubapi_export": 1, "format": "jsonl", "partition": None, "runs": [], "seams": {}}
RUN: dict[str, Any] = {"number": 1, "asked_since": None, "asked_until": None, "until": T[1], "accounts": {}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no manifest of an export: Input data was truncated"),
        (json.dumps(GOOD)[:-20], "is no manifest of an export"),
        (bytes(100), "is no manifest of an export"),
        (b"\xff\xfe", "is no manifest of an export"),
        ("[]", "is no manifest of an export"),
        ('{"manifest_version": 3}', "is no manifest of an export: .*`hubapi_export`"),
        ({**GOOD, "hubapi_export": 2, "runs": {"of": "another kind"}}, "is of another version of hubapi: 2, not 1"),
        ({**GOOD, "runs": [{**RUN, "until": "yesterday"}]}, r"is no manifest of an export: .*runs\[0\]"),
        ({**GOOD, "runs": [{**RUN, "until": "2026-01-01T00:00:00"}]}, "is no manifest .* has no time zone"),
        ({**GOOD, "runs": [{**RUN, "until": None}]}, r"is no manifest of an export: .*runs\[0\]\.until"),
        ({**GOOD, "runs": [{**RUN, "accounts": {"a": {"since": ""}}}]}, "is no manifest of an export"),
        ({**GOOD, "runs": [{**RUN, "accounts": {"a": {"state": "new"}}}]}, "is no manifest of an export"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: bytes | str | dict[str, Any], words: str) -> None:
    """Torn, someone else's, or changed by hand: its path is in the error, and it stays as it is."""
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
    """As long as it says that it is of this version."""
    (tmp_path / "manifest.json").write_text(json.dumps({**GOOD, "new": 1, "runs": [{**RUN, "new": [2]}]}))

    assert folder_of(run(1, None, T[1])) == load(tmp_path)


def test_totals_are_over_all_accounts() -> None:
    """By action or by day."""
    logs = {"a": Log(actions={"x": 1, "y": 2}, days={"2026-01-01": 3}), "b": Log(actions={"x": 4}), "c": FAILED}

    assert ({"x": 5, "y": 2}, {"2026-01-01": 3}) == (totals(logs, "actions"), totals(logs, "days"))
