"""The summary of an export, as text and as JSON."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from hubapi import Forbidden, HubError, NoResponseError
from hubapi.commands.console import duration
from hubapi.commands.summary import as_json, by_time, print_summary
from hubapi.export import AccountReport, ExportReport

UNTIL = datetime(2026, 2, 1, tzinfo=UTC)


def report(*accounts: AccountReport, actions: dict[str, int] | None = None, **days: int) -> ExportReport:
    return ExportReport(
        accounts=accounts,
        folder=Path("my logs"),
        until=UNTIL,
        actions=actions or {},
        days={day.replace("_", "-").removeprefix("d"): count for day, count in days.items()},
        requests=1234,
    )


def printed(found: ExportReport, *, terminal: bool = True, width: int = 80) -> str:
    output = StringIO()
    console = Console(file=output, force_terminal=terminal, width=width, color_system=None, legacy_windows=False)
    print_summary(found, console)
    return output.getvalue()


def failed(account: str, error: HubError) -> AccountReport:
    return AccountReport(account=account, error=error)


def test_it_has_the_numbers_and_the_next_commands() -> None:
    """The commands can be pasted."""
    words = printed(report(AccountReport(account="acme", events=5, pages=1), d2026_01_30=3, d2026_01_31=2))

    assert "1 of 1  organisations" in words
    assert "5  events, 2026-01-30 to 2026-01-31" in words
    assert "to check  hubapi verify 'my logs'" in words
    assert "to retry" not in words


def test_days_are_bars_in_proportion() -> None:
    """The longest is as long as bars are, one without events is none."""
    words = printed(report(AccountReport(account="acme", events=6, pages=1), d2026_01_29=4, d2026_01_31=2))

    bars = {line.split()[0]: line.count("█") for line in words.splitlines() if line.startswith("2026")}
    assert {"2026-01-29": 40, "2026-01-30": 0, "2026-01-31": 20} == bars


def test_the_ten_most_frequent_actions_are_named() -> None:
    """The others are one; what the server calls them can't steer a terminal, nor break a line."""
    actions = {f"repo.action.{n}": 100 - n for n in range(14)} | {"bad\x1b[31m\naction": 1000, "x" * 90: 999, "": 500}
    lines = printed(report(AccountReport(account="acme", events=1), actions=actions)).splitlines()

    start = lines.index("Events by action") + 1
    names = [line.split("  ")[0] for line in lines[start : start + 11]]
    assert ["bad [31m action", "x" * 33 + "…", "(none)", *(f"repo.action.{n}" for n in range(7)), "7 others"] == names


def test_nothing_is_wider_than_the_terminal() -> None:
    """Errors are wrapped at words, next to the accounts."""
    accounts = [AccountReport(account="acme", events=10**9, pages=1)]
    accounts += [
        failed(f"org-{n}", Forbidden("403 forbidden. Likely cause: " + "a long word or two " * 8)) for n in (1, 2)
    ]
    lines = printed(report(*accounts, actions={"x" * 90: 10**9}, d2026_01_29=10**9)).splitlines()

    assert 80 >= max(map(len, lines))
    start = next(number for number, line in enumerate(lines) if line.startswith("failed"))
    assert lines[start].startswith("failed    org-1, org-2: 403 forbidden. Likely cause: a long")
    assert lines[start + 1].startswith("          ")


def test_a_log_has_each_failure_on_one_line() -> None:
    """So that it can be searched."""
    reason = "403 forbidden. Likely cause: " + "a long word or two " * 8
    words = printed(report(failed("theirs", Forbidden(reason))), terminal=False)

    assert f"failed: theirs: {reason}" in words.splitlines()
    assert "to retry: run the same command again: finished accounts are kept" in words.splitlines()


def test_failures_are_grouped_by_their_errors() -> None:
    """A hundred accounts with the same error are one line, which names some of them."""
    accounts = [failed(f"org-{n:03}", Forbidden("403 forbidden")) for n in range(100)]
    words = printed(report(*accounts, failed("other", NoResponseError("no answer"))), terminal=False)

    names = ", ".join(f"org-{n:03}" for n in range(8))
    assert [f"failed: {names} and 92 more: 403 forbidden", "failed: other: no answer"] == [
        line for line in words.splitlines() if line.startswith("failed")
    ]
    assert "0 of 101  organisations" in words


def test_it_says_if_nothing_was_to_do() -> None:
    """And how to get newer events."""
    words = printed(report(AccountReport(account="acme", events=5, pages=0)), terminal=False)

    assert "nothing to do: everything was there already; for newer events: --since last, without --until" in words


@pytest.mark.parametrize(
    ("days", "unit", "spans"),
    [
        ({}, "day", []),
        (
            {"2026-01-14": 1, "2026-01-01": 2},
            "day",
            [("2026-01-01", 2), *((f"2026-01-{n:02}", 0) for n in range(2, 14)), ("2026-01-14", 1)],
        ),
        (
            {"2026-01-01": 2, "2026-01-15": 1, "undated": 4},
            "week",
            [("2025-12-29", 2), ("2026-01-05", 0), ("2026-01-12", 1), ("undated", 4)],
        ),
        (
            {"2025-11-30": 2, "2026-03-15": 1},
            "month",
            [("2025-11", 2), ("2025-12", 0), ("2026-01", 0), ("2026-02", 0), ("2026-03", 1)],
        ),
        ({"0001-01-01": 1, "2026-03-15": 1, "2026-03-16": 1}, "year", [("1", 1), ("2026", 2)]),
        ({"2026-13-45": 1, "undated": 1}, "day", [("undated", 2)]),
    ],
)  # fmt: skip
def test_times_are_grouped_into_a_few_spans(days: dict[str, int], unit: str, spans: list[tuple[str, int]]) -> None:
    """Days if they are few, else weeks, months or years; also those without an event, except years."""
    assert (unit, spans) == by_time(days)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (0.4, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (90061, "25 h 1 min")],
)
def test_a_duration_has_two_units_at_most(seconds: float, words: str) -> None:
    """None of them is zero."""
    assert words == duration(seconds)


def test_as_json_it_names_every_account() -> None:
    """A failed account has the kind of its error and its message."""
    done = AccountReport(account="acme", events=5, pages=1, files=(Path("my logs", "acme.jsonl"),))
    found = json.loads(json.dumps(as_json(report(done, failed("theirs", Forbidden("403 forbidden")), d2026_01_30=5))))

    assert ("partial", "my logs", "2026-02-01T00:00:00Z") == (found["state"], found["folder"], found["until"])
    assert (5, 1, {"2026-01-30": 5}, 1234) == (found["events"], found["failed"], found["days"], found["requests"])
    assert [
        {
            "account": "acme",
            "state": "done",
            "events": 5,
            "pages": 1,
            "repeated": 0,
            "files": ["my logs/acme.jsonl"],
            "error": None,
        },
        {
            "account": "theirs",
            "state": "failed",
            "events": 0,
            "pages": 0,
            "repeated": 0,
            "files": [],
            "error": {"kind": "Forbidden", "message": "403 forbidden"},
        },
    ] == found["accounts"]
    assert "done" == as_json(report(done))["state"]
