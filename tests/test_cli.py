"""The commands over real HTTP; in processes of their own if signals or a whole process matter."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attrs import frozen
from click.testing import CliRunner

from hubapi.cli import main
from hubapi.testing import FakeHub, faults
from tests.commands.running import command, environment, in_a_process

posix = pytest.mark.skipif(os.name != "posix", reason="has no such signals")


@frozen
class Ran:
    """The result of a command."""

    returncode: int
    stdout: str
    stderr: str


def hubapi(*words: str, typed: str = "", **more: str) -> Ran:
    """Run a command in this process, which takes a tenth of the time."""
    ours = {name: None for name in os.environ if name.startswith("HUBAPI_")}
    result = CliRunner().invoke(main, words, input=typed, env={**ours, **more})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def served(fake: FakeHub) -> Generator[dict[str, str]]:
    """Serve umbrella's 120 events, and return what a command needs to read them."""
    fake.add_org("umbrella", owners=["moby"], events=120, until=datetime(2026, 1, 1, tzinfo=UTC))
    fake.add_org("theirs", events=1)
    with fake.serve_in_thread() as url:
        yield {"HUBAPI_BASE_URL": url, "HUBAPI_USERNAME": "moby", "HUBAPI_PASSWORD": "hunter2-hunter2"}


def event_ids(path: Path) -> list[str]:
    return [json.loads(line)["event_id"] for line in path.read_bytes().splitlines()]


# --- export


def test_export_writes_files_and_a_summary(fake: FakeHub, served: dict[str, str], tmp_path: Path) -> None:
    """The files are there, and the summary says how many events."""
    ran = in_a_process("export", "umbrella", "--out", str(tmp_path), **served)

    assert (0, "") == (ran.returncode, ran.stderr)
    assert "umbrella: 120 events" in ran.stdout
    assert "1 of 1  organisations" in ran.stdout
    assert f"to check: hubapi verify {tmp_path}" in ran.stdout
    assert list(reversed(fake.event_ids("umbrella"))) == event_ids(tmp_path / "umbrella.jsonl")


def test_a_failed_account_is_named_and_the_exit_status_says_so(served: dict[str, str], tmp_path: Path) -> None:
    """One failure: status 1, a line with the account and the error, and the files of the others."""
    ran = hubapi("export", "theirs", "umbrella", "--out", str(tmp_path), **served)

    assert (1, "") == (ran.returncode, ran.stderr)
    assert "theirs: failed: 403 forbidden" in ran.stdout
    assert "failed: theirs: 403 forbidden. Likely cause: moby may lack permission" in ran.stdout
    assert "to retry: run the same command again: finished accounts are kept" in ran.stdout
    assert ["manifest.json", "umbrella.jsonl"] == sorted(p.name for p in tmp_path.iterdir() if p.name[0] != ".")


def test_a_personal_access_token_is_exchanged(fake: FakeHub, served: dict[str, str], tmp_path: Path) -> None:
    """A login with it gives no access to audit logs; an exchange does."""
    with_token = {name: value for name, value in served.items() if name != "HUBAPI_PASSWORD"}

    ran = hubapi("export", "umbrella", "--out", str(tmp_path), HUBAPI_TOKEN="dckr_pat_moby", **with_token)

    assert (0, "") == (ran.returncode, ran.stderr)
    assert (1, 0) == (fake.count(operation="exchange"), fake.count(operation="login"))


@pytest.mark.parametrize("source", ["file", "-"])
def test_accounts_can_come_from_a_file(served: dict[str, str], tmp_path: Path, source: str) -> None:
    """Together with those of the command line, each once."""
    names = "# ours\n\numbrella  # since May\n"
    listed = tmp_path / "accounts.txt"
    listed.write_text(names)
    words = ["acme", "--accounts", str(listed) if source == "file" else "-"]

    ran = hubapi("export", *words, "umbrella", "--out", str(tmp_path / "logs"), typed=names, **served)

    assert (0, "") == (ran.returncode, ran.stderr)
    assert {"acme.jsonl", "umbrella.jsonl"} == {path.name for path in (tmp_path / "logs").glob("*.jsonl")}


