"""The content of a folder: `manifest.json`.

A folder has runs, one after the other. The window of a run is fixed when the run begins. An account's log is part of a
run once the manifest says so, and by then its files are complete and on the disk. Nothing in a manifest depends on how
often a run was interrupted: once finished, it has the same bytes.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec
from attrs import define, field

from hubapi import _files
from hubapi._datetimes import check_zone
from hubapi.errors import ConfigurationError
from hubapi.export.pages import UNREADABLE

NAME: Final = "manifest.json"
VERSION: Final = 1

Overlap: TypeAlias = Sequence[tuple[int, str]]
"""The times and identities of a log's last events, which the next run reads again and leaves out."""


def _is_time(_owner: object, _attribute: object, text: Any) -> None:
    """Refuse what was changed by hand and can't be read as a time."""
    if text is not None:
        check_zone(text)


@define(kw_only=True)
class LogFile:
    """A finished file, by its name in the folder."""

    name: str
    events: int
    bytes: int
    sha256: str


@define(kw_only=True)
class Log:
    """One account's log in a run."""

    state: Literal["waiting", "done", "failed"] = "waiting"
    since: str | None = field(default=None, validator=_is_time)
    events: int = 0
    files: list[LogFile] = field(factory=list[LogFile])
    actions: dict[str, int] = field(factory=dict[str, int])
    days: dict[str, int] = field(factory=dict[str, int])
    error: str | None = None


@define(kw_only=True)
class Run:
    """One window of time. `asked_since` and `asked_until` are the options of the run, `until` is the resulting end."""

    number: int
    asked_since: str | None
    asked_until: str | None
    until: str = field(validator=_is_time)
    accounts: dict[str, Log] = field(factory=dict[str, Log])


@define(kw_only=True)
class Manifest:
    """All runs of a folder.

    The names are those of the file. `seams` has the overlap of each account.
    """

    hubapi_export: int = VERSION
    format: str
    partition: str | None
    runs: list[Run] = field(factory=list[Run])
    seams: dict[str, list[tuple[int, str]]] = field(factory=dict[str, list[tuple[int, str]]])

    def reached(self, account: str) -> str | None:
        """Return the end of an account's last run; if that failed, its beginning."""
        for run in reversed(self.runs):
            if log := run.accounts.get(account):
                return run.until if log.state == "done" else log.since
        return None


class _Versioned(msgspec.Struct):
    hubapi_export: int


_version_of = msgspec.json.Decoder(_Versioned).decode


def load(folder: Path) -> Manifest | None:
    """Return the manifest of a folder; None if there is none.

    Raises:
        ConfigurationError: it can't be read.
    """
    path = folder / NAME
    try:
        content = path.read_bytes()
        if (version := _version_of(content).hubapi_export) == VERSION:
            return msgspec.json.decode(content, type=Manifest)
        problem = f"{path} was written by another version of hubapi: its version is {version}, not {VERSION}"
    except FileNotFoundError:
        return None
    except UNREADABLE as error:
        problem = f"{path} is not the manifest of an export: {error}"
    except OSError as error:
        problem = f"{path} can't be read: {error.strerror or error}"
    raise ConfigurationError(problem)


def save(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of a folder, in one step and on the disk.

    Raises:
        ConfigurationError: it can't be written.
    """
    # Accounts by name: they are finished in any order.
    content = msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1) + b"\n"
    path = folder / NAME
    try:
        with _files.replacing(path, folder / f".{NAME}") as file:
            file.write(content)
    except OSError as error:
        problem = f"{path} can't be written: {error.strerror or error}"
    else:
        return
    raise ConfigurationError(problem)


def totals(logs: Iterable[Log], of: Literal["actions", "days"]) -> dict[str, int]:
    """Add up the events of several logs, by action or by day."""
    found: dict[str, int] = {}
    for log in logs:
        for key, count in (log.actions if of == "actions" else log.days).items():
            found[key] = found.get(key, 0) + count
    return found
