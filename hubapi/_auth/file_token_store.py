"""Tokens in files, for short-lived processes: a nightly job, a command in a shell loop."""

import hashlib
import logging
from pathlib import Path

import anyio.to_thread
import msgspec
from attrs import field, frozen

from hubapi import _files
from hubapi._auth.token_store import StoredToken
from hubapi._secret import Secret, check_token
from hubapi.errors import ConfigurationError

_LARGEST = 65536  # bytes: no token file is larger

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
    """A token store that keeps each token in a file of its own, for its owner only.

    A file holds a token, which is valid for minutes, and never a password or an access token. It is replaced in one
    step, so a reader never finds half of it, and any number of processes can share the directory; two that need a token
    at the same moment may both log in. A file counts as missing, and a warning is logged, if it can't be read, belongs
    to another user, can be accessed by other users, or holds anything else than a token; the next login replaces it.
    On Windows the permissions of the directory protect the files.

    Args:
        directory: The directory; it is created, for its owner only, when it is first needed.

    Example:
        >>> FileTokenStore("/run/user/1000/hubapi")
        FileTokenStore(directory=PosixPath('/run/user/1000/hubapi'))
    """

    directory: Path = field(converter=Path)

    async def get(self, key: str) -> StoredToken | None:
        """Return the token stored under *key*; None if there is none, or none that can be trusted."""
        return await anyio.to_thread.run_sync(self._read, key)

    async def put(self, key: str, token: StoredToken) -> None:
        """Store a token under *key*, in place of an earlier one.

        Raises:
            OSError: it can't be written.
        """
        await anyio.to_thread.run_sync(self._write, key, token)

    async def forget(self, key: str) -> None:
        """Remove the token stored under *key*.

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
            with _files.open_owned(path) as file:
                content = Secret(file.read(_LARGEST).decode("utf-8", "replace"))
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
        _files.make_directory(self.directory)
        entry = {"key": key, "token": token.token, "expires_at": token.expires_at, "lifetime_s": token.lifetime_s}
        with _files.replacing(self._path(key)) as file:
            file.write(msgspec.json.encode(entry, enc_hook=Secret.reveal))

    def _remove(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)


def _parse(content: Secret, key: str) -> StoredToken | None:
    try:
        entry = msgspec.json.decode(content.reveal(), type=_Entry)
        check_token(Secret(entry.token), "the stored token")
    except (msgspec.DecodeError, ConfigurationError, RecursionError):
        return None
    if entry.key != key or not 0 < entry.lifetime_s < 1e9 or not 0 < entry.expires_at < 1e12:
        return None
    return StoredToken(token=Secret(entry.token), expires_at=entry.expires_at, lifetime_s=entry.lifetime_s)
