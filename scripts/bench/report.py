"""The table: for the terminal, for `docs/performance.md`, as JSON."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import msgspec

from scripts.bench.measure import Result
from scripts.bench.server import ROOT

PAGE = ROOT / "docs" / "performance.md"
Table: TypeAlias = Mapping[int, Sequence[Result]]
"""The results of each row, by its number."""

_BEGIN, _END = "<!-- Written by `nox -s bench -- --docs`. -->", "<!-- Until here. -->"
_LIBRARIES = (
    "httpx",
    "httpcore",
    "anyio",
    "msgspec",
    "attrs",
    "cattrs",
    "orjson",
    "openapi-python-client",
)
_HEAD = ("row", "what", "target", "median", "lowest .. highest", "verdict", "beside")


def conditions(rounds: int) -> list[str]:
    """Say under which circumstances it was measured."""
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    machine = f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} x {_processor()}"
    when = f"{datetime.now(UTC):%Y-%m-%d}, {machine}, {platform.system()}, load {os.getloadavg()[0]:.1f}"
    return [f"{when}; {rounds} rounds by turns, after one that doesn't count", libraries]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def cells(number: int, result: Result) -> tuple[str, ...]:
    """Return a line of the table."""
    limit = "<=" if result.better == "less" else ">="
    unit = f" {result.unit}".rstrip()
    return (
        str(number),
        result.what,
        f"{limit} {result.target:g}{unit}" + ("" if result.judged == "median" else ", each"),
        f"{_short(result.median)}{unit}",
        f"{_short(min(result.samples))} .. {_short(max(result.samples))}",
        "reached" if result.passes else "MISSED",
        result.note,
    )


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def plain(table: Table) -> str:
    """Return the table for a terminal: a line each, what else there is to know below it."""
    lines = [_HEAD[:-1], *(cells(number, result) for number, results in table.items() for result in results)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(_HEAD) - 1)]
    text: list[str] = []
    for line in lines:
        text.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip())
        text += [f"     {note}" for note in line[len(widths) :] if note]
    return "\n".join(text)


def markdown(table: Table, rounds: int, explanations: Mapping[int, str]) -> str:
    """Return the table for the documentation, with the circumstances, and with what each row compares."""
    lines = [_HEAD, tuple("---" for _ in _HEAD)]
    lines += [cells(number, result) for number, results in table.items() for result in results]
    rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    explained = "\n".join(f"- **Row {number}.** {explanations[number]}" for number in table)
    return f"{rows}\n\nMeasured {'; '.join(conditions(rounds))}.\n\n{explained}\n"


def rewrite(text: str, page: Path = PAGE) -> None:
    """Put the table in its place in the documentation.

    Raises:
        ValueError: the place is not marked.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{page} does not say where the table goes: between {_BEGIN} and {_END}")
    page.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", encoding="utf-8")


def save(table: Table, rounds: int, path: Path) -> None:
    """Write everything that was measured, as JSON."""
    results = [
        {
            "row": number,
            "what": result.what,
            "target": result.target,
            "better": result.better,
            "judged": result.judged,
            "unit": result.unit,
            "median": result.median,
            "lowest": min(result.samples),
            "highest": max(result.samples),
            "samples": result.samples,
            "reached": result.passes,
            "note": result.note,
        }
        for number, results in table.items()
        for result in results
    ]
    content = msgspec.json.encode({"conditions": conditions(rounds), "rounds": rounds, "results": results})
    path.write_bytes(msgspec.json.format(content, indent=2) + b"\n")
