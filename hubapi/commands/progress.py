"""The progress of an export for a person: a line per account in a terminal, plain lines in a log."""

from datetime import UTC, datetime
from math import inf
from time import monotonic
from typing import Protocol, Self

from attrs import define, field
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hubapi import AsyncHub, Event, PauseEvent
from hubapi.commands.console import duration, print_line
from hubapi.commands.progress_state import AccountState, ProgressState
from hubapi.export import ExportOptions, ExportReport, Progress
from hubapi.export.run import SETTLED

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_REFRESHES = 8  # per second
_FINISHED_SHOWN = 3
_STATUS_S = 60.0  # between two lines with the state of the export
_NAME = range(12, 31)  # the width of an account's name: Docker allows 30 characters


@define
class Pauses:
    """The pauses that the server asks for with a 429: pass its `on_event` to `Settings(on_event=)`."""

    until: float = -inf
    display: "_Display | None" = None

    def on_event(self, event: Event) -> None:
        """Take an event of the hub."""
        if isinstance(event, PauseEvent):
            begins = self.left_s <= 0
            self.until = max(self.until, monotonic() + event.seconds)
            if begins and self.display is not None:
                self.display.show_pause(event.seconds)

    @property
    def left_s(self) -> float:
        """The seconds that are left of the longest pause; negative once it is over."""
        return self.until - monotonic()


async def show_export(hub: AsyncHub, options: ExportOptions, *, console: Console, pauses: Pauses) -> ExportReport:
    """Export, and show the progress.

    Args:
        hub: Exports.
        options: The options of the export.
        console: Where to print.
        pauses: Receives the hub's events.
    """
    logins = len({options.credentials.get(name) for name in options.accounts})
    view = _View(hub, ProgressState(len(options.accounts), _window(options)), pauses, logins)
    display: _Display = _Screen(view, console) if console.is_interactive else _Lines(view, console)
    pauses.display = display
    with display:
        return await hub.audit_logs.export_with(options, progress=display.show)


def _window(options: ExportOptions) -> tuple[datetime, datetime] | None:
    """Return the window of an export, if its beginning is known. Its end is as precise as the local clock."""
    latest = datetime.now(UTC) - SETTLED
    end = min(options.until or latest, latest)
    if isinstance(options.since, datetime) and options.since < end:
        return options.since, end
    return None


@define
class _View:
    """The state to show. Another thread reads it too, but the rate limiter is only read in the hub's own."""

    hub: AsyncHub
    state: ProgressState
    pauses: Pauses
    logins: int
    _left: str = ""
    _opens: float = -inf
    _fastest: float | None = None

    def update(self, progress: Progress) -> AccountState:
        """Update one account, and return its state."""
        limit, limiter = self.hub.rate_limit, self.hub.limiter
        if limit is not None:
            self._left = f"{max(0, limit.remaining):,} of {limit.limit:,} requests left"
            self._opens = monotonic() + limiter.closed_for
            self._fastest = limit.limit / limiter.window_s * self.logins
        return self.state.update(progress)

    def counts(self) -> str:
        """Return how much is done."""
        state = self.state
        failed = f" ({state.failed} failed)" if state.failed else ""
        return (
            f"{len(state.finished)} of {state.count} organisations{failed}, {state.events:,} events, "
            f"{state.pages:,} pages"
        )

    def limits(self) -> str:
        """Return what the rate limit allows."""
        paused, opens = self.pauses.left_s, self._opens - monotonic()
        if paused > 0:
            return f"paused by the server (429): {duration(paused)}"
        return self._left + (f", the next in {duration(opens)}" if opens > 1 else "")

    def times(self) -> str:
        """Return the time taken, and an estimate of the time left."""
        left = self.state.left_s(self._fastest)
        text = f"{duration(self.state.elapsed_s)} so far"
        return text if left is None else f"{text}, about {duration(left, coarse=True)} left"


class _Display(Protocol):
    """Shows an export."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def show(self, progress: Progress) -> None:
        """Show the progress of one account."""
        ...

    def show_pause(self, seconds: float) -> None:
        """Show that the server has asked for a pause."""
        ...


@define
class _Lines:
    """A line for each account that is finished, and one with the state of the export once a minute."""

    view: _View
    console: Console
    _printed: float = field(init=False)

    def __enter__(self) -> Self:
        self._printed = self.view.state.now()
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, progress: Progress) -> None:
        account = self.view.update(progress)
        if account.done:
            text = f"failed: {account.error.reason}" if account.error else _result(account)
            print_line(self.console, f"{account.account}: {text}")
        now = self.view.state.now()
        if now >= self._printed + _STATUS_S:
            self._printed = now
            parts = (self.view.counts(), self.view.limits(), self.view.times())
            print_line(self.console, "; ".join(part for part in parts if part))

    def show_pause(self, seconds: float) -> None:
        print_line(self.console, f"paused by the server (429): {duration(seconds)}")


def _result(account: AccountState) -> str:
    return f"{account.events:,} events" + ("" if account.pages else ", finished by an earlier run")


@define
class _Screen:
    """The moving part of a terminal: as many running accounts as fit, the last finished ones, and the totals."""

    view: _View
    console: Console
    _live: Live = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._live = Live(
            get_renderable=self._render, console=self.console, refresh_per_second=_REFRESHES, transient=True
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, progress: Progress) -> None:
        self.view.update(progress)

    def show_pause(self, seconds: float) -> None:
        pass

    def _render(self) -> RenderableType:
        state = self.view.state
        running, finished = state.running, state.finished[-_FINISHED_SHOWN:]
        room = max(1, self.console.height - len(finished) - 8)
        shown = running[:room]
        width = max((len(account.account) for account in [*shown, *finished]), default=0)
        width = min(max(width, _NAME.start), _NAME.stop - 1)
        lines = [_line(account, width, self._frame) for account in [*finished, *shown]]
        if len(running) > len(shown):
            lines.append(Text(f"  and {len(running) - len(shown)} more running", style="dim"))
        foot = [Text(part) for part in (self.view.counts(), self.view.limits(), self.view.times()) if part]
        parts = [*([_heading(width), *lines, Text("")] if lines else []), self._bar(), *foot]
        for part in parts:
            if isinstance(part, Text):
                part.no_wrap, part.overflow = True, "ellipsis"
        return Group(*parts)

    @property
    def _frame(self) -> str:
        return _FRAMES[int(self.view.state.now() * _REFRESHES) % len(_FRAMES)]

    def _bar(self) -> RenderableType:
        share = self.view.state.share
        bar = Table.grid(padding=(0, 1))
        bar.add_row(ProgressBar(total=1.0, completed=share, width=50), f"{int(share * 100)} %")
        return bar


def _heading(width: int) -> Text:
    return Text(f"  {'':{width}}  {'events':>10}  {'pages':>6}  {'back to':16}  {'':5}", style="dim")


def _line(account: AccountState, width: int, frame: str) -> Text:
    name = account.account if len(account.account) <= width else account.account[: width - 1] + "…"
    if account.error is not None:
        return Text.assemble((f"✗ {name:{width}}  ", "red"), account.error.reason)
    reached = "" if account.done or account.reached is None else f"{account.reached:%Y-%m-%d %H:%M}"
    share = "" if account.done or account.share is None else f"{int(account.share * 100)} %"
    mark = "✓" if account.done else frame
    line = f"{mark} {name:{width}}  {account.events:>10,}  {account.pages:>6,}  {reached:16}  {share:>5}"
    return Text(line, style="green" if account.done else "")
