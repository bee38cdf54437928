"""The files that the options name: lists of accounts, and credentials."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO, cast

import click

from hubapi import _files
from hubapi._secret import Secret
from hubapi.credentials import Credentials, OrgAccessToken, Password, PersonalAccessToken
from hubapi.errors import ConfigurationError

_SECRETS = ("password", "token", "org_token")
_KEYS = frozenset({"username", *_SECRETS})


def read_accounts(path: Path) -> list[str]:
    """Return the accounts of a file, or of standard input for `-`: one name per line, `#` begins a comment.

    Raises:
        ConfigurationError: it can't be read.
    """
    try:
        with click.open_file(str(path), encoding="utf-8") as file:
            return account_names(file)
    except OSError as error:
        problem = f"{path} can't be read: {error.strerror or error}"
    except UnicodeDecodeError:
        problem = f"{path} is not a list of accounts: it is not UTF-8"
    raise ConfigurationError(problem)


def account_names(lines: Iterable[str]) -> list[str]:
    r"""Return the names in some lines.

    Example:
        >>> account_names(["# ours\n", "acme\n", "\n", "umbrella  # since May\n"])
        ['acme', 'umbrella']
    """
    names = (line.removeprefix("\ufeff").partition("#")[0].strip() for line in lines)
    return [name for name in names if name]


def read_credentials(path: Path) -> dict[str, Credentials]:
    """Return the credentials of a TOML file, by account.

    The table of an account holds `org_token`, or `username` with `password`, or `username` with `token`. The file must
    not be readable by other users; it can be a pipe.

    Raises:
        ConfigurationError: it can't be read, other users have access to it, or it holds something else. The message has
            no secret of it.
    """
    return {account: _credentials(account, table, path) for account, table in _tables(path).items()}


def _tables(path: Path) -> Mapping[str, Mapping[str, Secret]]:
    """Return the tables of a file, with every value wrapped so that it can't be shown by mistake."""
    try:
        with path.open("rb") as file:
            _check_private(file, path)
            found = _wrapped(tomllib.load(file))
    except tomllib.TOMLDecodeError as error:
        problem = f"{path} is not TOML: {error.args[0]}"
    except UnicodeDecodeError:
        problem = f"{path} is not TOML: it is not UTF-8"
    except OSError as error:
        problem = f"{path} can't be read: {error.strerror or error}"
    except TypeError as error:
        problem = f"{path}: {error}"
    else:
        return found
    raise ConfigurationError(problem)


def _check_private(file: BinaryIO, path: Path) -> None:
    if (mode := _files.shared_mode(file)) is not None:
        raise ConfigurationError(f"{path} must not be readable by other users (its mode is {mode:o}): chmod 600 {path}")


def _wrapped(document: Mapping[str, object]) -> Mapping[str, Mapping[str, Secret]]:
    """Wrap all values. An error repeats nothing of the file, not even a key: it may be a secret in the wrong place."""
    found: dict[str, dict[str, Secret]] = {}
    for account, table in document.items():
        if not isinstance(table, dict):
            raise TypeError("there is a value outside of a table: give each account a table, such as [acme]")
        entries = cast("dict[str, object]", table)
        if not entries.keys() <= _KEYS or not all(isinstance(value, str) for value in entries.values()):
            raise TypeError(f"[{account}] may only hold {', '.join(sorted(_KEYS))}, each of them a text")
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
