"""Manifests to begin with."""

from hubapi.export.manifest import Log, Manifest, Run

T = [f"2026-01-{day:02}T00:00:00Z" for day in range(1, 29)]
DONE, FAILED, WAITING = (Log(state="done"), Log(state="failed", error="403"), Log())


def run(number: int, since: str | None, until: str, *, asked_until: str | None = None, **accounts: Log) -> Run:
    return Run(number=number, asked_since=since, asked_until=asked_until, until=until, accounts=accounts)


def folder_of(*runs: Run) -> Manifest:
    return Manifest(format="jsonl", partition=None, runs=list(runs))
