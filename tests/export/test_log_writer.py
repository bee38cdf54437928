"""From a part file to a log: oldest first, counted, hashed, and put in place in one step or not at all."""

import errno
import hashlib
import json
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pytest
from attrs import frozen

from hubapi import ConfigurationError
from hubapi._datetimes import SECOND_NS
from hubapi.export.formats import Format, format_of
from hubapi.export.log_writer import LogPaths, LogWriter
from hubapi.export.part_file import PartFile
from tests.export.folders import contents
from tests.export.simulated_log import BEGIN_NS, Event

DAY_NS = 86_400 * SECOND_NS
FAR_NS = BEGIN_NS + 10_000 * DAY_NS


def paths(folder: Path, *, run: int = 1, by_day: bool = False, form: Format | None = None) -> LogPaths:
    return LogPaths(folder=folder, account="acme", run=run, format=form or format_of("jsonl"), by_day=by_day)


def part_of(folder: Path, lines: list[bytes]) -> PartFile:
    """Return a part file with these lines, newest first."""
    part = PartFile(folder / ".acme.part")
    part.open()
    part.add(lines)
    part.flush()
    return part


def line(time_ns: int, action: str = "a", name: str = "e") -> bytes:
    stamp = json.loads(Event(time_ns, "").line)["timestamp"]
    return json.dumps({"timestamp": stamp, "action": action, "event_id": name}).encode()


def names(folder: Path) -> list[str]:
    return [name for name in contents(folder) if not name.startswith(".")]