def test_each_account_can_have_credentials_of_its_own(fake: FakeHub, served: dict[str, str], tmp_path: Path) -> None:
    """If the file has credentials for all, the environment needs none; and its accounts are the default."""
    fake.add_org("initech", tokens=["dckr_oat_initech"], events=3, until=datetime(2026, 1, 1, tzinfo=UTC))
    path = tmp_path / "credentials.toml"
    path.write_text(
        '[initech]\norg_token = "dckr_oat_initech"\n[umbrella]\nusername = "moby"\npassword = "hunter2-hunter2"'
    )
    path.chmod(0o600)
    out = ["--out", str(tmp_path / "logs"), "--credentials-from", str(path)]

    ran = hubapi("export", *out, HUBAPI_BASE_URL=served["HUBAPI_BASE_URL"])
    partly = hubapi("export", "acme", "initech", *out, HUBAPI_BASE_URL=served["HUBAPI_BASE_URL"])
    fully = hubapi("export", "acme", "initech", *out, **served)

    assert (0, "") == (ran.returncode, ran.stderr)
    assert 3 == len(event_ids(tmp_path / "logs" / "initech.jsonl"))
    assert (2, "") == (partly.returncode, partly.stdout)
    assert f"Error: no credentials for acme: {path} has none, so set HUBAPI_USERNAME with" in partly.stderr
    assert (0, "") == (fully.returncode, fully.stderr)
    assert 250 == len(event_ids(tmp_path / "logs" / "acme.jsonl"))


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Set the machine's time zone nine hours ahead of UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


