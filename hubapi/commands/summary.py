"""The summary of an export: for a person, and as JSON."""

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hubapi._datetimes import format_timestamp, parse_day
from hubapi.commands.console import print_line, some_of
from hubapi.errors import HubError, shorten
from hubapi.export import AccountReport, ExportReport
from hubapi.export.log_writer import UNDATED

_TOP = 10  # actions
_LABEL = 34  # columns
_BAR = 40
_FAILED = "failed"


# --- for a person


def print_summary(report: ExportReport, console: Console, *, kept: bool = True) -> None:
    """Print the numbers of an export, its events by action and by time, what failed, and what to do next.

    Args:
        report: The report of the export.
        console: Where to print.
        kept: Whether the files are kept.
    """
    console.print(_numbers(report))
    most = Counter(report.actions).most_common(_TOP)
    others = sum(report.actions.values()) - sum(count for _, count in most)
    actions = [(shorten(action) or "(none)", count) for action, count in most]
    if others:
        actions.append((f"{len(report.actions) - _TOP} others", others))
    unit, spans = by_time(report.days)
    times = f"Events by {unit}" + (", each by its Monday" if unit == "week" else "")
    for heading, counts in (("Events by action", actions), (times, spans)):
        if counts:
            console.print(Text(f"\n{heading}", style="bold"))
            console.print(_bars(counts, console.width))
    console.print()
    _print_rest([*_failures(report), *(_next(report) if kept else ())], console)


def _numbers(report: ExportReport) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", style="bold")
    table.add_column()
    days = sorted(set(report.days) - {UNDATED})
    span = f", {days[0]} to {days[-1]}" if days else ""
    for number, what in (
        (f"{len(report.accounts) - len(report.failed):,} of {len(report.accounts):,}", "organisations"),
        (f"{report.events:,}", f"events{span}"),
        (f"{report.requests:,}", "requests"),
        (f"{report.logins:,}", "login" if report.logins == 1 else "logins"),
        (f"{report.rate_limited:,}", "rate limited (429)"),
        (f"{report.paused_s:.1f} s", "waited for the rate limit"),
        (f"{report.seconds:.1f} s", "in total"),
    ):
        table.add_row(number, what)
    return table


def _bars(counts: Sequence[tuple[str, int]], width: int) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=_LABEL)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True)
    label = min(_LABEL, max(len(name) for name, _ in counts))
    number = max(len(f"{count:,}") for _, count in counts)
    most = max(count for _, count in counts)
    for name, count in counts:
        bar = Bar(most or 1, 0, count, width=max(10, min(_BAR, width - label - number - 6)))
        table.add_row(Text(name), f"{count:,}", bar)
    return table


def _print_rest(rest: Sequence[tuple[str, str]], console: Console) -> None:
    """Print texts with their labels: in two columns in a terminal, each on one line in a log."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for label, text in rest:
        table.add_row(Text(label, style="red" if label == _FAILED else "bold"), Text(text))
        if not console.is_terminal:
            print_line(console, f"{label}: {text}")
    if console.is_terminal:
        console.print(table)


def _failures(report: ExportReport) -> list[tuple[str, str]]:
    """Return the accounts that failed, by their error."""
    found: dict[str, list[str]] = {}
    for account in report.failed:
        if account.error is not None:
            found.setdefault(account.error.reason, []).append(account.account)
    return [(_FAILED, f"{some_of(names)}: {reason}") for reason, names in found.items()]


def _next(report: ExportReport) -> list[tuple[str, str]]:
    """Return the place of the files, and the next commands."""
    folder = shlex.quote(str(report.folder))
    found = [("files", f"in {folder}; its manifest.json lists them")]
    if report.failed:
        found.append(("to retry", "run the same command again: finished accounts are kept"))
    elif not any(account.pages for account in report.accounts):
        found.append(("nothing to do", "everything was there already; for newer events: --since last, without --until"))
    return [*found, ("to check", f"hubapi verify {folder}")]


def by_time(days: Mapping[str, int]) -> tuple[str, list[tuple[str, int]]]:
    """Return the unit of a few spans of time, and the spans with their events, also those without any.

    Args:
        days: Events by day, such as `2026-01-31`; or `undated`.

    Example:
        >>> by_time({"2026-02-01": 1, "2026-01-30": 3})
        ('day', [('2026-01-30', 3), ('2026-01-31', 0), ('2026-02-01', 1)])
    """
    dated: Counter[date] = Counter()
    undated = 0
    for text, count in days.items():
        if day := parse_day(text):
            dated[day] += count
        else:  # the server's times can be anything
            undated += count
    rest = [(UNDATED, undated)] if undated else []
    if not dated:
        return "day", rest
    first, length = min(dated), (max(dated) - min(dated)).days + 1
    unit, name_of = next(((unit, name_of) for unit, most, name_of in _SPANS if length <= most), _YEAR)
    spans = {name_of(first + timedelta(n)): 0 for n in range(length if unit != "year" else 0)}
    for day in sorted(dated):
        spans[name_of(day)] = spans.get(name_of(day), 0) + dated[day]
    return unit, [*spans.items(), *rest]


# The unit, the most days it is used for, and the name of a day's span.
_SPANS: Sequence[tuple[str, int, Callable[[date], str]]] = (
    ("day", 14, date.isoformat),
    ("week", 98, lambda day: f"{day - timedelta(day.weekday())}"),
    ("month", 731, lambda day: f"{day:%Y-%m}"),
)
_YEAR: tuple[str, Callable[[date], str]] = ("year", lambda day: f"{day.year}")


# --- as JSON


def as_json(report: ExportReport) -> dict[str, object]:
    """Return the report of an export in plain values."""
    return {
        "state": "partial" if report.failed else "done",
        "folder": str(report.folder),
        "until": format_timestamp(report.until),
        "accounts": [_account_as_json(account) for account in report.accounts],
        "events": report.events,
        "failed": len(report.failed),
        "actions": dict(report.actions),
        "days": dict(report.days),
        "requests": report.requests,
        "rate_limited": report.rate_limited,
        "logins": report.logins,
        "paused_s": round(report.paused_s, 3),
        "seconds": round(report.seconds, 3),
    }


def _account_as_json(account: AccountReport) -> dict[str, object]:
    return {
        "account": account.account,
        "state": "done" if account.error is None else "failed",
        "events": account.events,
        "pages": account.pages,
        "repeated": account.repeated,
        "files": [str(path) for path in account.files],
        "error": None if account.error is None else error_as_json(account.error),
    }


def error_as_json(error: HubError) -> dict[str, object]:
    """Return an error in plain values."""
    return {"kind": type(error).__name__, "message": error.reason}
