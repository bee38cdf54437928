"""A part file: it records how far a walk has come, whatever a crash has left at its end."""

import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubapi._datetimes import SECOND_NS
from hubapi.export.pages import Page
from hubapi.export.part_file import PartFile
from tests.export.simulated_log import BEGIN_NS, Event


def lines(count: int, *, apart_ns: int = SECOND_NS) -> list[bytes]:
    """Return events, newest first."""
    return [Event(BEGIN_NS + n * apart_ns, f"e{n}").line for n in reversed(range(count))]


def written(path: Path, *batches: list[bytes]) -> bytes:
    part = PartFile(path)
    part.open()
    for batch in batches:
        part.add(batch)
        part.flush()
    return path.read_bytes()


def test_a_new_part_is_empty_and_for_its_owner_only(tmp_path: Path) -> None:
    """Audit events name people."""
    part = PartFile(tmp_path / "part")

    assert part.open() is None
    assert (b"", 0o600) == (part.path.read_bytes(), stat.S_IMODE(part.path.stat().st_mode))


def test_what_is_added_is_written_when_it_is_flushed(tmp_path: Path) -> None:
    """In the order of the pages, and once so much has come."""
    part = PartFile(tmp_path / "part", batch=1000)
    part.open()

    assert [False, False, True] == [part.add([b"1" * 399]), part.add([b"2" * 199] * 2), part.add([b"4" * 399])]
    assert (b"", 4) == (part.path.read_bytes(), part.events)
    part.flush()
    part.flush()
    assert [b"1" * 399, b"2" * 199, b"2" * 199, b"4" * 399] == part.path.read_bytes().splitlines()


@settings(max_examples=200, deadline=None)
@given(
    count=st.integers(1, 30),
    cut=st.integers(0, 10_000),
    garbage=st.binary(max_size=40) | st.integers(1, 5000).map(bytes),
)
def test_a_part_file_is_continued_after_its_last_whole_event(count: int, cut: int, garbage: bytes) -> None:
    """Cut anywhere, and followed by bytes or zeros: all whole events before that are kept."""
    events = lines(count)
    with TemporaryDirectory() as folder:
        path = Path(folder, "part")
        whole = written(path, events)[:cut]
        path.write_bytes(whole + garbage)
        part = PartFile(path)
        page = part.open()

        kept = path.read_bytes().splitlines()
        assert kept[: whole.count(b"\n")] == events[: whole.count(b"\n")]
        assert (part.events, kept) == (len(kept), list(page.lines) if page else [])
        part.add([b'{"next":1}'])
        part.flush()
        assert [*kept, b'{"next":1}'] == path.read_bytes().splitlines()


def test_events_behind_a_hole_are_read_again(tmp_path: Path) -> None:
    """After a power cut a block may be zeros although a later one is written."""
    events = lines(9)
    whole = written(tmp_path / "part", events)
    size = len(events[0]) + 1
    (tmp_path / "part").write_bytes(whole[: 3 * size + 5] + bytes(size) + whole[4 * size + 5 :])

    page = PartFile(tmp_path / "part").open()

    assert page is not None
    assert events[:3] == page.lines


@pytest.mark.parametrize(("apart_ns", "count"), [(SECOND_NS, 200), (SECOND_NS // 100, 301), (1, 1000)])
def test_a_walk_continues_from_the_last_three_seconds(tmp_path: Path, apart_ns: int, count: int) -> None:
    """And from two hundred events at least."""
    events = lines(1000, apart_ns=apart_ns)
    written(tmp_path / "part", events)
    part = PartFile(tmp_path / "part")

    page = part.open()

    assert page is not None
    assert (events[-count:], 1000) == (page.lines, part.events)


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(0, 3_000_000), max_size=5))
def test_the_oldest_come_first_whatever_their_size(sizes: list[int]) -> None:
    """A block of the file may hold many lines, or only a piece of one."""
    events = [b'"%d%b"' % (n, b"x" * size) for n, size in enumerate(sizes)]
    with TemporaryDirectory() as folder:
        written(Path(folder, "part"), events)
        part = PartFile(Path(folder, "part"))
        part.open()

        assert events[::-1] == [line for block in part.oldest_first() for line in block]


def test_the_oldest_come_in_blocks(tmp_path: Path) -> None:
    """So that a log of any size takes the same memory."""
    events = lines(100_000)
    written(tmp_path / "part", events)
    part = PartFile(tmp_path / "part")
    part.open()

    blocks = list(part.oldest_first())

    assert events[::-1] == [line for block in blocks for line in block]
    assert max(sum(map(len, block)) for block in blocks) <= 1 << 20
    assert len(blocks) > 5


def test_starting_over_forgets(tmp_path: Path) -> None:
    """Also what was about to be written."""
    written(tmp_path / "part", lines(5))
    part = PartFile(tmp_path / "part")
    part.open()
    part.add([b"1"])
    part.start_over()
    part.add([b"2"])
    part.flush()

    assert (b"2\n", 1) == (part.path.read_bytes(), part.events)


def test_closing_writes_the_rest_and_leaves_no_empty_part(tmp_path: Path) -> None:
    """There would be nothing to continue."""
    full, empty = PartFile(tmp_path / "full"), PartFile(tmp_path / "empty")
    for part in (full, empty):
        part.open()
    full.add([b"1"])
    full.close()
    empty.close()

    assert [("full", b"1\n")] == [(path.name, path.read_bytes()) for path in tmp_path.iterdir()]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_part_that_cannot_be_written_is_named() -> None:
    """The system names no file that is open already: /dev/full is always full."""
    part = PartFile(Path("/dev/full"))
    part.add([b"1"])

    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        part.flush()


def test_a_page_of_what_was_read_is_a_page(tmp_path: Path) -> None:
    """With the times and identities that a walk needs."""
    written(tmp_path / "part", lines(3))

    page = PartFile(tmp_path / "part").open()

    assert page is not None
    assert (BEGIN_NS, ["e2", "e1", "e0"]) == (page.last_ns, page.identities)
    assert isinstance(page, Page)
