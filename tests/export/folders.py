"""The files of an export."""

import json
from collections.abc import Iterable
from pathlib import Path

from hubapi.testing import FakeHub


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file with its bytes, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def visible(folder: Path) -> dict[str, bytes]:
    """Return the logs and the manifest, without hidden files."""
    return {name: data for name, data in contents(folder).items() if not name.startswith(".")}


def ids(*files: Path) -> list[str]:
    """Return the identities of the events in some files, in their order."""
    return [json.loads(line)["event_id"] for file in files for line in file.read_bytes().splitlines()]


def finished(fake: FakeHub, accounts: Iterable[str]) -> dict[str, list[bytes]]:
    """Return the lines that the logs of accounts must have."""
    return {name: fake.raw_events(name)[::-1] for name in accounts}


def read(folder: Path, accounts: Iterable[str]) -> dict[str, list[bytes]]:
    """Return the lines that the logs of accounts have."""
    return {name: (folder / f"{name}.jsonl").read_bytes().splitlines() for name in accounts}
