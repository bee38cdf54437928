"""`hubapi fake`: a fake Docker Hub served from a shell, for code in other processes and other languages."""

import logging
import shlex
import signal
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from hubapi.testing import FakeHub

_REPOSITORY = ("library", "python")
_TAGS = 30
_ANONYMOUS_LIMIT = 180
_REACHABLE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to listen on, and to connect to


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="The port to listen on; 0 is any free one.",
)
@click.option("--seed", default=0, show_default=True, help="Determines all generated data.")
@click.option(
    "--user", metavar="NAME", default="moby", show_default=True, help="The user, an owner of all organisations."
)
@click.option("--password", default="made-up-password", show_default=True, help="The user's password.")
@click.option(
    "--org",
    "orgs",
    metavar="NAME",
    multiple=True,
    default=("acme",),
    show_default=True,
    help="An organisation; may be repeated.",
)
@click.option(
    "--events", type=click.IntRange(0), default=1_000, show_default=True, help="Audit events of each organisation."
)
@click.option(
    "--limit", type=click.IntRange(1), default=600, show_default=True, help="Requests in a window of the rate limit."
)
@click.option(
    "--window",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    show_default=True,
    help="The length of a window, in seconds.",
)
@click.option(
    "--token-lifetime",
    type=click.IntRange(1),
    default=600,
    show_default=True,
    help="The lifetime of a bearer token, in seconds.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log every request to standard error.")
def fake(
    *,
    host: str,
    port: int,
    seed: int,
    user: str,
    password: str,
    orgs: tuple[str, ...],
    events: int,
    limit: int,
    window: float,
    token_lifetime: int,
    verbose: bool,
) -> None:
    """Serve a fake Docker Hub on this machine, until Ctrl-C.

    It has one user, organisations with an audit log each, and the public repository library/python. Prints its URL and
    its credentials as HUBAPI_BASE_URL, HUBAPI_USERNAME and HUBAPI_PASSWORD.
    """
    with the_extra_testing("fake"):
        from hubapi.testing import FakeHub, RateLimitPolicy  # noqa: PLC0415 - as `the_extra_testing` requires
    hub = FakeHub(
        seed=seed,
        limit=RateLimitPolicy(limit, window),
        anonymous_limit=RateLimitPolicy(_ANONYMOUS_LIMIT, window),
        token_lifetime_s=token_lifetime,
    )
    try:
        hub.add_user(user, password=password)
        for name in orgs:
            hub.add_org(name, owners=[user], events=events)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    hub.add_repository(*_REPOSITORY, tags=_TAGS)
    if verbose:
        _log_requests()
    _serve(hub, host, port, {"USERNAME": user, "PASSWORD": password})


@contextmanager
def the_extra_testing(command: str) -> Generator[None]:
    """Import packages of the extra `testing` inside the block, since the other commands work without them.

    Raises:
        ClickException: A package of the extra is not installed.
    """
    try:
        yield
    except ImportError as error:
        message = f'hubapi {command} needs {error.name}: pip install "hubapi-client[cli,testing]"'
        raise click.ClickException(message) from None


def _serve(hub: "FakeHub", host: str, port: int, login: dict[str, str]) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), ExitStack() as serving:
        try:
            url = serving.enter_context(hub.serve_in_thread(host=host, port=port))
        except OSError as error:
            raise click.ClickException(f"can't listen on {host}, port {port}: {error.strerror or error}") from None
        click.echo(f"A fake Docker Hub is at {url} until Ctrl-C. In another shell:\n")
        for name, value in {"BASE_URL": url.replace(host, _REACHABLE.get(host, host)), **login}.items():
            click.echo(f"export HUBAPI_{name}={shlex.quote(value)}")
        click.echo()
        _wait_for_signal()
    requests = len(hub.requests)
    click.echo(f"{requests:,} request{'' if requests == 1 else 's'} received")


def _wait_for_signal() -> NoReturn:
    while True:
        time.sleep(3600)  # Ctrl-C interrupts it on every system


def _log_requests() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # its start and its end
