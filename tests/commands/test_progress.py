"""What a person sees of an export under way: in a terminal, and in a log."""

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
from hubapi.commands.progress_state import Standing
from hubapi.export import Progress
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


def news(account: str, pages: int, *, done: bool = False, error: HubError | None = None) -> Progress:
    reached = UNTIL - timedelta(pages)
    return Progress(account=account, events=pages * 100, pages=pages, reached=reached, done=done, error=error)


def view(accounts: int, now: Callable[[], float] = monotonic) -> _View:
    return _View(AsyncHub(), Standing(accounts, WINDOW, now), Pauses(), logins=1)


# --- in a terminal


def screen(seen: _View, *, width: int = 80, height: int = 24) -> list[str]:
    """Return what a terminal of that size shows."""
    output = StringIO()
    console = Console(file=output, force_terminal=True, width=width, height=height, color_system=None)
    console.print(_Screen(seen, console)._render())
    return output.getvalue().splitlines()


def test_hundreds_under_way_fit_into_a_small_terminal() -> None:
    """The last that ended, as many as there is room for, and how many more there are; no line is too long."""
    seen = view(500)
    for number in range(300):
        name = f"a-name-of-thirty-characters-{number:03}"
        seen.take(news(name, 3))
        if number % 3 == 0:
            error = Forbidden("403 forbidden. Likely cause: " + "a long word or two " * 8) if number % 2 else None
            seen.take(news(name, 3, done=True, error=error))

    shown = screen(seen)

    assert 24 > len(shown)
    assert 80 >= max(map(len, shown))
    assert "✗✓✗" == "".join(line[0] for line in shown[1:4])
    assert "✓ a-name-of-thirty-characters-2…         300       3" == shown[2].rstrip()
    assert "✗ a-name-of-thirty-characters-2…  403 forbidden. Likely cause: a long word or t…" == shown[3]
    more = next(line for line in shown if line.endswith("more under way"))
    assert 200 == sum("-01-08 00:00   30 %" in line for line in shown) + int(more.split()[1])
    assert "100 of 500 organisations (50 failed), 90,000 events, 900 pages" in shown


@pytest.mark.parametrize("size", [(40, 10), (20, 3), (200, 60)])
def test_other_terminals_are_not_overflown_either(size: tuple[int, int]) -> None:
    """In width; of the height it takes what it needs."""
    seen = view(50)
    for number in range(30):
        seen.take(news(f"org-{number}", 3, done=number % 2 == 0))

    assert size[0] >= max(map(len, screen(seen, width=size[0], height=size[1])))


def test_before_the_first_news_there_is_no_table() -> None:
    """Just that nothing is done yet."""
    assert ["0 of 3 organisations, 0 events, 0 pages", "0 s so far"] == screen(view(3))[1:]


def test_a_pause_is_counted_down() -> None:
    """What the server asked for last counts, if it ends later; other events are none of its business."""
    seen = view(3)
    seen.pauses.hear(RetryEvent(operation="audit_logs.export", attempt=1, status=503, seconds=5000))
    assert not [line for line in screen(seen) if "paused" in line]

    seen.pauses.hear(a_pause(7200))
    seen.pauses.hear(a_pause(2))

    assert [line for line in screen(seen) if "paused by the server (429): 2 h" in line]


# --- in a log


def log(accounts: int) -> tuple[_Lines, Time, StringIO]:
    output, time = StringIO(), Time()
    lines = _Lines(view(accounts, time), Console(file=output, width=80))
    lines.view.pauses.display = lines
    return lines, time, output


def test_a_log_has_a_line_for_each_that_ends() -> None:
    """However long it is, with the reason of those that failed."""
    reason = "403 forbidden. Likely cause: " + "a long word or two " * 8
    lines, _, output = log(3)
    with lines:
        lines.show(news("acme", 2))
        lines.show(news("acme", 3, done=True))
        lines.show(news("theirs", 0, done=True, error=Forbidden(reason)))
        lines.show(Progress(account="early", events=900, pages=0, done=True))

    assert [
        "acme: 300 events",
        f"theirs: failed: {reason}",
        "early: 900 events, finished by an earlier run",
    ] == output.getvalue().splitlines()


def test_a_log_says_once_a_minute_where_it_stands() -> None:
    """Otherwise hours would pass without a word."""
    lines, time, output = log(2)
    with lines:
        for page in range(1, 6):
            time.s += 25
            lines.show(news("acme", page))

    assert [
        "0 of 2 organisations, 300 events, 3 pages; 1 min 15 s so far, about 6 min left",
    ] == output.getvalue().splitlines()


def test_a_log_tells_of_a_pause_when_it_begins() -> None:
    """Not of each of the requests under way that hear of it."""
    lines, _, output = log(2)
    for seconds in (3000, 3000, 4000):
        lines.view.pauses.hear(a_pause(seconds))

    assert ["paused by the server (429): 50 min"] == output.getvalue().splitlines()


# --- all of it


@pytest.mark.parametrize(
    ("since", "until", "window"),
    [
        (date(2026, 1, 1), datetime(2026, 1, 11, tzinfo=UTC), (UNTIL - timedelta(10), UNTIL)),
        (None, UNTIL, None),
        ("last", UNTIL, None),
        (UNTIL, UNTIL, None),
    ],
)
def test_a_share_is_known_of_a_window_alone(
    since: date | str | None, until: datetime, window: tuple[datetime, datetime] | None
) -> None:
    """Both of whose ends are known, and lie apart."""
    assert window == _window(since, until)


@pytest.mark.anyio
@pytest.mark.parametrize("terminal", [True, False])
async def test_an_export_is_shown(fake: FakeHub, tmp_path: Path, *, terminal: bool) -> None:
    """On both, and what the rate limit leaves is read from the hub."""
    output = StringIO()
    console = Console(
        file=output, force_terminal=terminal, force_interactive=terminal, width=80, height=24, color_system=None
    )
    pauses = Pauses()
    async with AsyncHub(Password("moby", "hunter2-hunter2"), transport=fake.transport()) as hub:
        report = await show_export(
            hub, ["acme"], to=tmp_path, since=datetime(2020, 1, 1, tzinfo=UTC), console=console, pauses=pauses
        )

    assert 250 == report.events
    assert "acme" in output.getvalue()
    assert terminal == ("\x1b[?25l" in output.getvalue())
    assert isinstance(pauses.display, _Screen if terminal else _Lines)
    assert "of 600 requests left" in pauses.display.view.limits()
