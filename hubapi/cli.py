"""The command `hubapi`. It needs the extra: `pip install "hubapi-client[cli]"`."""

import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

try:
    import click

    from hubapi.fake_command import fake, the_extra_testing
    from hubapi.progress import show_export
except ModuleNotFoundError as error:  # pragma: no cover - seen by the wheel session, which installs no extra
    sys.exit(f'the command hubapi needs {error.name}: pip install "hubapi-client[cli]"')

import anyio

from hubapi import AsyncHub, HubError, __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hubapi")
def main() -> None:
    """Work with Docker Hub from a shell."""


@main.command()
@click.argument("accounts", nargs=-1, required=True, metavar="ACCOUNT...")
@click.option("--since", type=click.DateTime(), help="Only events from here on (UTC).")
@click.option("--until", type=click.DateTime(), help="Only events up to here (UTC).")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("hub-export"), show_default=True, help="The folder."
)
@click.option(
    "--concurrency", type=click.IntRange(1, 256), default=16, show_default=True, help="Accounts side by side."
)
def export(
    accounts: tuple[str, ...], since: datetime | None, until: datetime | None, out: Path, concurrency: int
) -> None:
    """Write the audit logs of ACCOUNTs to files, one JSON event a line, oldest first.

    Logs in with what the environment says: HUBAPI_USERNAME with HUBAPI_PASSWORD or HUBAPI_TOKEN, or HUBAPI_ORG with
    HUBAPI_ORG_TOKEN. Exits with 1 if any account failed.
    """

    async def run() -> int:
        async with AsyncHub.from_env() as hub:
            report = await show_export(
                hub, accounts, to=out, since=_utc(since), until=_utc(until), concurrency=concurrency
            )
        return 1 if report.failed else 0

    _exit_with(run)


@main.command()
@click.option("--orgs", type=click.IntRange(1), default=24, show_default=True, help="How many organisations.")
@click.option("--events", type=click.IntRange(1), default=2_200, show_default=True, help="Events in each.")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Keep the export in this folder.")
def demo(orgs: int, events: int, out: Path | None) -> None:
    """Export the audit logs of a made-up Docker Hub, served on this machine, and check every event.

    The server limits the rate with Docker Hub's own headers, and its tokens live for seconds.
    """
    with the_extra_testing("demo"):
        from hubapi import demo  # noqa: PLC0415 - needs an extra of its own
    _exit_with(lambda: demo.run(orgs=orgs, events=events, out=out))


main.add_command(fake)


def _exit_with(run: Callable[[], Awaitable[int]]) -> None:
    try:
        sys.exit(anyio.run(run))
    except HubError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        click.echo("stopped; what was finished is in place, the rest is not", err=True)
        sys.exit(130)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


if __name__ == "__main__":
    main()
