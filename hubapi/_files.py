"""Files for their owner only: created, replaced in one step, and checked before they are read.

A file is replaced by a new one that is written next to it, flushed to the disk and renamed. A reader finds the old
content or the new content, never a part of either, and a crash at any moment leaves one of the two.

On Windows files inherit the permissions of their directory, so modes and owners are not checked there.
"""

import errno
import os
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_OTHER_USERS = stat.S_IRWXG | stat.S_IRWXO
_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # for the writer of a pipe


def make_directory(path: Path) -> None:
    """Create a directory for its owner only (0700), unless it exists.

    Raises:
        OSError: it can't be created.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def create(path: Path, *, overwrite: bool = False) -> BinaryIO:
    """Create a file for its owner only (0600), and open it for writing.

    Args:
        path: The file. A link is not followed.
        overwrite: Remove what a killed process has left under that name.

    Raises:
        OSError: it exists, or can't be created.
    """
    if overwrite:
        path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE, 0o600), "wb")


def create_if_missing(path: Path) -> None:
    """Create an empty file for its owner only (0600), unless there is one. A link is not followed.

    Raises:
        OSError: it can't be created.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | _SAFE, 0o600))


@contextmanager
def replacing(path: Path, temporary: Path | None = None) -> Generator[BinaryIO]:
    """Replace a file with what is written inside the block; if that fails, the old file stays.

    The content is not an argument, so that no frame holds it: it may be a token.

    Args:
        path: The file to replace.
        temporary: Where the content is written first. By default a random name in the same directory, as several
            processes may replace one file; the only user of a directory can give a fixed name, which leaves nothing to
            clean up after a kill.

    Raises:
        OSError: it can't be written. The error names the file.
    """
    aside = temporary or path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    file = create(aside, overwrite=temporary is not None)
    try:
        with naming_file(path), file:
            yield file
            sync(file)
        aside.replace(path)
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise
    sync_directory(path.parent)


def sync(file: BinaryIO) -> None:
    """Flush an open file to the disk.

    Raises:
        OSError: the disk is full, for example.
    """
    file.flush()
    os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Flush the names in a directory to the disk, on systems that can: a rename then survives a power failure.

    Raises:
        OSError: the directory can't be read, or the disk fails.
    """
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # the file system has no fsync of directories: fsync(2)
            raise
    finally:
        os.close(descriptor)


def open_owned(path: Path) -> BinaryIO:
    """Open a file for reading that belongs to this user, and that no other user can read or write.

    Args:
        path: The file. A link is not followed, and a pipe is refused.

    Raises:
        OSError: it can't be read, is not a regular file, belongs to another user, or other users have access to it.
    """
    descriptor = os.open(path, os.O_RDONLY | _SAFE | _NO_WAIT)
    try:
        _check_owned(os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _check_owned(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    if os.name == "posix" and status.st_uid != os.geteuid():
        raise PermissionError(errno.EACCES, "it belongs to another user")
    if (mode := _shared_mode(status)) is not None:
        raise PermissionError(errno.EACCES, f"other users have access to it (mode {mode:o}, not 600)")


def shared_mode(file: BinaryIO) -> int | None:
    """Return the mode of an open file that other users have access to; None if they have none, or it is a pipe."""
    return _shared_mode(os.fstat(file.fileno()))


def _shared_mode(status: os.stat_result) -> int | None:
    is_shared = os.name == "posix" and stat.S_ISREG(status.st_mode) and status.st_mode & _OTHER_USERS
    return stat.S_IMODE(status.st_mode) if is_shared else None


@contextmanager
def naming_file(path: Path) -> Generator[None]:
    """Add a file's name to an error of writing to it once it is open, which the system leaves out.

    Raises:
        OSError: the one that was raised inside the block.
    """
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
