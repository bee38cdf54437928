"""`hubapi export` and `hubapi verify`."""

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

import anyio.to_thread
import click
from attrs import evolve
from rich.text import Text

from hubapi import AsyncHub, Options, RetryPolicy, Settings
from hubapi.commands.input_files import read_accounts, read_credentials
from hubapi.commands.process import PARTLY, exits, run
from hubapi.commands.progress import Pauses, show_export
from hubapi.commands.summary import as_json, error_as_json, new_console, print_summary, say
from hubapi.credentials import Anonymous, Credentials, PersonalAccessToken, credentials_from_env
from hubapi.errors import ConfigurationError, HubError
from hubapi.export import ExportReport, VerifyReport
from hubapi.export import verify as hold_against_manifest
from hubapi.export.formats import FORMATS, FormatName
from hubapi.export.manifest import LAST

_STOPPED = "stopped: what is finished is in place. Run the same command again: it goes on where it stopped."
_NAMED = 8
_PATIENT = Options(retry=RetryPolicy(max_retry_after_s=3600.0))  # nobody waits for a single call

Since: TypeAlias = datetime | Literal["last"] | None


def _moment(context: click.Context, parameter: click.Parameter, text: str | None) -> datetime | None:
    del context
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no date: give one such as 2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00+01:00"
            + (f", or {LAST}" if parameter.name == "since" else "")
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _since(context: click.Context, parameter: click.Parameter, text: str | None) -> Since:
    return "last" if text == LAST else _moment(context, parameter, text)


@click.command()
@click.argument("accounts", nargs=-1, metavar="[ACCOUNT]...")
@click.option(
    "--accounts",
    "accounts_file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Whose logs: one name a line, # for comments, - for standard input.",
)
@click.option(
    "--since",
    callback=_since,
    metavar="DATE|last",
    help="Only events from here on; last: what is new since the last run in this folder.",
)
@click.option(
    "--until", callback=_moment, metavar="DATE", help="Only events before this; a minute before now at the latest."
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("hub-export"), show_default=True, help="The folder."
)
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), default="jsonl", show_default=True, help="The files' format."
)
@click.option("--partition", type=click.Choice(["day"]), help="A file for each day, instead of one for each account.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 256),
    default=16,
    show_default=True,
    help="Accounts side by side, of each login.",
)
@click.option(
    "--credentials-from",
    "credentials_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Who to be for which account: TOML, and nobody else's to read.",
)
@click.option(
    "--json", "prints_json", is_flag=True, help="Print one JSON object in the end, all else to standard error."
)
def export(
    *,
    accounts: tuple[str, ...],
    accounts_file: Path | None,
    since: Since,
    until: datetime | None,
    out: Path,
    form: FormatName,
    partition: Literal["day"] | None,
    concurrency: int,
    credentials_file: Path | None,
    prints_json: bool,
) -> None:
    """Write the audit logs of ACCOUNTs to files: each event once, the oldest first.

    Logs in with what the environment says: HUBAPI_USERNAME with HUBAPI_PASSWORD or HUBAPI_TOKEN, or HUBAPI_ORG with
    HUBAPI_ORG_TOKEN. A DATE is one such as 2026-01-31, with a time and a zone or without; without a zone it is in UTC.

    Run again after an interruption, the same command goes on where it stopped.

    Exits with 0 if all went well, 1 if some accounts failed (the others are complete), 2 if the command is mistaken,
    130 after Ctrl-C.
    """
    if not (accounts or accounts_file or credentials_file):
        raise click.UsageError("give an ACCOUNT, or --accounts FILE")
    with exits(stopped=_STOPPED, told=_json_of_failure if prints_json else None):
        given = read_credentials(credentials_file) if credentials_file else {}
        credentials = {name: _for_audit_logs(who) for name, who in given.items()}
        names = [*accounts, *(_from_file(accounts_file) if accounts_file else ())]
        names = names if accounts or accounts_file else list(credentials)
        _check_covered(names, credentials, credentials_file)

        screen = new_console(stderr=prints_json)
        pauses = Pauses()

        async def work() -> ExportReport:
            async with AsyncHub.from_env(settings=Settings(options=_PATIENT, on_event=pauses.hear)) as hub:
                return await show_export(
                    hub.with_credentials(_for_audit_logs(credentials_from_env())),
                    names,
                    to=out,
                    since=since,
                    until=until,
                    format=form,
                    partition=partition,
                    concurrency=concurrency,
                    credentials=credentials,
                    console=screen,
                    pauses=pauses,
                )

        report = run(work)
        print_summary(report, screen)
        if prints_json:
            click.echo(json.dumps(as_json(report)))
        sys.exit(PARTLY if report.failed else 0)


