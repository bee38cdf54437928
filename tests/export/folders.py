"""What an export has left in a folder."""

import json
from collections.abc import Iterable
from pathlib import Path

from hubapi.testing import FakeHub


def contents(folder: Path) -> dict[str, bytes]:
    """Every file with its bytes, the hidden ones too; of the lock only that it is there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def visible(folder: Path) -> dict[str, bytes]:
    """The logs and the manifest, without what is hidden."""
    return {name: data for name, data in contents(folder).items() if not name.startswith(".")}


def ids(*files: Path) -> list[str]:
    """The identities of the events in some files, in their order."""
    return [json.loads(line)["event_id"] for file in files for line in file.read_bytes().splitlines()]


def finished(fake: FakeHub, accounts: Iterable[str]) -> dict[str, list[bytes]]:
    """What the logs of accounts must be, line by line."""
    return {name: fake.raw_events(name)[::-1] for name in accounts}


def read(folder: Path, accounts: Iterable[str]) -> dict[str, list[bytes]]:
    """What the logs of accounts are, line by line."""
    return {name: (folder / f"{name}.jsonl").read_bytes().splitlines() for name in accounts}
