"""Bearers in files, for processes that come and go: a nightly job, a command in a shell loop."""

import contextlib
import hashlib
import logging
import os
import secrets
import stat
from pathlib import Path

import anyio.to_thread
import msgspec
from attrs import field, frozen

from hubapi._auth.token_store import StoredToken
from hubapi._secret import Secret, check_token
from hubapi.errors import ConfigurationError

_LARGEST = 65536  # bytes of a file that can be one of ours
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)

_log = logging.getLogger("hubapi")


@frozen
class _Entry:
    """The content of a token file."""

    key: str
    token: str = field(repr=False)
    expires_at: float
    lifetime_s: float


@frozen
class FileTokenStore:
    """Keeps each bearer in a file of its own, which only its owner may read.

    A file holds a bearer, which is good for minutes, and never a password or an access token. It is written aside,
    flushed and renamed, so that no reader meets half of one, and any number of processes may share the directory; two
    that need a token at the same moment may both log in. A file that can't be read, is somebody else's, is open to
    others, or holds anything but what was written counts as absent, a warning says so, and the next login replaces it.
    On Windows the directory's own permissions are what protects it.

    Args:
        directory: Where; made, for the owner alone, when first needed.

    Example:
        >>> FileTokenStore("/run/user/1000/hubapi")
        FileTokenStore(directory=PosixPath('/run/user/1000/hubapi'))
    """

    directory: Path = field(converter=Path)

    async def get(self, key: str) -> StoredToken | None:
        """Return what is kept under *key*; None if there is nothing, or nothing that can be trusted."""
        return await anyio.to_thread.run_sync(self._read, key)

    async def put(self, key: str, token: StoredToken) -> None:
        """Keep a token in the place of any other of that key.

        Raises:
            OSError: it can't be written.
        """
        await anyio.to_thread.run_sync(self._write, key, token)

    async def forget(self, key: str) -> None:
        """Keep nothing under *key* any more.

        Raises:
            OSError: the file can't be removed.
        """
        await anyio.to_thread.run_sync(self._remove, key)

    def _path(self, key: str) -> Path:
        # Keys hold URLs, which no file name can.
        return self.directory / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    def _read(self, key: str) -> StoredToken | None:
        path = self._path(key)
        try:
            content = _owned(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            problem = error.strerror or type(error).__name__
        else:
            stored = _parse(content, key)
            if stored is not None:
                return stored
            problem = "it holds something else"
        _log.warning("the token file %s is ignored: %s", path, problem)
        return None

    def _write(self, key: str, token: StoredToken) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(key)
        aside = path.with_name(f".{path.stem}.{secrets.token_hex(8)}.tmp")
        entry = {"key": key, "token": token.token, "expires_at": token.expires_at, "lifetime_s": token.lifetime_s}
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _BINARY, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(entry, enc_hook=Secret.reveal))
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                aside.unlink()
            raise
        _flush(self.directory)

    def _remove(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)


def _owned(path: Path) -> Secret:
    """Return a file's text, if nobody but its owner, who we are, could read or write it.

    Raises:
        OSError: it can't be read, or somebody else could.
    """
    descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW | _BINARY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(0, "it is no regular file")
        if hasattr(os, "geteuid"):
            if about.st_uid != os.geteuid():
                raise OSError(0, "it is somebody else's")
            if about.st_mode & _OTHERS:
                raise OSError(0, f"others may use it (mode {stat.S_IMODE(about.st_mode):o}, not 600)")
        return Secret(file.read(_LARGEST).decode("utf-8", "replace"))


def _parse(content: Secret, key: str) -> StoredToken | None:
    try:
        entry = msgspec.json.decode(content.reveal(), type=_Entry)
        check_token(Secret(entry.token), "the stored token")
    except (msgspec.DecodeError, ConfigurationError, RecursionError):
        return None
    if entry.key != key or not 0 < entry.lifetime_s < 1e9 or not 0 < entry.expires_at < 1e12:
        return None
    return StoredToken(token=Secret(entry.token), expires_at=entry.expires_at, lifetime_s=entry.lifetime_s)


def _flush(directory: Path) -> None:
    """See to it that a rename outlives a power cut, where directories can be flushed."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
