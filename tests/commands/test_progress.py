"""The progress of an export, as shown in a terminal and in a log."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from time import monotonic

import pytest
from attrs import define
from rich.console import Console

from hubapi import AsyncHub, Forbidden, HubError, Password, PauseEvent, RetryEvent
from hubapi.commands.progress import Pauses, _Lines, _Screen, _View, _window, show_export
from hubapi.commands.progress_state import ProgressState
from hubapi.export import ExportOptions, Progress
from hubapi.testing import FakeHub

UNTIL = datetime(2026, 1, 11, tzinfo=UTC)
WINDOW = (UNTIL - timedelta(10), UNTIL)


@define
class Time:
    s: float = 1000.0

    def __call__(self) -> float:
        return self.s


def a_pause(seconds: float) -> PauseEvent:
    return PauseEvent(operation="audit_logs.export", attempt=1, status=429, seconds=seconds)


def progress(account: str, pages: int, *, done: bool = False, error: HubError | None = None) -> Progress:
    reached = UNTIL - timedelta(pages)
    return Progress(account=account, events=pages * 100, pages=pages, reached=reached, done=done, error=error)


def view(accounts: int, now: Callable[[], float] = monotonic) -> _View:
    return _View(AsyncHub(), ProgressState(accounts, WINDOW, now), Pauses(), logins=1)


# --- in a terminal


def screen(seen: _View, *, width: int = 80, height: int = 24) -> list[str]:
    """Return what a terminal of that size shows."""
    output = StringIO()
    console = Console(file=output, force_terminal=True, width=width, height=height, color_system=None)
    console.print(_Screen(seen, console)._render())
    return output.getvalue().splitlines()


def test_hundreds_of_running_accounts_fit_into_a_small_terminal() -> None:
    """The last that finished, as many as there is room for, and how many more there are; no line is too long."""
    seen = view(500)
    for number in range(300):
        name = f"a-name-of-thirty-characters-{number:03}"
        seen.update(progress(name, 3))
        if number % 3 == 0:
            error = Forbidden("403 forbidden. Likely cause: " + "a long word or two " * 8) if number % 2 else None
            seen.update(progress(name, 3, done=True, error=error))

    shown = screen(seen)

    assert 24 > len(shown)
    assert 80 >= max(map(len, shown))
    assert "✗✓✗" == "".join(line[0] for line in shown[1:4])
    assert "✓ a-name-of-thirty-characters-2…         300       3" == shown[2].rstrip()
    assert "✗ a-name-of-thirty-characters-2…  403 forbidden. Likely cause: a long word or t…" == shown[3]
    more = next(line for line in shown if line.endswith("more running"))
    assert 200 == sum("-01-08 00:00   30 %" in line for line in shown) + int(more.split()[1])
    assert "100 of 500 organisations (50 failed), 90,000 events, 900 pages" in shown


@pytest.mark.parametrize("size", [(40, 10), (20, 3), (200, 60)])
def test_the_view_fits_other_terminals_too(size: tuple[int, int]) -> None:
    """In width; in height it takes what it needs."""
    seen = view(50)
    for number in range(30):
        seen.update(progress(f"org-{number}", 3, done=number % 2 == 0))

    assert size[0] >= max(map(len, screen(seen, width=size[0], height=size[1])))


def test_before_the_first_page_there_is_no_table() -> None:
    """Just that nothing is done yet."""
    assert ["0 of 3 organisations, 0 events, 0 pages", "0 s so far"] == screen(view(3))[1:]


def test_a_pause_is_counted_down() -> None:
    """The pause that ends last counts; other events are ignored."""
    seen = view(3)
    seen.pauses.on_event(RetryEvent(operation="audit_logs.export", attempt=1, status=503, seconds=5000))
    assert not [line for line in screen(seen) if "paused" in line]

    seen.pauses.on_event(a_pause(7200))
    seen.pauses.on_event(a_pause(2))

    assert [line for line in screen(seen) if "paused by the server (429): 2 h" in line]


# --- in a log


def log(accounts: int) -> tuple[_Lines, Time, StringIO]:
    output, time = StringIO(), Time()
    lines = _Lines(view(accounts, time), Console(file=output, width=80))
    lines.view.pauses.display = lines
    return lines, time, output


def test_a_log_has_a_line_for_each_account_that_finishes() -> None:
    """However long it is, with the reason of those that failed."""
    reason = "403 forbidden. Likely cause: " + "a long word or two " * 8
    lines, _, output = log(3)
    with lines:
        lines.show(progress("acme", 2))
        lines.show(progress("acme", 3, done=True))
        lines.show(progress("theirs", 0, done=True, error=Forbidden(reason)))
        lines.show(Progress(account="early", events=900, pages=0, done=True))

    assert [
        "acme: 300 events",
        f"theirs: failed: {reason}",
        "early: 900 events, finished by an earlier run",
    ] == output.getvalue().splitlines()


def test_a_log_has_the_totals_once_a_minute() -> None:
    """Otherwise there might be no line for hours."""
    lines, time, output = log(2)
    with lines:
        for page in range(1, 6):
            time.s += 25
            lines.show(progress("acme", page))

    assert [
        "0 of 2 organisations, 300 events, 3 pages; 1 min 15 s so far, about 6 min left",
    ] == output.getvalue().splitlines()


def test_a_log_has_a_line_when_a_pause_begins() -> None:
    """Not one for each request that meets it."""
    lines, _, output = log(2)
    for seconds in (3000, 3000, 4000):
        lines.view.pauses.on_event(a_pause(seconds))

    assert ["paused by the server (429): 50 min"] == output.getvalue().splitlines()


# --- all of it


@pytest.mark.parametrize(
    ("since", "until", "window"),
    [
        (date(2026, 1, 1), datetime(2026, 1, 11, tzinfo=UTC), (UNTIL - timedelta(10), UNTIL)),
        (None, UNTIL, None),
        ("last", UNTIL, None),
        (datetime(2999, 1, 1, tzinfo=UTC), datetime(2999, 1, 2, tzinfo=UTC), None),
    ],
)
def test_a_share_is_only_known_of_a_window(
    since: date | str | None, until: datetime, window: tuple[datetime, datetime] | None
) -> None:
    """If both of its ends are known, and the beginning is past."""
    assert window == _window(ExportOptions(accounts=["acme"], to=Path(), since=since, until=until))


@pytest.mark.anyio
@pytest.mark.parametrize("terminal", [True, False])
async def test_an_export_is_shown(fake: FakeHub, tmp_path: Path, *, terminal: bool) -> None:
    """In both, with the requests that the rate limit leaves."""
    output = StringIO()
    console = Console(
        file=output, force_terminal=terminal, force_interactive=terminal, width=80, height=24, color_system=None
    )
    pauses = Pauses()
    async with AsyncHub(Password("moby", "hunter2-hunter2"), transport=fake.transport()) as hub:
        report = await show_export(
            hub,
            ExportOptions(accounts=["acme"], to=tmp_path, since=datetime(2020, 1, 1, tzinfo=UTC)),
            console=console,
            pauses=pauses,
        )

    assert 250 == report.events
    assert "acme" in output.getvalue()
    assert terminal == ("\x1b[?25l" in output.getvalue())
    assert isinstance(pauses.display, _Screen if terminal else _Lines)
    assert "of 600 requests left" in pauses.display.view.limits()
