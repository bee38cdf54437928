"""Whether a folder still holds what its manifest says: each file hashed and counted anew. Nothing is written."""

import gzip
import os
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, Literal, cast

from attrs import frozen

from hubapi.errors import ConfigurationError
from hubapi.export import manifest as manifests
from hubapi.export.formats import FORMATS, format_of
from hubapi.export.log_writer import measured
from hubapi.export.manifest import Log, LogFile, Manifest

_BLOCK = 1 << 20


@frozen(kw_only=True)
class Finding:
    """One thing that is not as the manifest says.

    Attributes:
        kind: `missing`, a file that should be there; `changed`, one that is not as it was written; `extra`, one that no
            export of this folder has written; `unfinished`, an account that the last run has not finished.
        name: The file's name in the folder, or the account's.
        detail: How it differs, or what the account failed with.
    """

    kind: Literal["missing", "changed", "extra", "unfinished"]
    name: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}" + (f": {self.detail}" if self.detail else "")


@frozen(kw_only=True)
class VerifyReport:
    """What `verify` found.

    Attributes:
        folder: Where it looked.
        files: How many files the manifest names.
        events: How many events it says they hold.
        counted: Whether events were counted: not where the library that their format takes is not installed.
        findings: What is not as it should be, in the order of names.
    """

    folder: Path
    files: int
    events: int
    counted: bool
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is there, and as it was written."""
        return not self.findings


def verify(folder: Path) -> VerifyReport:
    """Hold an export's folder against its manifest. It reads every byte, blocks meanwhile, and writes nothing.

    Args:
        folder: Where the export is.

    Raises:
        ConfigurationError: it holds no export, or one whose manifest can't be read.

    Example:
        >>> from pathlib import Path
        >>> verify(Path("no-such-folder"))
        Traceback (most recent call last):
        ...
        hubapi.errors.ConfigurationError: no-such-folder holds no export: there is no manifest.json
    """
    found = manifests.load(folder)
    if found is None:
        raise ConfigurationError(f"{folder} holds no export: there is no {manifests.NAME}")
    entries = {entry.name: entry for run in found.runs for log in run.accounts.values() for entry in log.files}
    counted = _can_count(found.format)
    findings = [
        Finding(kind="changed" if (folder / name).is_file() else "missing", name=name, detail=", ".join(wrong))
        for name, entry in entries.items()
        if (wrong := _differences(folder / name, entry, found.format if counted else None)) is not None
    ]
    findings += [Finding(kind="extra", name=name) for name in _names(folder) if name not in entries]
    findings += _sums(found)
    findings += _unfinished(found)
    return VerifyReport(
        folder=folder,
        files=len(entries),
        events=sum(entry.events for entry in entries.values()),
        counted=counted,
        findings=tuple(sorted(findings, key=lambda finding: finding.name)),
    )


def _differences(path: Path, entry: LogFile, form: str | None) -> list[str] | None:
    """Return how a file differs from its entry; None if it doesn't. Without a format its events are not counted."""
    if not path.is_file():
        return []
    wrong: list[str] = []
    try:
        size, digest = measured(path)
        if size != entry.bytes:
            wrong.append(f"{size:,} bytes instead of {entry.bytes:,}")
        elif digest != entry.sha256:
            wrong.append("as many bytes, but others (SHA-256)")
        events = entry.events if form is None else _count(path, form)
        if events != entry.events:
            wrong.append(f"{events:,} events instead of {entry.events:,}")
    except Exception as error:  # noqa: BLE001 - each format's library has its own for what it can't read
        wrong.append(f"can't be read: {getattr(error, 'strerror', None) or error}")
    return wrong or None


def _can_count(form: str) -> bool:
    try:
        format_of(form)
    except ConfigurationError:
        return False
    return True


def _count(path: Path, form: str) -> int:
    if form == "parquet":
        return _count_parquet(path)
    with _opened(path, form) as file:
        if form == "csv":
            return max(0, _records(file) - 1)  # the first is the header
        return sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK), b""))


def _opened(path: Path, form: str) -> BinaryIO:
    match form:
        case "jsonl.gz":
            return cast("BinaryIO", gzip.open(path))
        case "jsonl.zst":
            return cast("BinaryIO", import_module(cast("str", FORMATS[form].library)).open(path))
        case _:
            return path.open("rb")


def _count_parquet(path: Path) -> int:
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - behind the extra `parquet`

    with ParquetFile(path) as file:
        return file.metadata.num_rows


def _records(lines: Iterable[bytes]) -> int:
    """Count the records of a CSV file: a line break within quotes ends none."""
    found, quotes = 0, 0
    for line in lines:
        quotes += line.count(b'"')
        found += quotes % 2 == 0
    return found


def _names(folder: Path) -> list[str]:
    """Return the names of all files but the manifest, those that an export is still writing, and other hidden ones."""
    found: list[str] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [(Path(place) / name).relative_to(folder).as_posix() for name in files if not name.startswith(".")]
    return sorted(name for name in found if name != manifests.NAME)


def _sums(found: Manifest) -> list[Finding]:
    """Hold the manifest against itself."""
    return [
        Finding(kind="changed", name=manifests.NAME, detail=f"the numbers of {account} don't add up")
        for run in found.runs
        for account, log in run.accounts.items()
        if log.state == "done" and not _adds_up(log)
    ]


def _adds_up(log: Log) -> bool:
    of_files = sum(entry.events for entry in log.files)
    return {log.events} == {of_files, sum(log.days.values()), sum(log.actions.values())}


def _unfinished(found: Manifest) -> list[Finding]:
    logs: Mapping[str, Log] = found.runs[-1].accounts if found.runs else {}
    return [
        Finding(kind="unfinished", name=account, detail=log.error or "")
        for account, log in logs.items()
        if log.state != "done"
    ]
