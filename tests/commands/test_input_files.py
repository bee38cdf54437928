"""Files with accounts, and with credentials for them."""

import os
import traceback
from pathlib import Path
from threading import Thread

import pytest

from hubapi import ConfigurationError, OrgAccessToken, Password, PersonalAccessToken
from hubapi.commands import input_files
from hubapi.commands.input_files import account_names, read_credentials

SECRET = "hunter2-hunter2"


def written(folder: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path = folder / "credentials.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def test_accounts_are_lines() -> None:
    """Without blanks, comments, and the byte order mark of Windows."""
    lines = ["\ufeffacme\r\n", "  umbrella\t# ours\n", "\n", "# no more\n", "initech"]

    assert ["acme", "umbrella", "initech"] == account_names(lines)


def test_each_account_has_a_table(tmp_path: Path) -> None:
    """All three ways to log in."""
    text = f"""
        [acme]
        org_token = "dckr_oat_{SECRET}"
        [umbrella]
        username = "moby"
        password = "{SECRET}"
        [initech]
        username = "moby"
        token = "dckr_pat_{SECRET}"
    """

    assert {
        "acme": OrgAccessToken("acme", f"dckr_oat_{SECRET}"),
        "umbrella": Password("moby", SECRET),
        "initech": PersonalAccessToken("moby", f"dckr_pat_{SECRET}"),
    } == read_credentials(written(tmp_path, text))


@pytest.mark.skipif(os.name != "posix", reason="permissions are others there")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_file_that_other_users_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The message says what to do."""
    path = written(tmp_path, f'[acme]\norg_token = "{SECRET}"', mode)

    with pytest.raises(
        ConfigurationError, match=rf"must not be readable by other users \(its mode is {mode:o}\): chmod 600 {path}"
    ):
        read_credentials(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are none")
def test_a_pipe_is_as_good_as_a_file(tmp_path: Path) -> None:
    """So that a program that keeps secrets can hand them over: `--credentials-from <(pass show hub)`."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o644)
    writer = Thread(target=pipe.write_text, args=[f'[acme]\norg_token = "{SECRET}"'])
    writer.start()

    assert {"acme": OrgAccessToken("acme", SECRET)} == read_credentials(pipe)
    writer.join()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"[acme]\norg_token = {SECRET}", "is not TOML: Invalid value (at line 2"),
        (b"[acme]\n# \xff\norg_token = 'hunter2-hunter2'", "is not TOML: it is not UTF-8"),
        (f"'{SECRET}' = 1", "there is a value outside of a table"),
        (f"[acme]\n'{SECRET}' = 'x'", "[acme] may only hold org_token, password, token, username, each of them a text"),
        (f"[acme]\npassword = ['{SECRET}']", "[acme] may only hold"),
        ("[acme]", "[acme] needs either"),
        ("[acme]\nusername = 'moby'", "[acme] needs either"),
        (f"[acme]\npassword = '{SECRET}'", "[acme] needs either"),
        (f"[acme]\nusername = 'moby'\norg_token = '{SECRET}'", "[acme] needs either"),
        (f"[acme]\nusername = 'moby'\ntoken = '{SECRET}'\npassword = '{SECRET}'", "[acme] needs either"),
        (f"[acme]\norg_token = '{SECRET} '", "[acme]: the organisation access token has a space or tab"),
        (f"[acme]\nusername = 'mo by'\npassword = '{SECRET}'", "[acme]: username is 'mo by'"),
    ],
)
def test_what_cannot_work_is_refused_and_no_secret_is_shown(tmp_path: Path, text: str | bytes, words: str) -> None:
    """Neither in the message, nor in what a traceback shows of locals."""
    with pytest.raises(ConfigurationError) as caught:
        read_credentials(written(tmp_path, text))

    assert words in str(caught.value)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    of_ours = [frame for frame in shown.stack if frame.filename == input_files.__file__]
    assert of_ours
    assert [] == [frame.name for frame in of_ours if SECRET in str(frame.locals)]
    assert None is shown.__context__


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    """Named, with the system's words."""
    with pytest.raises(ConfigurationError, match=r"none\.toml can't be read: No such file"):
        read_credentials(tmp_path / "none.toml")
