"""An export as a person watches it: a line per account while it runs, plain lines where there is no terminal."""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Self

from attrs import define, field
from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from hubapi import AsyncHub
from hubapi.export.report import ExportReport
from hubapi.export.report import Progress as AccountProgress


async def show_export(
    hub: AsyncHub,
    accounts: Iterable[str],
    *,
    to: Path,
    since: datetime | None = None,
    until: datetime | None = None,
    concurrency: int = 16,
    console: Console | None = None,
) -> ExportReport:
    """Export, show how it goes, and print a summary.

    Args:
        hub: What to export with.
        accounts: The organisations or users.
        to: The folder.
        since: Only events from here on.
        until: Only events up to here.
        concurrency: How many accounts are read side by side.
        console: Where to print; standard output if not given.
    """
    console = console or Console()
    names = list(dict.fromkeys(accounts))
    with _Display(hub, console, len(names)) as display:
        report = await hub.audit_logs.export(
            names, to=to, since=since, until=until, concurrency=concurrency, progress=display.show
        )
    print_summary(report, console)
    return report


def print_summary(report: ExportReport, console: Console) -> None:
    """Print what an export did, and which accounts failed."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(justify="right", style="bold")
    table.add_column()
    for number, what in (
        (f"{len(report.accounts) - len(report.failed):,} of {len(report.accounts):,}", "organisations"),
        (f"{report.events:,}", "events"),
        (f"{report.requests:,}", "requests"),
        (f"{report.rate_limited:,}", "answered with 429"),
        (f"{report.logins:,}", "logins"),
        (f"{report.paused_s:.1f} s", "waited for the rate limit"),
        (f"{report.seconds:.1f} s", "in all"),
    ):
        table.add_row(number, what)
    console.print(table)
    for failed in report.failed:
        console.print(f"[red]failed[/red] {failed.account}: {failed.error}", highlight=False)


@define
class _Display:
    """The moving part: how many organisations are done, the events so far, and what the rate limit leaves."""

    hub: AsyncHub
    console: Console
    total: int
    _bars: Progress = field(init=False)
    _all: TaskID = field(init=False, default=TaskID(0))
    _events: dict[str, int] = field(factory=dict[str, int])

    def __attrs_post_init__(self) -> None:
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.completed:.0f} of {task.total:.0f} organisations"),
            _Live(self._news),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        self._all = self._bars.add_task("", total=self.total)
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show(self, progress: AccountProgress) -> None:
        """Take in one account's news."""
        self._events[progress.account] = progress.events
        if progress.done:
            self._bars.advance(self._all)
            if not self.console.is_terminal:
                words = f"failed: {progress.error}" if progress.error else f"{progress.events:,} events"
                self.console.print(f"{progress.account}: {words}", highlight=False)

    def _news(self) -> str:
        words = f"{sum(self._events.values()):,} events"
        limit, wait = self.hub.rate_limit, self.hub.limiter.closed_for
        if limit is None:
            return words
        return f"{words}, " + (f"next in {wait:.0f} s" if wait else f"{max(0, limit.remaining)}/{limit.limit} left")


class _Live(ProgressColumn):
    """A column that is asked for its text each time it is drawn."""

    def __init__(self, text: Callable[[], str]) -> None:
        super().__init__()
        self._text = text

    def render(self, task: Task) -> Text:
        del task
        return Text(self._text())
