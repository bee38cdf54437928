"""Print what each transport does in each test, as Markdown: `python -m tests.transport.conformance`."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define, field

from tests.transport.conformance.responses import CASES, Read

_NODE = re.compile(r"(\w+)\.py::(\w+)\[(asyncio|trio)-(\w+)")


@define
class Matrix:
    """A plugin of pytest that collects outcomes: by file, test and transport, one for each event loop and parameter."""

    outcomes: dict[tuple[str, str], dict[str, list[str]]] = field(factory=dict)
    notes: list[str] = field(factory=list[str])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        found = _NODE.search(report.nodeid)
        if found is None or (report.when != "call" and report.passed):
            return
        file, test, _, transport = found.groups()
        by_transport = self.outcomes.setdefault((file, test), {})
        by_transport.setdefault(transport, []).append(self._outcome(report))

    def _outcome(self, report: pytest.TestReport) -> str:
        reason: str | None = getattr(report, "wasxfail", None)
        if reason is not None:
            note = reason.partition("deviation: ")[2]
            if note not in self.notes:
                self.notes.append(note)
            return f"deviation [{self.notes.index(note) + 1}]"
        if report.skipped:
            return "n.a."
        return "pass" if report.passed else "FAIL"

    def lines(self) -> Iterator[str]:
        names = list(dict.fromkeys(name for by_transport in self.outcomes.values() for name in by_transport))
        yield f"| | {' | '.join(names)} |"
        yield f"|---|{'---|' * len(names)}"
        for (file, test), by_transport in sorted(self.outcomes.items()):
            cells = [_cell(by_transport.get(name, [])) for name in names]
            yield f"| {_words(file)}: {_words(test)} | {' | '.join(cells)} |"
        yield ""
        yield from (f"[{number}] {note}." for number, note in enumerate(self.notes, 1))


def _words(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")


def _cell(outcomes: list[str]) -> str:
    """What all event loops and parameters come to."""
    told = [outcome for outcome in dict.fromkeys(outcomes) if outcome != "n.a."]
    if not told:
        return "n.a."
    counts = [f"{outcome} ({outcomes.count(outcome)})" if len(told) > 1 else outcome for outcome in sorted(told)]
    return ", ".join(counts)


def _odd_responses() -> Iterator[str]:
    """Where the parsers differ."""
    yield f"Of {len(CASES)} odd responses, those that a parser makes something else of:"
    yield ""
    yield "| response | expected | h11 (default, httpx, httpx2) | hyper (fast) |"
    yield "|---|---|---|---|"
    for case in CASES:
        if case.but:
            told = [_short(case.but[parser]) if parser in case.but else "as expected" for parser in ("h11", "hyper")]
            yield f"| {case.name} | {_short(case.expected)} | {' | '.join(told)} |"


def _short(expected: Read | str) -> str:
    if isinstance(expected, str):
        return expected
    headers = "".join(f", {name}: {value or '(empty)'}" for name, value in expected.headers.items())
    return f"{expected.status}, {len(expected.content)} bytes{headers}"


def main() -> int:
    """Run the suite in this process and print the table."""
    matrix = Matrix()
    stdout, sys.stdout = sys.stdout, sys.stderr
    try:
        code = pytest.main([str(Path(__file__).parent), "-q", "--no-header", *sys.argv[1:]], plugins=[matrix])
    finally:
        sys.stdout = stdout
    sys.stdout.write("\n".join([*matrix.lines(), "", *_odd_responses(), ""]))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
