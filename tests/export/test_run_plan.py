"""The rules by which an export begins a run in a folder, continues one, or is refused."""

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from hubapi import ConfigurationError
from hubapi._datetimes import parse_timestamp
from hubapi.export import ExportOptions
from hubapi.export.manifest import Log, Run
from hubapi.export.run_plan import plan_run
from tests.export.manifests import DONE, FAILED, WAITING, T, folder_of, run


def options(*accounts: str, since: str | None = None, until: str | None = None, **form: Any) -> ExportOptions:
    return ExportOptions(
        accounts=accounts,
        to=Path(),
        since=since if since in {None, "last"} else parse_timestamp(since),
        until=None if until is None else parse_timestamp(until),
        **form,
    )


def test_a_new_folder_begins_with_a_run() -> None:
    """Its window ends at the latest time that is settled."""
    manifest = plan_run(None, options("a", "b", since=T[1]), T[9])

    assert folder_of(run(1, T[1], T[9], a=Log(since=T[1]), b=Log(since=T[1]))) == manifest


@pytest.mark.parametrize(
    ("until", "latest", "ends"),
    [(None, T[9], T[9]), (T[5], T[9], T[5]), (T[12], T[9], T[9]), ("2026-01-06T03:00:00+03:00", T[9], T[5])],
)
def test_a_window_ends_where_asked_but_not_before_it_is_settled(until: str | None, latest: str, ends: str) -> None:
    """Whatever zone it is given in."""
    manifest = plan_run(None, options("a", until=until), latest)

    (first,) = manifest.runs
    assert ends == first.until
    assert (until and parse_timestamp(until)) == (first.asked_until and parse_timestamp(first.asked_until))


@pytest.mark.parametrize("since", [None, T[1], "last"])
@pytest.mark.parametrize("asked_until", [None, T[7]])
@pytest.mark.parametrize("rest", [WAITING, FAILED])
def test_an_interrupted_run_is_continued_with_its_own_window(
    since: str | None, asked_until: str | None, rest: Log
) -> None:
    """However much later, and with accounts that were added in the meantime."""
    found = folder_of(run(1, since, T[5], asked_until=asked_until, a=DONE, b=WAITING, c=rest))

    manifest = plan_run(found, options("a", "b", "c", "d", since=since, until=asked_until), T[20])

    new = Log(since=None if since == "last" else since)
    assert folder_of(run(1, since, T[5], asked_until=asked_until, a=DONE, b=WAITING, c=rest, d=new)) == manifest


@pytest.mark.parametrize("since", [None, T[1]])
def test_a_finished_run_is_not_repeated(since: str | None) -> None:
    """There is nothing to do; failed accounts are tried again, new ones are read up to the same end."""
    found = folder_of(run(1, since, T[5], a=DONE, b=FAILED))

    manifest = plan_run(found, options("a", "b", "c", since=since), T[20])

    assert folder_of(run(1, since, T[5], a=DONE, b=FAILED, c=Log(since=since))) == manifest


@pytest.mark.parametrize("since", [None, T[1], "last"])
def test_the_next_run_begins_where_each_account_ended(since: str | None) -> None:
    """A failed account begins at its earlier beginning, a new one at the beginning of its log."""
    first = run(1, since, T[5], a=DONE, b=evolve(FAILED, since=T[1]), c=FAILED)
    second = run(2, "last", T[8], a=evolve(FAILED, since=T[5]), b=evolve(FAILED, since=T[1]), c=DONE)

    once = plan_run(folder_of(first), options("a", "b", "c", "d", since="last"), T[9])
    twice = plan_run(folder_of(first, second), options("a", "b", "c", "d", since="last"), T[9])

    assert [T[5], T[1], None, None] == [log.since for log in once.runs[1].accounts.values()]
    assert [T[5], T[1], T[8], None] == [log.since for log in twice.runs[2].accounts.values()]
    assert ([1, 2, 3], T[9]) == ([run.number for run in twice.runs], twice.runs[2].until)


def test_an_account_that_was_dropped_holds_up_no_other() -> None:
    """Otherwise an organisation that was deleted would stop the export for good."""
    found = folder_of(run(1, "last", T[5], a=DONE, gone=WAITING))

    manifest = plan_run(found, options("a", since="last"), T[9])

    assert (2, {"a": Log(since=T[5])}) == (manifest.runs[-1].number, manifest.runs[-1].accounts)


@pytest.mark.parametrize("latest", [T[5], T[4]])
def test_a_clock_that_is_behind_makes_an_empty_window_not_one_that_ends_before_it_begins(latest: str) -> None:
    """Within a second, the clocks of two of the server's machines may differ."""
    manifest = plan_run(folder_of(run(1, "last", T[5], a=DONE)), options("a", since="last"), latest)

    assert (T[5], T[5]) == (manifest.runs[-1].until, manifest.runs[-1].accounts["a"].since)


@pytest.mark.parametrize(
    ("runs", "asked", "words"),
    [
        ([], options("a", since=T[9]), "the window is empty: since is .*, and until is"),
        ([run(1, "last", T[5], a=DONE)], options("a", since="last", until=T[4]), "the window is empty: since is .*"),
        (
            [run(1, None, T[5], a=DONE)],
            options("a", since=T[1]),
            "from the beginning to the present, not from 2026-01-02",
        ),
        ([run(1, T[1], T[5], a=DONE)], options("a"), r"continue from its end with since='last', or use another folder"),
        ([run(1, None, T[5], a=DONE)], options("a", until=T[5]), "not from the beginning to 2026-01-06T00:00:00Z"),
        ([run(1, None, T[5], a=WAITING)], options("a", since=T[1]), "that is not finished: run that again"),
        ([run(1, None, T[5], a=WAITING)], options("a", since="last"), "that is not finished: run that again"),
        ([run(1, "last", T[5], a=WAITING)], options("a"), "from last to the present that is not finished"),
        ([run(1, "last", T[5], a=DONE)], options("a"), "not from the beginning to the present"),
        ([run(1, None, T[5], a=DONE)], options("a", format="csv"), "holds an export as jsonl, not as csv"),
        ([run(1, None, T[5], a=DONE)], options("a", partition="day"), "not as jsonl with one file per day"),
    ],
)
def test_different_exports_are_not_mixed_in_a_folder(runs: list[Run], asked: ExportOptions, words: str) -> None:
    """The error names both, and what to do."""
    found = folder_of(*runs)
    with pytest.raises(ConfigurationError, match=words):
        plan_run(found, asked, T[9])

    assert folder_of(*runs) == found
