"""A profile of the CPU time of a row's subject: by package or module, then by function."""

import cProfile
import pstats
import re
import sys
import time
from collections import Counter

from scripts.bench.measure import Plan, Row

_PARTS = 20
_FUNCTIONS = 40
_PART = re.compile(r".*/site-packages/(\w+)|.*/(hubapi/\w+(?:/\w+)?)\.py|.*/(scripts/bench)/|.*/python\d\.\d+/(\w+)")


def profile(row: Row, plan: Plan) -> int:
    """Run a row's subject under cProfile, print the profile, and return the exit status.

    The profile has the CPU time of the event loop's thread alone, and overstates small functions: use it to find the
    code to look at, not to measure it.
    """
    if row.subject is None:
        print(f"row {row.number} has nothing to profile", file=sys.stderr)
        return 2
    profiler = cProfile.Profile(time.thread_time)
    profiler.runcall(row.subject, plan)
    parts: Counter[str] = Counter()
    for entry in profiler.getstats():
        file = "" if isinstance(entry.code, str) else entry.code.co_filename
        parts[_part(file)] += round(entry.inlinetime * 1e6)
    for part, microseconds in parts.most_common(_PARTS):
        print(f"{microseconds / 1e6:8.3f} s  {microseconds / parts.total():5.1%}  {part}")
    found = pstats.Stats(profiler)
    for order in ("tottime", "cumulative"):
        found.sort_stats(order).print_stats(_FUNCTIONS)
    return 0


def _part(file: str) -> str:
    """Return the package of a dependency, the module of hubapi, or the module of the standard library of a file."""
    place = _PART.match(file)
    return "built-in functions" if place is None else next(name for name in place.groups() if name)
