"""Checks whether a folder still holds what its manifest says, by reading every file again. Nothing is written."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from attrs import frozen

from hubapi.errors import ConfigurationError
from hubapi.export import manifest as manifests
from hubapi.export.formats import Format, format_of
from hubapi.export.log_writer import size_and_sha256
from hubapi.export.manifest import Log, LogFile, Manifest


@frozen(kw_only=True)
class Finding:
    """One difference between a folder and its manifest.

    Attributes:
        kind: `missing`: a file of the manifest is not there; `changed`: it is not as it was written; `extra`: no export
            of this folder has written it; `unfinished`: the last run has not finished the account.
        name: The file's name in the folder, or the account's.
        detail: The difference, or the error that the account failed with.
    """

    kind: Literal["missing", "changed", "extra", "unfinished"]
    name: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}" + (f": {self.detail}" if self.detail else "")


@frozen(kw_only=True)
class VerifyReport:
    """The result of `verify`.

    Attributes:
        folder: The folder.
        files: The number of files in the manifest.
        events: The number of events in the manifest.
        counted: Whether events were counted: False if the library that their format needs is not installed.
        findings: The differences, in the order of names.
    """

    folder: Path
    files: int
    events: int
    counted: bool
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether there are no differences."""
        return not self.findings


def verify(folder: Path) -> VerifyReport:
    """Check a folder against its manifest. It reads every byte, blocks until it is done, and writes nothing.

    Args:
        folder: The folder of an export.

    Raises:
        ConfigurationError: it holds no export, or its manifest can't be read.

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
    form = _countable(found.format)
    findings = [
        Finding(kind="changed" if (folder / name).is_file() else "missing", name=name, detail=", ".join(differences))
        for name, entry in entries.items()
        if (differences := _differences(folder / name, entry, form)) is not None
    ]
    findings += [Finding(kind="extra", name=name) for name in _names(folder) if name not in entries]
    findings += _wrong_sums(found)
    findings += _unfinished(found)
    return VerifyReport(
        folder=folder,
        files=len(entries),
        events=sum(entry.events for entry in entries.values()),
        counted=form is not None,
        findings=tuple(sorted(findings, key=lambda finding: finding.name)),
    )


def _countable(name: str) -> Format | None:
    """Return a format by its name; None if the library that it needs is not installed."""
    try:
        return format_of(name)
    except ConfigurationError:
        return None


def _differences(path: Path, entry: LogFile, form: Format | None) -> list[str] | None:
    """Return the differences of a file from its entry; None if there are none. Without a format nothing is counted."""
    if not path.is_file():
        return []
    found: list[str] = []
    try:
        size, digest = size_and_sha256(path)
        if size != entry.bytes:
            found.append(f"{size:,} bytes instead of {entry.bytes:,}")
        elif digest != entry.sha256:
            found.append("the same size, but another SHA-256")
        events = entry.events if form is None else form.count_events(path)
        if events != entry.events:
            found.append(f"{events:,} events instead of {entry.events:,}")
    except Exception as error:  # noqa: BLE001 - each format's library has its own errors
        found.append(f"can't be read: {getattr(error, 'strerror', None) or error}")
    return found or None


def _names(folder: Path) -> list[str]:
    """Return the names of all files except the manifest and hidden ones, such as those that an export is writing."""
    found: list[str] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [(Path(place) / name).relative_to(folder).as_posix() for name in files if not name.startswith(".")]
    return sorted(name for name in found if name != manifests.NAME)


def _wrong_sums(found: Manifest) -> list[Finding]:
    """Check the manifest against itself."""
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
