"""`hubapi verify`."""

import json
import sys
from collections import Counter
from pathlib import Path

import anyio.to_thread
import click
from rich.text import Text

from hubapi.commands.console import new_console, print_line
from hubapi.commands.export import print_failure_as_json
from hubapi.commands.process import FAILED, exit_on_failure, run
from hubapi.export import VerifyReport
from hubapi.export import verify as verify_folder


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--json", "prints_json", is_flag=True, help="Print one JSON object; the rest goes to standard error.")
def verify(*, folder: Path, prints_json: bool) -> None:
    """Check the files of an export in DIR against its manifest: sizes, SHA-256 and numbers of events.

    Nothing is written. Exit status: 0 if all files are there and unchanged, 1 if not, 2 if DIR holds no export.
    """
    console = new_console(stderr=prints_json)

    async def work() -> VerifyReport:
        with console.status(f"reading {folder}"):
            return await anyio.to_thread.run_sync(verify_folder, folder, abandon_on_cancel=True)

    with exit_on_failure(on_failure=print_failure_as_json if prints_json else None):
        report = run(work)
        for finding in report.findings:
            print_line(console, Text.assemble((finding.kind, "red"), str(finding).removeprefix(finding.kind)))
        print_line(console, _verdict(report))
        if prints_json:
            click.echo(json.dumps(_as_json(report)))
        sys.exit(0 if report.ok else FAILED)


def _verdict(report: VerifyReport) -> str:
    kinds = Counter(finding.kind for finding in report.findings)
    found = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items()) or "all there and unchanged"
    note = "" if report.counted else " (events not counted: the library for this format is not installed)"
    return f"{report.files:,} files with {report.events:,} events in the manifest: {found}{note}"


def _as_json(report: VerifyReport) -> dict[str, object]:
    return {
        "state": "ok" if report.ok else "not ok",
        "folder": str(report.folder),
        "files": report.files,
        "events": report.events,
        "counted": report.counted,
        "findings": [{"kind": each.kind, "name": each.name, "detail": each.detail} for each in report.findings],
    }
