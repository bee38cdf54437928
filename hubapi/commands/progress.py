"""An export as a person watches it: a line per account while it runs, plain lines where there is no terminal."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from math import inf
from pathlib import Path
from time import monotonic
from typing import Literal, Protocol, Self

from attrs import define, field
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hubapi import AsyncHub, PauseEvent
from hubapi._datetimes import to_aware
from hubapi._pipeline.hooks import Event
from hubapi.commands.progress_state import Row, Standing
from hubapi.commands.summary import duration, new_console, say
from hubapi.credentials import Credentials
from hubapi.export.formats import FormatName
from hubapi.export.report import ExportReport, Progress
from hubapi.export.run import SETTLED

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_REFRESHES = 8  # a second
_ENDED_SHOWN = 3
_STATUS_S = 60.0  # between two lines on where it stands
_NAME = range(12, 31)  # the columns an account's name may take: Docker allows it 30 characters


@define
class Pauses:
    """Hears of the server's 429s: give its `hear` to `Settings(on_event=)`."""

    until: float = -inf
    display: "_Display | None" = None

    def hear(self, event: Event) -> None:
        """Take in what a hub tells of."""
        if isinstance(event, PauseEvent):
            begins = self.left_s <= 0
            self.until = max(self.until, monotonic() + event.seconds)
            if begins and self.display is not None:
                self.display.paused(event.seconds)

    @property
    def left_s(self) -> float:
        """The seconds that are left of the longest of them; below zero where it is over."""
        return self.until - monotonic()


async def show_export(
    hub: AsyncHub,
    accounts: Iterable[str],
    *,
    to: Path,
    since: datetime | date | Literal["last"] | None = None,
    until: datetime | date | None = None,
    format: FormatName = "jsonl",  # noqa: A002 - the word people use
    partition: Literal["day"] | None = None,
    concurrency: int = 16,
    credentials: Mapping[str, Credentials] | None = None,
    console: Console | None = None,
    pauses: Pauses | None = None,
) -> ExportReport:
    """Export, and show how it goes. Most arguments are those of `hub.audit_logs.export`.

    Args:
        hub: What to export with.
        accounts: The organisations or users.
        to: The folder.
        since: Only events from here on.
        until: Only events before this.
        format: The files' format.
        partition: Whether each day has a file of its own.
        concurrency: How many accounts of one login are read side by side.
        credentials: Whom to be for accounts that are not read as who the hub is.
        console: Where to print; standard output if not given.
        pauses: What hears the hub's events.
    """
    console = console or new_console()
    names = list(dict.fromkeys(accounts))
    logins = len({(credentials or {}).get(name) for name in names})
    view = _View(hub, Standing(max(1, len(names)), _window(since, until)), pauses or Pauses(), logins)
    display: _Display = _Screen(view, console) if console.is_interactive else _Lines(view, console)
    view.pauses.display = display
    with display:
        return await hub.audit_logs.export(
            names,
            to=to,
            since=since,
            until=until,
            format=format,
            partition=partition,
            concurrency=concurrency,
            progress=display.show,
            credentials=credentials,
        )


def _window(since: datetime | date | str | None, until: datetime | date | None) -> tuple[datetime, datetime] | None:
    start = None if isinstance(since, str) else to_aware(since)
    latest = datetime.now(UTC) - SETTLED
    end = min(to_aware(until) or latest, latest)
    return (start, end) if start and start < end else None


@define
class _View:
    """What there is to see. It is read from another thread too: the gate itself is only asked in the hub's own."""

    hub: AsyncHub
    standing: Standing
    pauses: Pauses
    logins: int
    _left: str = ""
    _opens: float = -inf
    _fastest: float | None = None

    def take(self, news: Progress) -> Row:
        """Take one account's news in."""
        limit, gate = self.hub.rate_limit, self.hub.limiter
        if limit is not None:
            self._left = f"{max(0, limit.remaining):,} of {limit.limit:,} requests left"
            self._opens = monotonic() + gate.closed_for
            self._fastest = limit.limit / gate.window_s * self.logins
        return self.standing.take(news)

    def counts(self) -> str:
        """Say how much is done."""
        standing = self.standing
        failed = f" ({standing.failed} failed)" if standing.failed else ""
        return (
            f"{len(standing.finished)} of {standing.accounts} organisations{failed}, {standing.events:,} events, "
            f"{standing.pages:,} pages"
        )

    def limits(self) -> str:
        """Say what the rate limit allows."""
        paused, opens = self.pauses.left_s, self._opens - monotonic()
        if paused > 0:
            return f"paused by the server (429): {duration(paused)}"
        return self._left + (f", the next in {duration(opens)}" if opens > 1 else "")

    def times(self) -> str:
        """Say how long it has taken, and may still take."""
        left = self.standing.left_s(self._fastest)
        words = f"{duration(self.standing.elapsed_s)} so far"
        return words if left is None else f"{words}, about {duration(left, coarse=True)} left"


