"""`hubapi export`."""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from attrs import evolve

from hubapi import AsyncHub, Options, RetryPolicy, Settings
from hubapi._datetimes import parse_timestamp
from hubapi.commands.console import new_console, some_of
from hubapi.commands.input_files import read_accounts, read_credentials
from hubapi.commands.process import FAILED, exit_on_failure, run
from hubapi.commands.progress import Pauses, show_export
from hubapi.commands.summary import as_json, error_as_json, print_summary
from hubapi.credentials import Anonymous, Credentials, PersonalAccessToken, credentials_from_env
from hubapi.errors import ConfigurationError, HubError
from hubapi.export import ExportOptions, ExportReport
from hubapi.export.formats import FORMATS
from hubapi.export.options import LAST

_STOPPED = "stopped: finished files are in place. Run the same command again to continue."
_PATIENT = Options(retry=RetryPolicy(max_retry_after_s=3600.0))  # no caller waits for a single request


def _time(_: click.Context, parameter: click.Parameter, text: str | None) -> datetime | str | None:
    if text is None or (text == LAST and parameter.name == "since"):
        return text
    try:
        return parse_timestamp(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a date: give one such as 2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00+01:00"
            + (f", or {LAST}" if parameter.name == "since" else "")
        ) from None


# Every parameter that is not an argument of the function is passed on as an option of the export, by its name.
@click.command()
@click.argument("accounts", nargs=-1, metavar="[ACCOUNT]...")
@click.option(
    "--accounts",
    "accounts_file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Read accounts from FILE: one name per line, # for comments, - for standard input.",
)
@click.option(
    "--since",
    callback=_time,
    metavar="DATE|last",
    help="Export events from DATE on; last: what is new since the last run in this folder.",
)
@click.option(
    "--until",
    callback=_time,
    metavar="DATE",
    help="Export events before DATE; the default, and the latest, is a minute ago.",
)
@click.option(
    "--out", "to", type=click.Path(path_type=Path), default=Path("hub-export"), show_default=True, help="The folder."
)
@click.option("--format", type=click.Choice(list(FORMATS)), default="jsonl", show_default=True, help="The file format.")
@click.option("--partition", type=click.Choice(["day"]), help="Write a file per day instead of a file per account.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 256),
    default=16,
    show_default=True,
    help="Accounts read at the same time, per login.",
)
@click.option(
    "--credentials-from",
    "credentials_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Read credentials per account from a TOML file, which must not be readable by other users.",
)
@click.option("--json", "prints_json", is_flag=True, help="Print one JSON object; the rest goes to standard error.")
def export(
    *,
    accounts: tuple[str, ...],
    accounts_file: Path | None,
    credentials_file: Path | None,
    prints_json: bool,
    **options: Any,
) -> None:
    """Write the audit logs of ACCOUNTs to files: each event once, oldest first.

    Credentials come from the environment: HUBAPI_USERNAME with HUBAPI_PASSWORD or HUBAPI_TOKEN, or HUBAPI_ORG with
    HUBAPI_ORG_TOKEN. A DATE is 2026-01-31, for example, or has a time and a time zone; without a time zone it is UTC.

    To continue after an interruption, run the same command again.

    Exit status: 0 if everything went well, 1 if some accounts failed (the others are complete), 2 if the command is
    wrong, 130 after Ctrl-C.
    """
    if not (accounts or accounts_file or credentials_file):
        raise click.UsageError("give an ACCOUNT, or --accounts FILE")
    with exit_on_failure(stopped=_STOPPED, on_failure=print_failure_as_json if prints_json else None):
        given = read_credentials(credentials_file) if credentials_file else {}
        credentials = {name: _for_audit_logs(each) for name, each in given.items()}
        names = [*accounts, *(read_accounts(accounts_file) if accounts_file else ())]
        names = names if accounts or accounts_file else list(credentials)
        _check_credentials(names, credentials, credentials_file)

        report = _export(ExportOptions(accounts=names, credentials=credentials, **options), stderr=prints_json)
        if prints_json:
            click.echo(json.dumps(as_json(report)))
        sys.exit(FAILED if report.failed else 0)


def _export(options: ExportOptions, *, stderr: bool) -> ExportReport:
    console, pauses = new_console(stderr=stderr), Pauses()

    async def work() -> ExportReport:
        async with AsyncHub.from_env(settings=Settings(options=_PATIENT, on_event=pauses.on_event)) as hub:
            exporting = hub.with_credentials(_for_audit_logs(credentials_from_env()))
            return await show_export(exporting, options, console=console, pauses=pauses)

    report = run(work)
    print_summary(report, console)
    return report


def _check_credentials(names: Iterable[str], credentials: Mapping[str, Credentials], path: Path | None) -> None:
    """Refuse accounts without credentials, as each request would be refused."""
    without = [name for name in names if name not in credentials]
    if not without or not isinstance(credentials_from_env(), Anonymous):
        return
    variables = "HUBAPI_USERNAME with HUBAPI_PASSWORD or HUBAPI_TOKEN, or HUBAPI_ORG with HUBAPI_ORG_TOKEN"
    if path is None:
        raise ConfigurationError(f"no credentials: set {variables}; or give --credentials-from FILE")
    raise ConfigurationError(f"no credentials for {some_of(without)}: {path} has none, so set {variables}")


def _for_audit_logs(credentials: Credentials) -> Credentials:
    """Exchange a personal access token instead of logging in with it: only then it may read audit logs (D18)."""
    return evolve(credentials, exchange=True) if isinstance(credentials, PersonalAccessToken) else credentials


def print_failure_as_json(error: HubError | None) -> None:
    """Print the JSON object of a command that failed with an error, or was stopped by a signal."""
    found = {"state": "stopped"} if error is None else {"state": "failed", "error": error_as_json(error)}
    click.echo(json.dumps(found))
