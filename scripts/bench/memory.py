"""Row 6: the peak memory of an export."""

import json
import subprocess
import sys
import tempfile
from statistics import median

from scripts.bench.exporting import Job
from scripts.bench.measure import Plan, Result, Row
from scripts.bench.one_export import STATUS
from scripts.bench.server import ROOT, serving

_ACCOUNTS = 16  # the default concurrency of an export


def _measured(url: str, size: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="hubapi-bench-") as folder:
        command = [sys.executable, "-m", "scripts.bench.one_export", url, folder, *Job(_ACCOUNTS, size).accounts]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def peak(plan: Plan) -> list[Result]:
    """Row 6."""
    if not STATUS.exists():
        raise NotImplementedError("row 6 can only be measured on Linux")
    few, many = plan.size(10_000, 1600), plan.size(1_000_000, 3200)
    with serving() as url:
        rounds = [(_measured(url, few // _ACCOUNTS), _measured(url, many // _ACCOUNTS)) for _ in range(plan.rounds)]
    small, large = zip(*rounds, strict=True)
    bare, imported = (median(run[name] for run in small + large) for name in ("bare", "imported"))
    note = f"{bare:.0f} MB of it Python, {imported - bare:.0f} MB imports"
    return [
        *(
            Result(
                what=f"peak memory of an export of {count:,} events",
                samples=tuple(run["peak"] for run in runs),
                target=55.0,
                unit="MB",
                note=note,
            )
            for count, runs in ((few, small), (many, large))
        ),
        Result(
            what=f"the same, x that of {few:,} events",
            samples=tuple(much["peak"] / little["peak"] for little, much in rounds),
            target=1.25,
        ),
    ]


ROWS = [
    Row(
        number=6,
        explains=(
            "The peak resident set (`VmHWM` on Linux) of a process that only exports 16 organisations at once, "
            "Python and all libraries included."
        ),
        measure=peak,
    )
]