@posix
@pytest.mark.usefixtures("in_tokyo")
def test_dates_are_utc_unless_they_say_otherwise(fake: FakeHub, served: dict[str, str], tmp_path: Path) -> None:
    """With a time or without, wherever the machine is; the end is not in it."""
    newest = datetime.fromisoformat(fake.events("umbrella")[0]["timestamp"])
    cases = {
        newest.strftime("%Y-%m-%d"): newest.replace(hour=0, minute=0, second=0, microsecond=0),
        newest.strftime("%Y-%m-%dT%H:%M"): newest.replace(second=0, microsecond=0),
        (newest + timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M+05:00"): newest.replace(second=0, microsecond=0),
    }
    for number, (text, at) in enumerate(cases.items()):
        for option in ("since", "until"):
            ran = hubapi(
                "export", "umbrella", f"--{option}", text, "--out", str(tmp_path / f"{option}-{number}"), **served
            )

            due = [
                event["event_id"]
                for event in reversed(fake.events("umbrella"))
                if (datetime.fromisoformat(event["timestamp"]) >= at) == (option == "since")
            ]
            assert 0 == ran.returncode, ran.stderr
            assert due == event_ids(tmp_path / f"{option}-{number}" / "umbrella.jsonl")


def test_since_last_continues_from_the_last_run(fake: FakeHub, served: dict[str, str], tmp_path: Path) -> None:
    """The nightly export: no event twice. The same command again reads nothing, and names --since last."""
    first, again, nightly = (
        hubapi("export", "umbrella", "--out", str(tmp_path), *words, **served)
        for words in ([], [], ["--since", "last"])
    )

    assert [0, 0, 0] == [first.returncode, again.returncode, nightly.returncode]
    assert "umbrella: 120 events, finished by an earlier run" in again.stdout
    assert "nothing to do: everything was there already; for newer events: --since last" in again.stdout
    assert "umbrella: 0 events" in nightly.stdout
    assert b"" == (tmp_path / "umbrella@2.jsonl").read_bytes()
    assert 120 == len(event_ids(tmp_path / "umbrella.jsonl"))


def test_formats_and_partition_are_passed_on(served: dict[str, str], tmp_path: Path) -> None:
    """A file for each day, as asked."""
    ran = hubapi("export", "umbrella", "--out", str(tmp_path), "--format", "jsonl.gz", "--partition", "day", **served)

    assert 0 == ran.returncode, ran.stderr
    assert {".gz"} == {path.suffix for path in (tmp_path / "umbrella").iterdir()}


# --- for programs


def test_json_is_one_object_and_the_rest_is_on_standard_error(served: dict[str, str], tmp_path: Path) -> None:
    """The result of each account, and the totals."""
    ran = hubapi("export", "theirs", "umbrella", "--out", str(tmp_path), "--json", **served)

    found = json.loads(ran.stdout)
    assert 1 == ran.returncode
    assert "umbrella: 120 events" in ran.stderr
    assert ("partial", 120, 1) == (found["state"], found["events"], found["failed"])
    theirs, umbrella = found["accounts"]
    assert ("theirs", "failed", "Forbidden") == (theirs["account"], theirs["state"], theirs["error"]["kind"])
    assert ("umbrella", "done", None) == (umbrella["account"], umbrella["state"], umbrella["error"])
    assert [str(tmp_path / "umbrella.jsonl")] == umbrella["files"]


def test_json_of_what_could_not_begin(served: dict[str, str], tmp_path: Path) -> None:
    """The kind of the error, and the message of standard error."""
    wrong = {**served, "HUBAPI_PASSWORD": "wrong-wrong-wrong"}
    refused = hubapi("export", "umbrella", "--out", str(tmp_path / "a"), "--json", **wrong)
    mistaken = hubapi("export", "../umbrella", "--out", str(tmp_path / "b"), "--json", **served)

    assert [1, 2] == [refused.returncode, mistaken.returncode]
    assert "AuthenticationError" == json.loads(refused.stdout)["error"]["kind"]
    assert {
        "state": "failed",
        "error": {"kind": "ConfigurationError", "message": "'../umbrella' is not an account name"},
    } == (json.loads(mistaken.stdout))
    assert "Error: '../umbrella' is not an account name\n" == mistaken.stderr


# --- mistakes


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"HUBAPI_USERNAME": "moby"}, "HUBAPI_USERNAME is set, but neither HUBAPI_PASSWORD nor HUBAPI_TOKEN"),
        ({"HUBAPI_PASSWORD": "hunter2"}, "HUBAPI_PASSWORD is set, but not HUBAPI_USERNAME"),
        ({}, "no credentials: set HUBAPI_USERNAME with HUBAPI_PASSWORD or HUBAPI_TOKEN, or HUBAPI_ORG with"),
        (
            {"HUBAPI_BASE_URL": "http://hub.example", "HUBAPI_USERNAME": "moby", "HUBAPI_PASSWORD": "hunter2"},
            "http would send tokens in the clear",
        ),
    ],
)
def test_a_mistake_is_one_clear_line(variables: dict[str, str], words: str, tmp_path: Path) -> None:
    """The error on standard error: no traceback, no secret, and no folder is created."""
    ran = hubapi("export", "acme", "--out", str(tmp_path / "logs"), **variables)

    assert (2, "", 1) == (ran.returncode, ran.stdout, len(ran.stderr.splitlines()))
    assert words in ran.stderr
    assert "hunter2" not in ran.stderr
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--since", "yesterday"], "'yesterday' is not a date: give one such as 2026-01-31, 2026-01-31T12:00 or"),
        (["--until", "last"], "'last' is not a date"),
        (["--format", "xml"], "'xml' is not one of 'jsonl', 'jsonl.gz'"),
        (["--partition", "hour"], "'hour' is not 'day'"),
        (["--since", "2026-01-02", "--until", "2026-01-01"], "the window is empty: since is"),
        (["--accounts", "nowhere.txt"], "nowhere.txt can't be read: No such file or directory"),
        (["--credentials-from", "nowhere.toml"], "nowhere.toml can't be read: No such file or directory"),
    ],
)
def test_options_that_cannot_work_are_mistakes(
    served: dict[str, str], tmp_path: Path, options: list[str], words: str
) -> None:
    """Status 2, and what to give instead."""
    ran = hubapi("export", "acme", "--out", str(tmp_path), *options, **served)

    assert (2, "") == (ran.returncode, ran.stdout)
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr


