"""The main job against a made-up Docker Hub on this machine: an export, and the proof that nothing is missing."""

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
from hubapi.commands.progress import show_export
from hubapi.commands.summary import new_console, print_summary
from hubapi.testing import FakeHub, RateLimitPolicy

WINDOW_S = 10.0
LIMIT = 180
TOKEN_LIFETIME_S = 5
"""Docker Hub's own are 60 s, 600 and ten minutes: scaled down, so that a demo of half a minute meets them all."""

_PASSWORD = "correct horse battery staple"  # noqa: S105 - of nobody


async def run(*, orgs: int, events: int, out: Path | None) -> int:
    """Serve, export, check; return the exit status: 0 if every event arrived exactly once.

    Args:
        orgs: How many organisations the made-up Hub has.
        events: How many events each of them has had.
        out: Where to leave the export; None for nowhere.
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
            f"{LIMIT} requests in {WINDOW_S:.0f} s, tokens that live {TOKEN_LIFETIME_S} s",
            highlight=False,
        )
        with _folder(out) as folder:
            async with AsyncHub(Password("moby", _PASSWORD), base_url=url, settings=Settings(window_s=WINDOW_S)) as hub:
                report = await show_export(hub, names, to=folder, console=console)
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
    """Hold the files against what the server has; return what is wrong."""
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
