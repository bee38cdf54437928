"""The options of an export: checked once, before anything is sent or written."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from hubapi import ConfigurationError, OrgAccessToken
from hubapi.export import ExportOptions

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def options(**given: Any) -> ExportOptions:
    return ExportOptions(**{"accounts": ["acme"], "to": Path("logs"), **given})


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "no accounts"),
        (["a", ""], "'' is not an account name"),
        (["../a"], "not an account name"),
        (["a/b"], "not an account name"),
        ([".a"], "not an account name"),
        (["a@2"], "not an account name"),
        (["a\n"], "not an account name"),
        (["a", "A"], "'a' and 'A' are the same account"),
    ],
)
def test_names_that_cannot_be_files_are_refused(names: list[str], words: str) -> None:
    """Also two that would share a file on a disk that ignores case."""
    with pytest.raises(ConfigurationError, match=words):
        options(accounts=names)


def test_an_account_named_twice_is_exported_once() -> None:
    """In the order of its first mention."""
    assert ("b", "a-1_x.y") == options(accounts=iter(["b", "a-1_x.y", "b"])).accounts


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"format": "xml"}, "format is 'xml'; the formats are jsonl,"),
        ({"partition": "hour"}, "partition is 'hour'; give 'day', or None"),
        ({"concurrency": 0}, "concurrency is 0; give 1 or more"),
        ({"since": "yesterday"}, "since is 'yesterday'; give a datetime, a date or 'last'"),
        ({"since": datetime(2026, 1, 1)}, "has no time zone"),  # noqa: DTZ001 - that is the mistake
        ({"since": NEW_YEAR, "until": NEW_YEAR}, "the window is empty: since is 2026-01-01T00:00:00Z, and until is"),
        ({"since": NEW_YEAR, "until": date(2025, 12, 31)}, "until is 2025-12-31T00:00:00Z"),
        ({"until": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))}, "outside the years 1 to 9999"),
    ],
)
def test_options_that_cannot_work_are_refused(given: dict[str, Any], words: str) -> None:
    """With what to give instead."""
    with pytest.raises(ConfigurationError, match=words):
        options(**given)


@pytest.mark.parametrize(
    ("since", "until", "window"),
    [
        (None, None, (None, None)),
        ("last", None, ("last", None)),
        ("last", NEW_YEAR, ("last", "2026-01-01T00:00:00Z")),
        (date(2025, 1, 1), None, ("2025-01-01T00:00:00Z", None)),
        (
            datetime(2025, 1, 1, 3, tzinfo=timezone(timedelta(hours=3))),
            NEW_YEAR,
            ("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ),
    ],
)
def test_the_window_is_recorded_in_utc(since: Any, until: Any, window: tuple[str | None, str | None]) -> None:
    """Whatever the options were given as."""
    assert window == options(since=since, until=until).window


def test_no_secret_is_shown() -> None:
    """Options may be logged."""
    assert "canary" not in repr(options(credentials={"acme": OrgAccessToken("acme", "dckr_oat_canary")}))