def test_accounts_are_required() -> None:
    """The message says how to give them."""
    ran = hubapi("export")

    assert 2 == ran.returncode
    assert "Error: give an ACCOUNT, or --accounts FILE" in ran.stderr


def test_a_folder_that_holds_something_else_is_a_mistake(served: dict[str, str], tmp_path: Path) -> None:
    """Nothing in it is touched."""
    hubapi("export", "umbrella", "--out", str(tmp_path), **served)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    ran = hubapi("export", "umbrella", "--out", str(tmp_path), "--format", "csv", **served)

    assert (2, "", 1) == (ran.returncode, ran.stdout, len(ran.stderr.splitlines()))
    assert "this folder holds an export as jsonl, not as csv" in ran.stderr
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


# --- stopping


@contextmanager
def exporting(served: dict[str, str], folder: Path, *words: str) -> Generator[subprocess.Popen[str]]:
    """Export in the background, from the pause on; the smaller log may be finished before it."""
    with subprocess.Popen(
        command("export", "umbrella", "acme", "--out", str(folder), *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**served),
    ) as process:
        try:
            assert process.stdout
            assert process.stderr
            lines = process.stderr if "--json" in words else process.stdout
            while not (line := lines.readline()).startswith("paused by the server (429)"):
                assert line, "it ended without a pause"
            yield process
        finally:
            process.kill()


@contextmanager
def sigint_is(handler: signal.Handlers) -> Generator[None]:
    """Start processes as a terminal does, or as a shell does in the background: a test may run in either."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler if handler == signal.SIG_DFL else handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@posix
@pytest.mark.parametrize(
    ("by", "status", "sigint"),
    [
        (signal.SIGINT, 130, signal.SIG_DFL),
        (signal.SIGTERM, 143, signal.SIG_DFL),
        (signal.SIGTERM, 143, signal.SIG_IGN),
    ],
)
def test_stopped_within_a_pause_it_can_be_continued(  # noqa: PLR0917 - a table
    fake: FakeHub, served: dict[str, str], tmp_path: Path, by: signal.Signals, status: int, sigint: signal.Handlers
) -> None:
    """It says how to continue; and run again, each event is there once."""
    fake.inject(faults.TooMany(250), operation="audit_logs.list", after=2)
    with sigint_is(sigint), exporting(served, tmp_path) as process:
        process.send_signal(by)
        _, err = process.communicate(timeout=30)
    assert status == process.returncode
    assert "stopped: finished files are in place. Run the same command again to continue.\n" == err
    fake.clear_faults()

    again = in_a_process("export", "umbrella", "acme", "--out", str(tmp_path), **served)

    assert 0 == again.returncode, again.stderr
    for name in ("umbrella", "acme"):
        assert list(reversed(fake.event_ids(name))) == event_ids(tmp_path / f"{name}.jsonl")


@posix
def test_a_terminal_is_left_as_it_was(fake: FakeHub, served: dict[str, str], tmp_path: Path) -> None:
    """The moving part is gone, the cursor is back, and no word is broken at the end of a line."""
    import fcntl
    import pty
    import struct
    import termios

    fake.inject(faults.TooMany(250), operation="audit_logs.list", after=2)
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with (
        sigint_is(signal.SIG_DFL),
        os.fdopen(ours, "rb", buffering=0) as screen,
        subprocess.Popen(
            command("export", "umbrella", "acme", "--out", str(tmp_path)),
            stdin=its, stdout=its, stderr=its, env=environment(**served, TERM="xterm", NO_COLOR="1"),
        ) as process,
    ):  # fmt: skip
        os.close(its)
        seen = b""
        while b"paused by the server (429)" not in seen:
            seen += screen.read(65536)
        process.send_signal(signal.SIGINT)
        with suppress(OSError):  # on Linux: the other end is closed
            while more := screen.read(65536):
                seen += more

    assert 130 == process.returncode
    assert seen.count(b"\x1b[?25l") == seen.count(b"\x1b[?25h") == 1
    line = re.sub(r"\x1b\[\d*[A-Z]", "", seen.decode().splitlines()[-1]).strip()
    assert "stopped: finished files are in place. Run the same command again to continue." == line


@posix
def test_json_of_what_was_stopped(fake: FakeHub, served: dict[str, str], tmp_path: Path) -> None:
    """It has a state too."""
    fake.inject(faults.TooMany(250), operation="audit_logs.list", after=2)
    with sigint_is(signal.SIG_DFL), exporting(served, tmp_path, "--json") as process:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)

    assert (130, {"state": "stopped"}) == (process.returncode, json.loads(out))


@contextmanager
def working() -> Generator[subprocess.Popen[str]]:
    """Do work that can't be cancelled."""
    code = (
        "import anyio; from hubapi.commands.process import exit_on_failure, run\n"
        "async def work():\n"
        "    with anyio.CancelScope(shield=True):\n"
        "        print('begun', flush=True)\n"
        "        await anyio.sleep_forever()\n"
        "with exit_on_failure(): run(work)"
    )
    with (
        sigint_is(signal.SIG_DFL),
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
        ) as process,
    ):
        assert process.stdout
        assert "begun\n" == process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


