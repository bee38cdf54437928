"""The command, run as a person runs it: another process, real HTTP."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hubapi.testing import FakeHub


def hubapi(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command with no more of an environment than is given."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "hubapi.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**inherited, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.fixture
def served(fake: FakeHub) -> dict[str, str]:
    fake.add_org("umbrella", owners=["moby"], events=120, until=datetime(2026, 1, 1, tzinfo=UTC))
    return {"HUBAPI_USERNAME": "moby", "HUBAPI_PASSWORD": "hunter2-hunter2"}


def test_export_writes_files_and_a_summary(fake: FakeHub, served: dict[str, str], tmp_path: Path) -> None:
    """The files are there, and the summary says how many events."""
    with fake.serve_in_thread() as url:
        ran = hubapi("export", "umbrella", "--out", str(tmp_path), HUBAPI_BASE_URL=url, **served)

    assert (0, "") == (ran.returncode, ran.stderr)
    assert "umbrella: 120 events" in ran.stdout
    assert "1 of 1  organisations" in ran.stdout
    lines = (tmp_path / "umbrella.jsonl").read_text().splitlines()
    assert list(reversed(fake.event_ids("umbrella"))) == [json.loads(line)["event_id"] for line in lines]


def test_a_failed_account_is_named_and_the_exit_status_says_so(
    fake: FakeHub, served: dict[str, str], tmp_path: Path
) -> None:
    """One failure among others: status 1, a line on which and why, the others' files there."""
    fake.add_org("theirs", events=1)
    with fake.serve_in_thread() as url:
        ran = hubapi("export", "theirs", "umbrella", "--out", str(tmp_path), HUBAPI_BASE_URL=url, **served)

    assert 1 == ran.returncode
    assert "theirs: failed: audit_logs.export: 403 forbidden" in ran.stdout
    assert ["umbrella.jsonl"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"HUBAPI_USERNAME": "moby"}, "HUBAPI_USERNAME is set, but neither HUBAPI_PASSWORD nor HUBAPI_TOKEN"),
        ({"HUBAPI_PASSWORD": "hunter2"}, "HUBAPI_PASSWORD is set, but not HUBAPI_USERNAME"),
        ({"HUBAPI_BASE_URL": "http://hub.example"}, "http would send tokens in the clear"),
    ],
)
def test_a_mistake_is_one_clear_line(environment: dict[str, str], words: str, tmp_path: Path) -> None:
    """No traceback, no secret: what is wrong, on standard error."""
    ran = hubapi("export", "acme", "--out", str(tmp_path), **environment)

    assert 1 == ran.returncode
    assert words in " ".join(ran.stderr.split())
    assert "Traceback" not in ran.stderr
    assert "hunter2" not in ran.stdout + ran.stderr


def test_the_demo_checks_every_event() -> None:
    """A small demo ends with the proof that each event arrived exactly once."""
    ran = hubapi("demo", "--orgs", "3", "--events", "230")

    assert (0, "") == (ran.returncode, ran.stderr)
    assert "each of the 690 events arrived exactly once, in order" in " ".join(ran.stdout.split())
