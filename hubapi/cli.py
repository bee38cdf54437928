"""The command `hubapi`. It needs the extra: `pip install "hubapi-client[cli]"`."""

import sys
from functools import partial
from pathlib import Path

try:
    import click

    from hubapi.commands.export import export
    from hubapi.commands.fake import fake, the_extra_testing
    from hubapi.commands.process import exit_on_failure, run
    from hubapi.commands.verify import verify
except ModuleNotFoundError as _error:  # pragma: no cover - seen by the wheel session, which installs no extra
    sys.exit(f'the command hubapi needs {_error.name}: pip install "hubapi-client[cli]"')

from hubapi import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hubapi")
def main() -> None:
    """Work with Docker Hub from a shell."""


@main.command()
@click.option("--orgs", type=click.IntRange(1), default=24, show_default=True, help="Number of organisations.")
@click.option("--events", type=click.IntRange(1), default=2_200, show_default=True, help="Events of each organisation.")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Keep the export in this folder.")
def demo(orgs: int, events: int, out: Path | None) -> None:
    """Export the audit logs of a made-up Docker Hub on this machine, and check every event.

    The server limits the rate with Docker Hub's headers, and its tokens are valid for seconds.
    """
    with the_extra_testing("demo"):
        from hubapi.commands import demo  # noqa: PLC0415 - needs an extra of its own
    with exit_on_failure():
        sys.exit(run(partial(demo.run, orgs=orgs, events=events, out=out)))


main.add_command(export)
main.add_command(verify)
main.add_command(fake)


if __name__ == "__main__":
    main()