@posix
def test_a_second_signal_ends_it_at_once() -> None:
    """Whatever can't be cancelled: the folder of an export survives a kill at any moment."""
    with working() as process:
        assert process.stderr
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline().startswith("finishing a file that is being written; Ctrl-C again stops now")
        process.send_signal(signal.SIGINT)

        assert 130 == process.wait(timeout=30)


@posix
def test_a_second_signal_need_not_wait_for_a_message() -> None:
    """Two different ones that arrive together are two; the system merges equal ones."""
    with working() as process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)

    assert process.returncode in {130, 143}
    assert "" == err


# --- verify


def test_verify_finds_an_export_unchanged(served: dict[str, str], tmp_path: Path) -> None:
    """Without a login."""
    hubapi("export", "umbrella", "acme", "--out", str(tmp_path), **served)

    ran, as_json = in_a_process("verify", str(tmp_path)), hubapi("verify", str(tmp_path), "--json")

    assert (0, "2 files with 370 events in the manifest: all there and unchanged\n", "") == (
        ran.returncode,
        ran.stdout,
        ran.stderr,
    )
    found = json.loads(as_json.stdout)
    assert (0, "ok", 2, 370, []) == (
        as_json.returncode, found["state"], found["files"], found["events"], found["findings"]
    )  # fmt: skip


def test_verify_names_what_is_wrong(served: dict[str, str], tmp_path: Path) -> None:
    """A line for each, and status 1."""
    hubapi("export", "umbrella", "acme", "--out", str(tmp_path), **served)
    (tmp_path / "acme.jsonl").unlink()
    (tmp_path / "notes.txt").write_text("mine")

    ran, as_json = hubapi("verify", str(tmp_path)), hubapi("verify", str(tmp_path), "--json")

    assert (1, "") == (ran.returncode, ran.stderr)
    assert [
        "missing: acme.jsonl",
        "extra: notes.txt",
        "2 files with 370 events in the manifest: 1 missing, 1 extra",
    ] == ran.stdout.splitlines()
    assert (1, ["missing", "extra"]) == (
        as_json.returncode, [each["kind"] for each in json.loads(as_json.stdout)["findings"]]
    )  # fmt: skip


def test_verify_of_no_export_is_a_mistake(tmp_path: Path) -> None:
    """One line."""
    ran = hubapi("verify", str(tmp_path))

    assert (2, "", f"Error: {tmp_path} holds no export: there is no manifest.json\n") == (
        ran.returncode,
        ran.stdout,
        ran.stderr,
    )


# --- demo


def test_the_demo_checks_every_event() -> None:
    """A small demo ends with the proof that each event arrived exactly once."""
    ran = in_a_process("demo", "--orgs", "3", "--events", "230")

    assert (0, "") == (ran.returncode, ran.stderr)
    assert "each of the 690 events arrived exactly once, in order" in " ".join(ran.stdout.split())
