"""What a person keeps in files: which accounts, and who to be for each of them."""

import os
import stat
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO, cast

from hubapi._secret import Secret
from hubapi.credentials import Credentials, OrgAccessToken, Password, PersonalAccessToken
from hubapi.errors import ConfigurationError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SECRETS = ("password", "token", "org_token")
_KEYS = frozenset({"username", *_SECRETS})


def read_accounts(lines: Iterable[str]) -> list[str]:
    r"""Return the accounts of a file: one name a line; what follows a `#` is for people.

    Args:
        lines: Its lines.

    Example:
        >>> read_accounts(["# ours\n", "acme\n", "\n", "umbrella  # since May\n"])
        ['acme', 'umbrella']
    """
    names = (line.removeprefix("\ufeff").partition("#")[0].strip() for line in lines)
    return [name for name in names if name]


def read_credentials(path: Path) -> dict[str, Credentials]:
    """Return who to be for each account that a file in TOML has a table for.

    A table holds `org_token`, or `username` with `password`, or `username` with `token`. Nobody but its owner may have
    access to the file; a pipe is as good.

    Args:
        path: The file.

    Raises:
        ConfigurationError: it can't be read, others have access to it, or it holds something else. No secret of it is
            in the message.
    """
    return {account: _credentials(account, table, path) for account, table in _tables(path).items()}


def _tables(path: Path) -> Mapping[str, Mapping[str, Secret]]:
    """Return the tables of a file, with nothing in them that could be shown by mistake."""
    try:
        with path.open("rb") as file:
            _check_private(file, path)
            found = _wrapped(tomllib.load(file))
    except tomllib.TOMLDecodeError as error:
        problem = f"{path} is no TOML: {error.args[0]}"
    except UnicodeDecodeError:
        problem = f"{path} is no TOML: it is not in UTF-8"
    except OSError as error:
        problem = f"{path} can't be read: {error.strerror or error}"
    except TypeError as error:
        problem = f"{path}: {error}"
    else:
        return found
    raise ConfigurationError(problem)


def _check_private(file: BinaryIO, path: Path) -> None:
    """Refuse what others could have read: as ssh does with a key."""
    status = os.fstat(file.fileno())
    if os.name == "posix" and stat.S_ISREG(status.st_mode) and status.st_mode & _OTHERS:
        raise ConfigurationError(f"others have access to {path}, which holds secrets: chmod 600 {path}")


def _wrapped(document: Mapping[str, object]) -> Mapping[str, Mapping[str, Secret]]:
    """Wrap all values. What is wrong is not repeated, not even a key: it may be a secret in the wrong place."""
    found: dict[str, dict[str, Secret]] = {}
    for account, table in document.items():
        if not isinstance(table, dict):
            raise TypeError("something stands outside of a table: give each account one, such as [acme]")
        entries = cast("dict[str, object]", table)
        if not entries.keys() <= _KEYS or not all(isinstance(value, str) for value in entries.values()):
            raise TypeError(f"[{account}] may hold {', '.join(sorted(_KEYS))}, each of them a text, and nothing else")
        found[account] = {key: Secret(cast("str", value)) for key, value in entries.items()}
    return found


def _credentials(account: str, table: Mapping[str, Secret], path: Path) -> Credentials:
    given = [key for key in _SECRETS if key in table]
    if len(given) != 1 or ("username" in table) == (given == ["org_token"]):
        raise ConfigurationError(
            f"{path}: [{account}] needs either org_token, or username with password, or username with token"
        )
    try:
        if given == ["org_token"]:
            return OrgAccessToken(account, table["org_token"])
        username = table["username"].reveal()
        if given == ["password"]:
            return Password(username, table["password"])
        return PersonalAccessToken(username, table["token"])
    except ConfigurationError as error:
        problem = f"{path}: [{account}]: {error.reason}"
    raise ConfigurationError(problem)
