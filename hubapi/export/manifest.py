"""What a folder holds: `manifest.json`, and the rules by which an export begins, goes on or is refused there.

A folder has runs, one after the other. A run has a window whose end is frozen when it begins; an account's log is part
of the run when the manifest says so, and then its files are whole and on the disk. Nothing in it depends on how often a
run was interrupted: finished, it has the same bytes.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from attrs import define, evolve, field

from hubapi._datetimes import timestamp_ns
from hubapi.errors import ConfigurationError
from hubapi.export.pages import UNREADABLE

NAME: Final = "manifest.json"
VERSION: Final = 1
LAST: Final = "last"
"""As `since`: go on from where each account's last run ended."""


def _is_time(_owner: object, _attribute: object, text: Any) -> None:
    """Refuse what someone has changed by hand: `nanoseconds` takes no other."""
    if text is not None and datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")


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
    """One window of time; `asked_since` and `asked_until` are what the caller gave, `until` what it came to."""

    number: int
    asked_since: str | None
    asked_until: str | None
    until: str = field(validator=_is_time)
    accounts: dict[str, Log] = field(factory=dict[str, Log])


@define(kw_only=True)
class Manifest:
    """All runs of a folder. `seams` has the identities and times of the last events of each account."""

    hubapi_export: int = VERSION
    format: str
    partition: str | None
    runs: list[Run] = field(factory=list[Run])
    seams: dict[str, list[tuple[int, str]]] = field(factory=dict[str, list[tuple[int, str]]])

    def reached(self, account: str) -> str | None:
        """Return the time up to which an account's log has been exported; where that failed, from when on it should."""
        for run in reversed(self.runs):
            if log := run.accounts.get(account):
                return run.until if log.state == "done" else log.since
        return None


@define(kw_only=True)
class Wish:
    """What a caller asks for."""

    accounts: Sequence[str]
    since: str | None
    until: str | None
    format: str
    partition: str | None


def plan(manifest: Manifest | None, wish: Wish, latest: str) -> Manifest:
    """Return the manifest whose last run is the one to do: a new one, or one that was interrupted.

    Args:
        manifest: What the folder has; None if it is empty.
        wish: What is asked for.
        latest: The latest that a window may end, as no event can come in front of it any more.

    Raises:
        ConfigurationError: what the folder has is something else.
    """
    if manifest is None:
        manifest = Manifest(format=wish.format, partition=wish.partition)
    if (manifest.format, manifest.partition) != (wish.format, wish.partition):
        raise ConfigurationError(
            f"this folder holds an export {_form(manifest.format, manifest.partition)}, not "
            f"{_form(wish.format, wish.partition)}: ask for that, or give another folder"
        )
    last = manifest.runs[-1] if manifest.runs else None
    earlier = manifest.runs
    if last and _is_same(last, wish) and not (wish.since == LAST and _is_over(last, wish)):
        earlier, run = manifest.runs[:-1], last
    elif last and not _is_over(last, wish):
        raise ConfigurationError(
            f"this folder holds an export {_window(last.asked_since, last.asked_until)} that is not finished: run that "
            "again, or give another folder"
        )
    elif last and wish.since != LAST:
        raise ConfigurationError(
            f"this folder holds an export {_window(last.asked_since, last.asked_until)}, not "
            f"{_window(wish.since, wish.until)}: go on from its end with since={LAST!r}, or give another folder"
        )
    else:
        run = Run(
            number=len(manifest.runs) + 1,
            asked_since=wish.since,
            asked_until=wish.until,
            until=_end(manifest, wish, latest),
        )
    logs = {
        name: Log(since=manifest.reached(name) if wish.since == LAST else wish.since)
        for name in wish.accounts
        if name not in run.accounts
    }
    run = evolve(run, accounts={**run.accounts, **logs})
    return evolve(manifest, runs=[*earlier, run])


def _end(manifest: Manifest, wish: Wish, latest: str) -> str:
    """Return where a new run's window ends.

    Raises:
        ConfigurationError: that is before it begins.
    """
    until = latest if wish.until is None else min(wish.until, latest, key=timestamp_ns)
    if wish.since != LAST:
        is_empty = wish.since is not None and timestamp_ns(wish.since) >= timestamp_ns(until)
        since = wish.since
    else:
        reached = [end for end in map(manifest.reached, wish.accounts) if end]
        since = max(reached, key=timestamp_ns, default=until)
        if wish.until is None:  # of the server's clocks, one may be behind by seconds
            return max(until, since, key=timestamp_ns)
        is_empty = timestamp_ns(since) > timestamp_ns(until)
    if is_empty:
        raise ConfigurationError(f"nothing lies between since ({since}) and until ({until})")
    return until


def _is_same(run: Run, wish: Wish) -> bool:
    return (run.asked_since, run.asked_until) == (wish.since, wish.until)


def _is_over(run: Run, wish: Wish) -> bool:
    """Say whether nobody who is asked for waits for a run: what failed may be asked for again, but holds up nothing."""
    return all(log.state != "waiting" for name, log in run.accounts.items() if name in wish.accounts)


def _form(name: str, partition: str | None) -> str:
    return f"as {name}" + (f", one file a {partition}" if partition else "")


def _window(since: str | None, until: str | None) -> str:
    return f"from {since or 'the beginning'} to {until or 'the present'}"


class _Versioned(msgspec.Struct):
    hubapi_export: int


_version_of = msgspec.json.Decoder(_Versioned).decode


def load(folder: Path) -> Manifest | None:
    """Return what a folder says it holds; None if it says nothing.

    Raises:
        ConfigurationError: it can't be read.
    """
    path = folder / NAME
    try:
        content = path.read_bytes()
        if (version := _version_of(content).hubapi_export) == VERSION:
            return msgspec.json.decode(content, type=Manifest)
        problem = f"{path} is of another version of hubapi: {version}, not {VERSION}"
    except FileNotFoundError:
        return None
    except UNREADABLE as error:
        problem = f"{path} is no manifest of an export: {error}"
    except OSError as error:
        problem = f"{path} can't be read: {error.strerror or error}"
    raise ConfigurationError(problem)


def save(folder: Path, manifest: Manifest) -> None:
    """Put a manifest in place: the whole of it, on the disk, or nothing."""
    # Accounts by name: they are finished in any order.
    content = msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1) + b"\n"
    beside = folder / f".{NAME}"
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / NAME)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last, where the system knows how to."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def totals(logs: Mapping[str, Log], of: Literal["actions", "days"]) -> dict[str, int]:
    """Add up the events of several logs, by action or by day."""
    found: dict[str, int] = {}
    for log in logs.values():
        for key, count in (log.actions if of == "actions" else log.days).items():
            found[key] = found.get(key, 0) + count
    return found