class _Display(Protocol):
    """Shows an export."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def show(self, news: Progress) -> None:
        """Take one account's news in."""
        ...

    def paused(self, seconds: float) -> None:
        """Hear that the server has asked to wait."""
        ...


@define
class _Lines:
    """A line for each account that is finished, and now and then one on where it stands."""

    view: _View
    console: Console
    _said: float = field(init=False)

    def __enter__(self) -> Self:
        self._said = self.view.standing.now()
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, news: Progress) -> None:
        row = self.view.take(news)
        if row.done:
            words = f"failed: {row.error.reason}" if row.error else _ended(row)
            say(self.console, f"{row.account}: {words}")
        now = self.view.standing.now()
        if now >= self._said + _STATUS_S:
            self._said = now
            parts = (self.view.counts(), self.view.limits(), self.view.times())
            say(self.console, "; ".join(part for part in parts if part))

    def paused(self, seconds: float) -> None:
        say(self.console, f"paused by the server (429): {duration(seconds)}")


def _ended(row: Row) -> str:
    return f"{row.events:,} events" + ("" if row.pages else ", finished by an earlier run")


@define
class _Screen:
    """The moving part of a terminal: as many of those under way as fit, the last that ended, where it all stands."""

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

    def show(self, news: Progress) -> None:
        self.view.take(news)

    def paused(self, seconds: float) -> None:
        pass

    def _render(self) -> RenderableType:
        standing = self.view.standing
        under_way, ended = standing.under_way, standing.finished[-_ENDED_SHOWN:]
        room = max(1, self.console.height - len(ended) - 8)
        shown = under_way[:room]
        width = max((len(row.account) for row in [*shown, *ended]), default=0)
        width = min(max(width, _NAME.start), _NAME.stop - 1)
        lines = [_line(row, width, self._frame) for row in [*ended, *shown]]
        if len(under_way) > len(shown):
            lines.append(Text(f"  and {len(under_way) - len(shown)} more under way", style="dim"))
        foot = [Text(part) for part in (self.view.counts(), self.view.limits(), self.view.times()) if part]
        parts = [*([_heading(width), *lines, Text("")] if lines else []), self._bar(), *foot]
        for part in parts:
            if isinstance(part, Text):
                part.no_wrap, part.overflow = True, "ellipsis"
        return Group(*parts)

    @property
    def _frame(self) -> str:
        return _FRAMES[int(self.view.standing.now() * _REFRESHES) % len(_FRAMES)]

    def _bar(self) -> RenderableType:
        share = self.view.standing.share
        bar = Table.grid(padding=(0, 1))
        bar.add_row(ProgressBar(total=1.0, completed=share, width=50), f"{int(share * 100)} %")
        return bar


def _heading(width: int) -> Text:
    return Text(f"  {'':{width}}  {'events':>10}  {'pages':>6}  {'back to':16}  {'':5}", style="dim")


def _line(row: Row, width: int, frame: str) -> Text:
    name = row.account if len(row.account) <= width else row.account[: width - 1] + "…"
    if row.error is not None:
        return Text.assemble((f"✗ {name:{width}}  ", "red"), row.error.reason)
    reached = "" if row.done or row.reached is None else f"{row.reached:%Y-%m-%d %H:%M}"
    share = "" if row.done or row.share is None else f"{int(row.share * 100)} %"
    mark = "✓" if row.done else frame
    line = f"{mark} {name:{width}}  {row.events:>10,}  {row.pages:>6,}  {reached:16}  {share:>5}"
    return Text(line, style="green" if row.done else "")