def test_a_log_is_whole_counted_and_hashed(tmp_path: Path) -> None:
    """The manifest's entry is that of the file on the disk."""
    events = [line(BEGIN_NS + n * DAY_NS // 2, "ab"[n % 2]) for n in range(5)]

    log = LogWriter(paths(tmp_path), FAR_NS).write(part_of(tmp_path, events[::-1]), "2026-01-01T00:00:00Z")

    whole = b"".join(event + b"\n" for event in events)
    (entry,) = log.files
    assert whole == (tmp_path / "acme.jsonl").read_bytes()
    assert ("acme.jsonl", 5, len(whole), hashlib.sha256(whole).hexdigest()) == (
        entry.name,
        entry.events,
        entry.bytes,
        entry.sha256,
    )
    assert ({"a": 3, "b": 2}, {"2026-01-01": 2, "2026-01-02": 2, "2026-01-03": 1}) == (log.actions, log.days)
    assert ("done", 5, "2026-01-01T00:00:00Z", None) == (log.state, log.events, log.since, log.error)


def test_an_empty_log_is_a_log(tmp_path: Path) -> None:
    """It is a file without events; with one file per day there is none."""
    (whole, by_day) = (tmp_path / "whole", tmp_path / "by_day")
    for folder in (whole, by_day):
        folder.mkdir()
        log = LogWriter(paths(folder, by_day=folder is by_day), FAR_NS).write(part_of(folder, []), None)
        assert ("done", 0) == (log.state, log.events)

    assert (["acme.jsonl"], []) == (names(whole), names(by_day))


def test_only_their_owner_may_read_the_files(tmp_path: Path) -> None:
    """Nor may others list the folder of an account."""
    LogWriter(paths(tmp_path, by_day=True), FAR_NS).write(part_of(tmp_path, [line(BEGIN_NS)]), None)

    assert 0o600 == stat.S_IMODE((tmp_path / "acme" / "2026-01-01.jsonl").stat().st_mode)
    assert 0o700 == stat.S_IMODE((tmp_path / "acme").stat().st_mode)


def test_a_file_a_day(tmp_path: Path) -> None:
    """In UTC, whatever zone the server writes; events without a time stand apart."""
    events = [
        line(BEGIN_NS),
        b'{"timestamp":"2026-01-01 23:30:00.5 +0000 UTC"}',
        b'{"timestamp":"2026-01-01T23:30:00-01:00"}',
        b'{"action":"a"}',
        line(BEGIN_NS + 7 * DAY_NS),
    ]

    log = LogWriter(paths(tmp_path, by_day=True), FAR_NS).write(part_of(tmp_path, events[::-1]), None)

    assert {
        "acme/2026-01-01.jsonl": events[0] + b"\n" + events[1] + b"\n",
        "acme/2026-01-02.jsonl": events[2] + b"\n",
        "acme/2026-01-08.jsonl": events[4] + b"\n",
        "acme/undated.jsonl": events[3] + b"\n",
    } == {name: data for name, data in contents(tmp_path).items() if not name.startswith(".")}
    assert [2, 1, 1, 1] == [entry.events for entry in log.files]
    assert (5, 5) == (log.events, sum(log.days.values()))


def test_days_out_of_order_lose_nothing(tmp_path: Path) -> None:
    """A day that was closed is not opened again: a straggler goes with the oldest that is open."""
    days = [0, 1, 0, 3, 5, 6, 0, 7, 4, 9]
    events = [line(BEGIN_NS + day * DAY_NS, name=f"{n}") for n, day in enumerate(days)]

    log = LogWriter(paths(tmp_path, by_day=True), FAR_NS).write(part_of(tmp_path, events[::-1]), None)

    found = [event for name in names(tmp_path) for event in (tmp_path / name).read_bytes().splitlines()]
    assert sorted(events) == sorted(found)
    assert sorted(entry.name for entry in log.files) == [entry.name for entry in log.files] == names(tmp_path)
    assert len(events) == sum(entry.events for entry in log.files)


def test_what_the_next_run_reads_again_is_remembered(tmp_path: Path) -> None:
    """From the overlap on, with its time and its identity; two equal events are two."""
    twin = b'{"timestamp":"2026-01-03T00:00:00Z"}'
    events = [line(BEGIN_NS, name="old"), line(BEGIN_NS + DAY_NS, name="at"), twin, twin, b'{"event_id":"undated"}']
    writer = LogWriter(paths(tmp_path), BEGIN_NS + DAY_NS)

    writer.write(part_of(tmp_path, events[::-1]), None)

    assert [BEGIN_NS + DAY_NS, BEGIN_NS + 2 * DAY_NS, BEGIN_NS + 2 * DAY_NS] == [at for at, _ in writer.remembered]
    first, second, third = [identity for _, identity in writer.remembered]
    assert ("at", second) == (first, third)


@pytest.mark.parametrize(
    ("by_day", "run", "in_the_way", "refused"),
    [
        (False, 1, "acme.jsonl", True),
        (False, 1, ".acme.part", True),
        (False, 1, "acme@2.jsonl", False),
        (False, 2, "acme@2.jsonl", True),
        (False, 2, ".acme@2.part", True),
        (False, 2, "acme.jsonl", False),
        (True, 1, "acme/2026-01-01.jsonl", True),
        (True, 1, "acme/notes.txt", False),
        (True, 1, "acme", True),
        (True, 2, "acme/2026-01-01.jsonl", False),
        (True, 2, "acme/2026-01-01@2.jsonl", True),
        (True, 2, "acme", True),
    ],
)
def test_files_of_the_user_are_not_overwritten(
    tmp_path: Path, by_day: bool, run: int, in_the_way: str, refused: bool
) -> None:
    """Neither a log nor a part nor a folder: it is named, before anything is asked of the server."""
    path = tmp_path / in_the_way
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    wanted = paths(tmp_path, run=run, by_day=by_day)

    if refused:
        with pytest.raises(ConfigurationError, match=f"{path.name} exists, and does not belong to this export"):
            wanted.check_free()
    else:
        wanted.check_free()
    assert "mine" == path.read_text()


def test_a_link_to_nowhere_is_in_the_way(tmp_path: Path) -> None:
    """It would be replaced."""
    (tmp_path / "acme.jsonl").symlink_to(tmp_path / "nowhere")

    with pytest.raises(ConfigurationError, match=r"acme\.jsonl exists"):
        paths(tmp_path).check_free()


@pytest.mark.parametrize(("there", "refused"), [(b'"1"\n', True), (b'"a"\n"b"\n', False)])
def test_a_file_that_was_created_in_the_meantime_is_not_replaced(tmp_path: Path, there: bytes, refused: bool) -> None:
    """Except the same log: an export was killed after it had put it in place, and before the manifest had it."""
    (tmp_path / "acme.jsonl").write_bytes(there)
    part = part_of(tmp_path, [b'"b"', b'"a"'])
    writer = LogWriter(paths(tmp_path), FAR_NS)

    if refused:
        with pytest.raises(FileExistsError, match=r"does not belong to this export: '.*acme\.jsonl'"):
            writer.write(part, None)
    else:
        assert 2 == writer.write(part, None).events
    assert {".acme.part": b'"b"\n"a"\n', "acme.jsonl": there} == contents(tmp_path)


@frozen
class _Full:
    """A writer on a disk that is full."""

    file: BinaryIO

    def write(self, lines: Sequence[bytes], /) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def close(self) -> None:
        self.write([])


@pytest.mark.parametrize(
    ("by_day", "events", "named"),
    [(False, 0, "acme.jsonl"), (False, 3, "acme.jsonl"), (True, 3, "acme/2026-01-01.jsonl")],
)
def test_a_full_disk_leaves_the_part_file_and_nothing_else(
    tmp_path: Path, by_day: bool, events: int, named: str
) -> None:
    """The error names the file that could not be written."""
    part = part_of(tmp_path, [line(BEGIN_NS + n) for n in range(events)])
    before = contents(tmp_path)
    writer = LogWriter(
        paths(tmp_path, by_day=by_day, form=Format(suffix=".jsonl", writer=_Full, count_events=lambda _: 0)), FAR_NS
    )

    with pytest.raises(OSError, match="No space left on device") as raised:
        writer.write(part, None)

    assert str(tmp_path / named) == raised.value.filename
    assert before == contents(tmp_path)
