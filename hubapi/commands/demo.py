"""`hubapi demo`: an export from a made-up Docker Hub on this machine, and the proof that no event is missing."""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import anyio
import anyio.to_thread

from hubapi import AsyncHub, Password, Settings
from hubapi.commands.console import new_console
from hubapi.commands.progress import Pauses, show_export
from hubapi.commands.summary import print_summary
from hubapi.export import ExportOptions
from hubapi.testing import FakeHub, RateLimitPolicy

WINDOW_S = 10.0
LIMIT = 180
TOKEN_LIFETIME_S = 5
"""Docker Hub has 60 s, 600 requests and ten minutes. These are shorter, so that half a minute shows all of it."""

_PASSWORD = "correct horse battery staple"  # noqa: S105 - of a made-up user


async def run(*, orgs: int, events: int, out: Path | None) -> int:
    """Serve, export and check; return the exit status: 0 if every event arrived exactly once.

    Args:
        orgs: The number of organisations of the made-up Hub.
        events: The number of events of each organisation.
        out: The folder to keep the export in; None to remove it.
    """
    console = new_console()
    names = [f"org-{number:03}" for number in range(1, orgs + 1)]
    fake = FakeHub(
        seed=2026,
        limit=RateLimitPolicy(limit=LIMIT, window_s=WINDOW_S),
        token_lifetime_s=TOKEN_LIFETIME_S,
    )
    fake.add_user("moby", password=_PASSWORD)
    with console.status(f"making up {orgs * events:,} events of {orgs} organisations"):
        await anyio.to_thread.run_sync(_fill, fake, names, events)
    async with fake.serve() as url:
        console.print(
            f"A made-up Docker Hub at {url}:\n"
            f"{LIMIT} requests per {WINDOW_S:.0f} s, tokens valid for {TOKEN_LIFETIME_S} s",
            highlight=False,
        )
        with _folder(out) as folder:
            pauses, options = Pauses(), ExportOptions(accounts=names, to=folder)
            settings = Settings(window_s=WINDOW_S, on_event=pauses.on_event)
            async with AsyncHub(Password("moby", _PASSWORD), base_url=url, settings=settings) as hub:
                report = await show_export(hub, options, console=console, pauses=pauses)
            wrong = await anyio.to_thread.run_sync(_check, fake, names, folder)
    print_summary(report, console, kept=out is not None)
    for line in wrong:
        console.print(f"[red]{line}[/red]", highlight=False)
    if wrong or report.failed:
        return 1
    console.print(f"[green]checked:[/green] each of the {report.events:,} events arrived exactly once, in order")
    return 0


def _fill(fake: FakeHub, names: Iterable[str], events: int) -> None:
    for name in names:
        fake.add_org(name, owners=["moby"], events=events, until=datetime(2026, 1, 1, tzinfo=UTC))


def _check(fake: FakeHub, names: Iterable[str], folder: Path) -> list[str]:
    """Compare the files with the server's events; return the differences."""
    found: list[str] = []
    for name in names:
        path = folder / f"{name}.jsonl"
        lines = [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
        got = Counter(event["event_id"] for event in lines)
        due = Counter(fake.event_ids(name))
        if got != due:
            missing, extra = (due - got).total(), (got - due).total()
            found.append(f"{name}: {missing} events missing, {extra} too many")
        elif [event["event_id"] for event in lines] != list(reversed(fake.event_ids(name))):
            found.append(f"{name}: the events are not in order")
    return found


@contextmanager
def _folder(out: Path | None) -> Generator[Path, None, None]:
    if out is not None:
        yield out
        return
    folder = Path(tempfile.mkdtemp(prefix="hubapi-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
