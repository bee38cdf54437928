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

_MAX_BYTES = 65536  # no token file is larger

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
    """A token store that keeps each token in a file of its own, readable only by its owner.

    A file contains a token, which is valid for minutes, and never a password or an access token. Files are replaced
    atomically, so any number of processes can share the directory; two that need a token at the same time may both log
    in. If a file can't be read, belongs to another user, is accessible to other users, or is not a token file, it is
    ignored with a warning in the log, and the next login replaces it. On Windows the permissions of the directory
    protect the files.

    Args:
        directory: The directory; it is created when first needed, accessible only to its owner.

    Example:
        >>> FileTokenStore("/run/user/1000/hubapi")
        FileTokenStore(directory=PosixPath('/run/user/1000/hubapi'))
    """

    directory: Path = field(converter=Path)

    async def get(self, key: str) -> StoredToken | None:
        """Return the token stored under *key*, or None if there is none that can be trusted."""
        return await anyio.to_thread.run_sync(self._read, key)

    async def put(self, key: str, token: StoredToken) -> None:
        """Store a token under *key*, replacing any other.

        Raises:
            OSError: the file can't be written.
        """
        await anyio.to_thread.run_sync(self._write, key, token)

    async def forget(self, key: str) -> None:
        """Remove the token stored under *key*.

        Raises:
            OSError: the file can't be removed.
        """
        await anyio.to_thread.run_sync(self._remove, key)

    def _path(self, key: str) -> Path:
        # A key contains a URL, which is not a valid file name.
        return self.directory / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    def _read(self, key: str) -> StoredToken | None:
        path = self._path(key)
        try:
            with _files.open_owned(path) as file:
                content = Secret(file.read(_MAX_BYTES).decode("utf-8", "replace"))
        except FileNotFoundError:
            return None
        except OSError as error:
            problem = error.strerror or type(error).__name__
        else:
            stored = _parse(content, key)
            if stored is not None:
                return stored
            problem = "it is not a token file"
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
