"""Files for their owner only, replaced in one step."""

import os
import stat
from pathlib import Path

import pytest

from hubapi import _files

posix = pytest.mark.skipif(os.name != "posix", reason="no modes and owners")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path, content: bytes, temporary: Path | None = None) -> None:
    with _files.replacing(path, temporary) as file:
        file.write(content)


@pytest.fixture(params=[None, ".aside"])
def temporary(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return None if request.param is None else tmp_path / request.param


@posix
def test_files_and_directories_are_for_their_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        _files.make_directory(tmp_path / "a" / "b")
        _files.create(tmp_path / "created").close()
        _files.create_if_missing(tmp_path / "missing")
        write(tmp_path / "replaced", b"x")
    finally:
        os.umask(old)

    assert 0o700 == mode(tmp_path / "a" / "b")
    assert [0o600] * 3 == [mode(tmp_path / name) for name in ("created", "missing", "replaced")]


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path, temporary: Path | None) -> None:
    (tmp_path / "file").write_bytes(b"old")

    write(tmp_path / "file", b"new", temporary)

    assert ["file"] == [path.name for path in tmp_path.iterdir()]
    assert b"new" == (tmp_path / "file").read_bytes()


def test_the_leftover_of_a_killed_process_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".aside").write_bytes(b"half of something long")

    write(tmp_path / "file", b"new", tmp_path / ".aside")

    assert ["file"] == [path.name for path in tmp_path.iterdir()]
    assert b"new" == (tmp_path / "file").read_bytes()


def test_a_failure_leaves_the_old_file_and_is_raised(tmp_path: Path, temporary: Path | None) -> None:
    (tmp_path / "file").write_bytes(b"old")

    def fail() -> None:
        with _files.replacing(tmp_path / "file", temporary) as file:
            file.write(b"half")
            raise LookupError

    with pytest.raises(LookupError):
        fail()

    assert ["file"] == [path.name for path in tmp_path.iterdir()]
    assert b"old" == (tmp_path / "file").read_bytes()


def test_an_error_of_an_open_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full") as raised, _files.replacing(tmp_path / "file"):
        raise OSError(28, "full")

    assert str(tmp_path / "file") == raised.value.filename


@posix
def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"theirs")
    (tmp_path / "target").chmod(0o600)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")

    with pytest.raises(OSError, match="File exists"):
        _files.create(link)
    for function in (_files.create_if_missing, _files.open_owned):
        with pytest.raises(OSError, match="symbolic link"):
            function(link)
    write(link, b"ours")

    assert not link.is_symlink()
    assert (b"theirs", b"ours") == ((tmp_path / "target").read_bytes(), link.read_bytes())


def test_an_existing_file_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    _files.create_if_missing(tmp_path / "file")

    with pytest.raises(FileExistsError):
        _files.create(tmp_path / "file")
    assert b"kept" == (tmp_path / "file").read_bytes()


@posix
@pytest.mark.parametrize("shared", [0o640, 0o604, 0o620, 0o601])
def test_a_file_that_other_users_have_access_to_is_not_opened(tmp_path: Path, shared: int) -> None:
    write(tmp_path / "file", b"x")
    with _files.open_owned(tmp_path / "file") as file:
        assert (b"x", None) == (file.read(), _files.shared_mode(file))
    (tmp_path / "file").chmod(shared)

    with pytest.raises(PermissionError, match=rf"other users have access to it \(mode {shared:o}, not 600\)"):
        _files.open_owned(tmp_path / "file")
    with (tmp_path / "file").open("rb") as file:
        assert shared == _files.shared_mode(file)


@posix
def test_a_file_of_another_user_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "file", b"x")
    monkeypatch.setattr(os, "geteuid", lambda: 4711)

    with pytest.raises(PermissionError, match="it belongs to another user"):
        _files.open_owned(tmp_path / "file")


@posix
def test_only_a_regular_file_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "directory").mkdir(0o600)

    for name in ("pipe", "directory"):
        with pytest.raises(OSError, match="it is not a regular file"):
            _files.open_owned(tmp_path / name)
