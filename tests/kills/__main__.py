"""`nox -s kills`: exports that are killed at any moment, started again, and compared with undisturbed ones.

First before each file operation of an export, then at random moments. In the end the whole folder must have the same
bytes, including its manifest.
"""

import argparse
import shutil
import sys
import tempfile
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Literal

from attrs import evolve

from tests.export.folders import contents, visible
from tests.export.killing import NOW, Death, World, disturbed, world

_SINCE: list[Literal["last"] | None] = [None, "last"]


def every_file_operation(seed: int, folder: Path) -> int:
    """Kill an export before each of its file operations in turn; return the number of folders that differ."""
    wrong = 0
    for partition in (None, "day"):
        with world(seed, (0, 3, 130, 7)) as here:
            undisturbed = evolve(here.job, partition=partition, folder=folder / f"each-{partition}-undisturbed")
            disturbed(here.fake, undisturbed, ())
            for operation in count(1):
                job = evolve(undisturbed, folder=folder / f"each-{partition}-{operation}")
                killed = disturbed(here.fake, job, [Death("file operation", operation)])
                wrong += contents(undisturbed.folder) != contents(job.folder)
                if not killed:
                    break
            sys.stdout.write(f"{operation - 1:4} kills before each file operation, {partition}: {wrong} wrong\n")
    return wrong


def at_random(kills: int, seed: int, folder: Path) -> int:
    """Kill exports at random moments, so many times in all; return the number of folders that differ."""
    wrong, done = 0, 0
    for number in count():
        if done >= kills:
            break
        random = Random(f"{seed}/{number}")  # noqa: S311 - meant to repeat
        with world(seed + number) as here:
            form = evolve(here.job, backend=random.choice(["asyncio", "trio"]), partition=random.choice([None, "day"]))
            undisturbed = evolve(form, folder=folder / f"{number}-undisturbed")
            killed = evolve(form, folder=folder / f"{number}-disturbed")
            since = random.choice(_SINCE)
            for run in (1, 2) if since else (1,):
                disturbed(here.fake, evolve(undisturbed, since=since, run=run), ())
                deaths = [_death(random) for _ in range(10)]
                done += disturbed(here.fake, evolve(killed, since=since, run=run), deaths)
                _go_on(here, random)
        # A part that is left over when the last run is over is removed by the next.
        held = visible if since else contents
        same = held(undisturbed.folder) == held(killed.folder)
        wrong += not same
        word = "the same bytes" if same else "OTHER BYTES"
        sys.stdout.write(f"{done:4} kills, {form.backend}, partition {form.partition}, since {since}: {word}\n")
    return wrong


def _go_on(here: World, random: Random) -> None:
    """Advance the clock by an hour, with new and late events."""
    here.clock.advance(3600)
    for name in here.job.accounts:
        for _ in range(random.randint(0, 150)):
            here.fake.add_event(name, at=NOW + timedelta(seconds=random.uniform(-600, 3000)))


def _death(random: Random) -> Death:
    """Return a moment that is mostly within an export, and more often near its beginning."""
    part = random.random() ** 2
    return random.choice(
        [
            Death("request", 1 + int(part * 30)),
            Death("file operation", 1 + int(part * 150)),
            Death("seconds", part * 0.4),
        ]
    )


def main() -> None:
    """Kill exports, and exit with 1 if any ended in other bytes than it should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="how many at random moments")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hubapi-kills-"))
    wrong = every_file_operation(options.seed, folder) + at_random(options.kills, options.seed, folder)
    if wrong:
        sys.exit(f"{wrong} exports ended in other bytes than they should: look into {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
