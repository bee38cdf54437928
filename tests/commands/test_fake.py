"""`hubapi fake` as in a shell: a process of its own, HTTP, Ctrl-C."""

import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from attrs import frozen

from tests.commands.running import command, environment, in_a_process

LINES_UNTIL_READY = 6  # the URL, an empty line, three variables, an empty line


@frozen
class Shell:
    """A process that runs `hubapi fake`, ready to serve."""

    process: subprocess.Popen[str]
    environment: dict[str, str]

    @property
    def url(self) -> str:
        return self.environment["HUBAPI_BASE_URL"]

    def stop(self, by: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """Press Ctrl-C, and return the exit status and the rest of the output."""
        self.process.send_signal(by)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@contextmanager
def fake(*words: str) -> Generator[Shell]:
    # A job in the background of a script ignores Ctrl-C, and its children with it; a handler of ours is not inherited.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            command("fake", *words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        try:
            assert process.stdout
            lines = [process.stdout.readline() for _ in range(LINES_UNTIL_READY)]
            exports = [shlex.split(line)[1] for line in lines if line.startswith("export ")]
            assert exports, process.communicate(timeout=30)
            yield Shell(process, dict(variable.split("=", 1) for variable in exports))
        finally:
            process.kill()


def test_a_second_shell_exports_from_it(tmp_path: Path) -> None:
    """It prints all variables that `hubapi export` needs, with any characters in the password."""
    with fake("--org", "acme", "--org", "umbrella", "--events", "120", "--password", "it's $HOME") as shell:
        ran = in_a_process("export", "acme", "umbrella", "--out", str(tmp_path), **shell.environment)
        status, out, err = shell.stop()

    assert (0, "") == (ran.returncode, ran.stderr)
    assert "it's $HOME" == shell.environment["HUBAPI_PASSWORD"]
    assert [120, 120] == [len((tmp_path / f"{name}.jsonl").read_bytes().splitlines()) for name in ("acme", "umbrella")]
    assert (0, "") == (status, err)
    assert re.fullmatch(r"\d+ requests received\n", out)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly(by: signal.Signals) -> None:
    """Ctrl-C and SIGTERM are not failures, and an open connection does not prevent the end."""
    with fake() as shell, httpx.Client(base_url=shell.url) as client:
        response = client.get("/v2/namespaces/library/repositories/python/tags")
        ended = shell.stop(by)

    assert 30 == response.json()["count"]
    assert (0, "1 request received\n", "") == ended


def test_the_same_seed_generates_the_same_data() -> None:
    """Tags and their digests follow from the seed."""
    responses = []
    for seed in ("7", "7", "8"):
        with fake("--seed", seed) as shell:
            tag = httpx.get(f"{shell.url}/v2/namespaces/library/repositories/python/tags/latest").json()
            responses.append(tag["digest"])
            shell.stop()

    assert responses[0] == responses[1] != responses[2]


def test_limit_window_and_token_lifetime_are_the_servers() -> None:
    """The third request in a window of two is a 429 with the window's end; the token has its expiry."""
    with fake("--limit", "2", "--window", "3600", "--token-lifetime", "77") as shell:
        user = {"username": shell.environment["HUBAPI_USERNAME"], "password": shell.environment["HUBAPI_PASSWORD"]}
        with httpx.Client(base_url=shell.url) as client:
            token = client.post("/v2/users/login", json=user).json()["token"]
            client.headers["authorization"] = f"Bearer {token}"
            responses = [client.get("/v2/auditlogs/acme") for _ in range(3)]
        shell.stop()

    import jwt

    claims = jwt.decode(token, options={"verify_signature": False})
    assert 77 == claims["exp"] - claims["iat"]
    assert [200, 200, 429] == [response.status_code for response in responses]
    assert 3000 < int(responses[2].headers["x-retry-after"]) - claims["iat"] <= 3660


def test_verbose_logs_every_request() -> None:
    """One line for each on standard error, without uvicorn's own messages and without secrets."""
    with fake("--verbose", "--password", "hunter2-hunter2") as shell:
        httpx.post(f"{shell.url}/v2/users/login", json={"username": "moby", "password": "hunter2-hunter2"})
        httpx.get(f"{shell.url}/v2/nothing?page=2")
        status, _, err = shell.stop()

    lines = err.splitlines()
    assert (0, 3) == (status, len(lines))
    assert lines[0].endswith('"POST /v2/users/login HTTP/1.1" 200')
    assert "FakeHub has no route GET /v2/nothing; the nearest is" in lines[1]
    assert lines[2].endswith('"GET /v2/nothing?page=2 HTTP/1.1" 404')
    assert "hunter2" not in err


def test_a_wildcard_address_is_printed_as_loopback() -> None:
    """The client sends a password over http only to loopback, which 0.0.0.0 is not."""
    with fake("--host", "0.0.0.0") as shell:  # noqa: S104 - the point
        response = httpx.get(f"{shell.url}/v2/namespaces/library/repositories/python/tags")
        shell.stop()

    assert shell.url.startswith("http://127.0.0.1:")
    assert 200 == response.status_code


def test_a_port_in_use_is_one_line() -> None:
    """The error names address and port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = in_a_process("fake", "--port", str(port))

    assert (1, "") == (ran.returncode, ran.stdout)
    assert f"Error: can't listen on 127.0.0.1, port {port}: Address already in use\n" == ran.stderr


def test_a_duplicate_name_is_a_usage_error() -> None:
    """A user and an organisation share one namespace."""
    ran = in_a_process("fake", "--user", "acme")

    assert 2 == ran.returncode
    assert "Error: account 'acme' already exists" in ran.stderr


# --- without the extra `testing`


def run_without(missing: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command as if a package were not installed."""
    code = f"import sys; sys.modules[{missing!r}] = None; from hubapi.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment(**more),
        timeout=60,
    )


@pytest.mark.parametrize("missing", ["jwt", "pyotp", "starlette", "uvicorn"])
@pytest.mark.parametrize("words", ["fake", "demo"])
def test_a_missing_extra_is_named(words: str, missing: str) -> None:
    """One line names the extra to install."""
    ran = run_without(missing, words)

    assert (1, "") == (ran.returncode, ran.stdout)
    assert re.fullmatch(
        rf'Error: hubapi {words} needs {missing}.*: pip install "hubapi-client\[cli,testing\]"\n', ran.stderr
    )


def test_export_needs_no_extra_but_its_own(tmp_path: Path) -> None:
    """With the extra `cli` alone the export starts, and reports missing credentials."""
    ran = run_without("starlette", "export", "acme", "--out", str(tmp_path))

    words = " ".join((ran.stdout + ran.stderr).split())
    assert 2 == ran.returncode
    assert "no credentials: set HUBAPI_USERNAME with HUBAPI_PASSWORD" in words
    assert "Traceback" not in words
