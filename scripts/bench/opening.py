"""Row 8: what it takes until a program can begin, in fresh processes."""

import os
import subprocess
import sys
from functools import partial
from statistics import median

from scripts.bench.measure import Plan, Result, Row, by_turns
from scripts.bench.server import ROOT

_TIMED = "import time; began = time.process_time()\n{}\nprint(time.process_time() - began)"
_IMPORT = "import hubapi"
_THIRD_PARTY = """
import anyio, attrs, cattrs, httpx, msgspec
async def main():
    pass
anyio.run(main)
"""
_OPEN = """
import anyio, hubapi
async def main():
    async with hubapi.AsyncHub(hubapi.PersonalAccessToken("moby", "dckr_pat_example")):
        pass
anyio.run(main)
"""


def _cpu_s(code: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _TIMED.format(code)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        # Else what has changed would be compiled each time: the round that doesn't count does that.
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    )
    return float(done.stdout)


def opening(plan: Plan) -> list[Result]:
    """Row 8."""
    times = plan.size(5, 1)
    imports = by_turns(
        plan.rounds * times, partial(_cpu_s, _IMPORT), partial(_cpu_s, _THIRD_PARTY), partial(_cpu_s, _OPEN)
    )
    rounds = [imports[first : first + times] for first in range(0, len(imports), times)]
    found = [tuple(median(costs) for costs in zip(*some, strict=True)) for some in rounds]
    third, whole = (1000 * median(costs[place] for costs in found) for place in (1, 2))
    return [
        Result(
            what="import hubapi, over a bare interpreter",
            samples=tuple(1000 * costs[0] for costs in found),
            target=10.0,
            unit="ms",
        ),
        Result(
            what="opening a hub, x importing its third-party libraries",
            samples=tuple(costs[2] / costs[1] for costs in found),
            target=1.15,
            note=f"{whole:.0f} against {third:.0f} ms",
        ),
    ]


def _profile(_: Plan) -> None:
    """Print what takes longest to import; a profiler shows only the import system at work."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", _OPEN], cwd=ROOT, check=True, capture_output=True, text=True
    )
    lines = [line.removeprefix("import time:").split("|") for line in done.stderr.splitlines()[1:]]
    for alone, _together, name in sorted(lines, key=lambda line: -int(line[0]))[:30]:
        print(f"{int(alone) / 1000:8.1f} ms  {name.strip()}")


ROWS = [
    Row(
        number=8,
        explains=(
            "`import hubapi`; and a program that opens a hub and closes it, against one that imports what that one "
            "does (httpx, attrs, cattrs, anyio and msgspec) and runs an event loop. All of it was compiled "
            "before, as pip leaves it. CPU time, each in five fresh processes a round."
        ),
        measure=opening,
        subject=_profile,
    )
]
