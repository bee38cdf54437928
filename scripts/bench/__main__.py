"""`python -m scripts.bench`: measure, print the table, and list the rows that miss their targets."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.bench import decoding, memory, overhead, quota, report, startup, throughput
from scripts.bench.measure import Plan, Result
from scripts.bench.profiling import profile
from scripts.bench.server import pages_per_second, serving

ROWS = {
    row.number: row
    for module in (decoding, throughput, overhead, memory, quota, startup)
    for row in sorted(module.ROWS, key=lambda row: row.number)
}


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description=__doc__)
    parser.add_argument("--rows", type=_rows, default=sorted(ROWS), metavar="1,3", help="the rows to measure (all)")
    parser.add_argument("--rounds", type=int, default=5, help="the number of rounds of each comparison (5)")
    parser.add_argument("--quick", action="store_true", help="run everything once, in seconds; the figures mean little")
    parser.add_argument("--check", action="store_true", help="exit 1 if a row misses its target")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures as JSON")
    parser.add_argument("--docs", action="store_true", help=f"rewrite the table in {report.PAGE.name}")
    parser.add_argument("--profile", type=int, choices=sorted(ROWS), metavar="ROW", help="profile a row instead")
    return parser.parse_args(argv)


def _rows(text: str) -> list[int]:
    numbers = sorted({int(number) for number in text.split(",")})
    if not set(numbers) <= set(ROWS):
        raise argparse.ArgumentTypeError(f"choose from the rows {', '.join(map(str, sorted(ROWS)))}")
    return numbers


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = _arguments(argv)
    rounds = 1 if arguments.quick else arguments.rounds
    plan = Plan(rounds=rounds, quick=arguments.quick)
    if arguments.profile:
        return profile(ROWS[arguments.profile], plan)
    print("\n".join(report.conditions(rounds)))
    with serving() as url:
        pages = plan.size(3200, 64)
        print(f"the benchmark server alone: {pages_per_second(url, pages):,.0f} pages a second")
    table: dict[int, list[Result]] = {}
    for number in arguments.rows:
        table[number] = ROWS[number].measure(plan)
        print(f"\n{report.plain({number: table[number]})}", flush=True)
    if arguments.json:
        report.save(table, rounds, arguments.json)
    if arguments.docs:
        report.rewrite(report.markdown(table, rounds, {row.number: row.explains for row in ROWS.values()}))
    missed = [result.what for results in table.values() for result in results if not result.passes]
    print(f"\nmissed: {'; '.join(missed) or 'nothing'}")
    return 1 if missed and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