def _from_file(path: Path) -> list[str]:
    try:
        with click.open_file(str(path), encoding="utf-8") as file:
            return read_accounts(file)
    except OSError as error:
        problem = f"{path} can't be read: {error.strerror or error}"
    except UnicodeDecodeError:
        problem = f"{path} is no list of accounts: it is not in UTF-8"
    raise ConfigurationError(problem)


def _check_covered(names: Sequence[str], credentials: Mapping[str, Credentials], path: Path | None) -> None:
    """Refuse accounts that nobody is there to read: each request would be refused."""
    without = [name for name in names if name not in credentials]
    if not without or not isinstance(credentials_from_env(), Anonymous):
        return
    variables = "HUBAPI_USERNAME with HUBAPI_PASSWORD or HUBAPI_TOKEN, or HUBAPI_ORG with HUBAPI_ORG_TOKEN"
    if path is None:
        raise ConfigurationError(f"no credentials: set {variables}; or give --credentials-from FILE")
    words = ", ".join(without[:_NAMED]) + (f" and {len(without) - _NAMED} more" if len(without) > _NAMED else "")
    raise ConfigurationError(f"no credentials for {words}: {path} has none, so set {variables}")


def _for_audit_logs(credentials: Credentials) -> Credentials:
    """Exchange a personal access token instead of logging in with it: audit logs are only open to it then (D18)."""
    return evolve(credentials, exchange=True) if isinstance(credentials, PersonalAccessToken) else credentials


def _json_of_failure(error: HubError | None) -> None:
    found = {"state": "stopped"} if error is None else {"state": "failed", "error": error_as_json(error)}
    click.echo(json.dumps(found))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--json", "prints_json", is_flag=True, help="Print one JSON object; all else to standard error.")
def verify(*, folder: Path, prints_json: bool) -> None:
    """Hold the files of an export in DIR against its manifest: hashed and counted anew. Nothing is written.

    Exits with 0 if all are there and unchanged, 1 if not, 2 if DIR holds no export.
    """
    screen = new_console(stderr=prints_json)

    async def work() -> VerifyReport:
        with screen.status(f"reading {folder}"):
            return await anyio.to_thread.run_sync(hold_against_manifest, folder, abandon_on_cancel=True)

    with exits(told=_json_of_failure if prints_json else None):
        report = run(work)
        for finding in report.findings:
            say(screen, Text.assemble((finding.kind, "red"), str(finding).removeprefix(finding.kind)))
        say(screen, _verdict(report))
        if prints_json:
            click.echo(json.dumps(_as_json(report)))
        sys.exit(0 if report.ok else PARTLY)


def _verdict(report: VerifyReport) -> str:
    kinds = Counter(finding.kind for finding in report.findings)
    found = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items()) or "all there and unchanged"
    how = "" if report.counted else " (hashed, not counted: what reads this format is not installed)"
    return f"{report.files:,} files with {report.events:,} events in the manifest: {found}{how}"


def _as_json(report: VerifyReport) -> dict[str, object]:
    return {
        "state": "ok" if report.ok else "not ok",
        "folder": str(report.folder),
        "files": report.files,
        "events": report.events,
        "counted": report.counted,
        "findings": [{"kind": each.kind, "name": each.name, "detail": each.detail} for each in report.findings],
    }
