"""What an export came to, in the end: for a person, and as JSON."""

import shlex
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from io import TextIOWrapper

from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hubapi.errors import HubError, shorten
from hubapi.export.log_writer import UNDATED
from hubapi.export.report import AccountReport, ExportReport

_TOP = 10  # actions
_NAMED = 8  # accounts that failed alike
_LABEL = 34  # columns
_BAR = 40
_FAILED = "failed"


def new_console(*, stderr: bool = False) -> Console:
    """Return where to print: to standard output or standard error, which shows `?` for what it has no character for."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")
    return Console(stderr=stderr)


def say(console: Console, words: str | Text) -> None:
    """Print some words: wrapped in a terminal, on one line in a log."""
    console.print(words, soft_wrap=not console.is_terminal, markup=False, highlight=False)


def duration(seconds: float, *, coarse: bool = False) -> str:
    """Say how long something takes, in two units at most.

    Args:
        seconds: How many.
        coarse: Whether it is a guess: then minutes are not split.

    Example:
        >>> duration(7), duration(125), duration(7300), duration(115, coarse=True)
        ('7 s', '2 min 5 s', '2 h 1 min', '2 min')
    """
    whole = max(0, round(seconds))
    whole = 60 * round(whole / 60) if coarse and whole >= 60 else whole
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    parts = [f"{hours} h"] * (hours > 0) + [f"{minutes} min"] * (minutes > 0) + [f"{rest} s"] * (rest > 0)
    return " ".join(parts[:2]) or "0 s"


# --- for a person


def print_summary(report: ExportReport, console: Console, *, kept: bool = True) -> None:
    """Print what an export did: how much, of what, when, what failed; where it is, and what to do next.

    Args:
        report: The export.
        console: Where to print.
        kept: Whether the files are still there afterwards.
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
        (f"{report.rate_limited:,}", "answered with 429"),
        (f"{report.paused_s:.1f} s", "waited for the rate limit"),
        (f"{report.seconds:.1f} s", "in all"),
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
    """Print what has a name, side by side in a terminal, each on one line in a log."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for what, words in rest:
        name = Text(what, style="red" if what == _FAILED else "bold")
        table.add_row(name, Text(words))
        if not console.is_terminal:
            say(console, f"{what}: {words}")
    if console.is_terminal:
        console.print(table)


def _failures(report: ExportReport) -> list[tuple[str, str]]:
    """Return what failed, by what it failed with."""
    found: dict[str, list[str]] = {}
    for account in report.failed:
        if account.error is not None:
            found.setdefault(account.error.reason, []).append(account.account)
    return [(_FAILED, f"{_some(names)}: {reason}") for reason, names in found.items()]


def _next(report: ExportReport) -> list[tuple[str, str]]:
    """Return where the files are, and what to do next."""
    folder = shlex.quote(str(report.folder))
    found = [("files", f"in {folder}; its manifest.json lists them")]
    if report.failed:
        found.append(("to retry", "run the same command again: it keeps what is finished"))
    elif not any(account.pages for account in report.accounts):
        found.append(("nothing to do", "all of it was there already; for what is new since: --since last, no --until"))
    return [*found, ("to check", f"hubapi verify {folder}")]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def by_time(days: Mapping[str, int]) -> tuple[str, list[tuple[str, int]]]:
    """Return a few spans of time with their events, those without any among them, and what the spans are called.

    Args:
        days: Events by day, such as `2026-01-31`; or `undated`.

    Example:
        >>> by_time({"2026-02-01": 1, "2026-01-30": 3})
        ('day', [('2026-01-30', 3), ('2026-01-31', 0), ('2026-02-01', 1)])
    """
    dated: Counter[date] = Counter()
    undated = 0
    for text, count in days.items():
        try:
            dated[date.fromisoformat(text)] += count
        except ValueError:  # what the server says of when may be anything
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


# How many days may be shown so.
_SPANS: Sequence[tuple[str, int, Callable[[date], str]]] = (
    ("day", 14, date.isoformat),
    ("week", 98, lambda day: f"{day - timedelta(day.weekday())}"),
    ("month", 731, lambda day: f"{day:%Y-%m}"),
)
_YEAR: tuple[str, Callable[[date], str]] = ("year", lambda day: f"{day.year}")


# --- as JSON


def as_json(report: ExportReport) -> dict[str, object]:
    """Return what an export came to, in plain values."""
    return {
        "state": "partial" if report.failed else "done",
        "folder": str(report.folder),
        "until": report.until.isoformat().replace("+00:00", "Z"),
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
    """Return what went wrong, in plain values."""
    return {"kind": type(error).__name__, "message": error.reason}
