"""The rules by which an export begins a run in a folder, continues one, or is refused."""

from attrs import evolve

from hubapi._datetimes import timestamp_ns
from hubapi.errors import ConfigurationError
from hubapi.export.manifest import Log, Manifest, Run
from hubapi.export.options import LAST, ExportOptions


def plan_run(manifest: Manifest | None, options: ExportOptions, latest: str) -> Manifest:
    """Return the manifest with the run to do as its last: a new run, or one that was interrupted.

    Args:
        manifest: The folder's manifest; None for an empty folder.
        options: The options.
        latest: The latest end of a window: no event can appear before it any more.

    Raises:
        ConfigurationError: the folder holds an export with other options.
    """
    if manifest is None:
        manifest = Manifest(format=options.format, partition=options.partition)
    _check_form(manifest, options)
    continued = _continued_run(manifest, options)
    since, until = options.window
    run = continued or Run(
        number=len(manifest.runs) + 1,
        asked_since=since,
        asked_until=until,
        until=_end(manifest, options, latest),
    )
    added = {
        name: Log(since=manifest.reached(name) if since == LAST else since)
        for name in options.accounts
        if name not in run.accounts
    }
    earlier = manifest.runs[:-1] if continued else manifest.runs
    return evolve(manifest, runs=[*earlier, evolve(run, accounts={**run.accounts, **added})])


def _check_form(manifest: Manifest, options: ExportOptions) -> None:
    if (manifest.format, manifest.partition) != (options.format, options.partition):
        raise ConfigurationError(
            f"this folder holds an export as {_form(manifest.format, manifest.partition)}, not as "
            f"{_form(options.format, options.partition)}: use the same options, or another folder"
        )


def _continued_run(manifest: Manifest, options: ExportOptions) -> Run | None:
    """Return the last run if these are its options and it isn't over; None for a new run.

    Raises:
        ConfigurationError: these options neither continue the last run nor follow it.
    """
    if not manifest.runs:
        return None
    last, since = manifest.runs[-1], options.window[0]
    is_same = (last.asked_since, last.asked_until) == options.window
    # What failed can be asked for again, but holds up nothing.
    is_over = all(log.state != "waiting" for name, log in last.accounts.items() if name in options.accounts)
    if is_same and not (since == LAST and is_over):
        return last
    held = f"this folder holds an export {_window(last.asked_since, last.asked_until)}"
    if not is_over:
        raise ConfigurationError(f"{held} that is not finished: run that again, or use another folder")
    if since != LAST:
        raise ConfigurationError(
            f"{held}, not {_window(*options.window)}: continue from its end with since={LAST!r}, or use another folder"
        )
    return None


def _end(manifest: Manifest, options: ExportOptions, latest: str) -> str:
    """Return the end of a new run's window.

    Raises:
        ConfigurationError: that is before its beginning.
    """
    since, asked_until = options.window
    until = latest if asked_until is None else min(asked_until, latest, key=timestamp_ns)
    if since != LAST:
        is_empty = since is not None and timestamp_ns(since) >= timestamp_ns(until)
    else:
        reached = [end for end in map(manifest.reached, options.accounts) if end]
        since = max(reached, key=timestamp_ns, default=until)
        if asked_until is None:  # one of the server's clocks may be behind by seconds
            return max(until, since, key=timestamp_ns)
        is_empty = timestamp_ns(since) > timestamp_ns(until)
    if is_empty:
        raise ConfigurationError(f"the window is empty: since is {since}, and until is {until}")
    return until


def _form(name: str, partition: str | None) -> str:
    return name + (f" with one file per {partition}" if partition else "")


def _window(since: str | None, until: str | None) -> str:
    return f"from {since or 'the beginning'} to {until or 'the present'}"
