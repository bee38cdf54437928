"""Invalid credentials are refused before anything is sent, in errors that never show a secret."""

import copy
import pickle
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import hubapi
from hubapi import (
    Anonymous,
    AsyncHub,
    ConfigurationError,
    Credentials,
    OrgAccessToken,
    Password,
    PersonalAccessToken,
    StaticToken,
    Totp,
)
from hubapi._secret import Secret
from hubapi.credentials import credentials_from_env, scim_token_from_env

# To find the frames of the package, whatever the name of the checkout.
PACKAGE = str(Path(hubapi.__file__).parent)
KEY = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
TOKEN = "dckr_pat_canary-4711"
VARIABLES = ["USERNAME", "PASSWORD", "TOKEN", "ORG", "ORG_TOKEN", "SCIM_TOKEN", "BASE_URL"]

MAKERS: list[Callable[[str], object]] = [
    lambda secret: Password("moby", secret),
    lambda secret: PersonalAccessToken("moby", secret),
    lambda secret: OrgAccessToken("acme", secret),
    StaticToken,
    Totp,
]


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(f"HUBAPI_{name}", raising=False)


def shown_by(error: BaseException) -> str:
    """Return the error as a log would show it, with the locals of the package's frames."""
    found = traceback.TracebackException.from_exception(error, capture_locals=True)
    found.stack = traceback.StackSummary.from_list(
        [frame for frame in found.stack if frame.filename.startswith(PACKAGE)]
    )
    return "".join(found.format())


# --- tokens


@pytest.mark.parametrize("make", [MAKERS[1], MAKERS[2], MAKERS[3]])
@pytest.mark.parametrize(
    ("token", "problem"),
    [
        ("canary-4711\n", "a line break at position 12 of 12"),
        ("\r\ncanary-4711", "a line break at position 1 of 13"),
        ("canary 4711", "a space or tab at position 7 of 11"),
        ("canary\t4711", "a space or tab at position 7"),
        ("canary\u00a04711", "a space or tab at position 7"),
        ("canary\u20134711", "a character that is not ASCII at position 7"),
        ("canary\udc804711", "a character that is not ASCII at position 7"),
        ("canary\x004711", "a control character at position 7"),
        ("\ufeffcanary4711", "a character that is not ASCII at position 1"),
        ("", "is empty"),
    ],
)
def test_a_token_with_an_invalid_character_is_refused(make: Callable[[str], object], token: str, problem: str) -> None:
    """The message has the kind and the position of the character, but never the token."""
    with pytest.raises(ConfigurationError, match=problem) as caught:
        make(token)

    assert "canary" not in shown_by(caught.value)


@pytest.mark.parametrize("make", [MAKERS[0], MAKERS[1], MAKERS[3]])
def test_an_organisation_token_needs_its_own_credentials(make: Callable[[str], object]) -> None:
    """The users' login refuses a `dckr_oat_` token (D19): the message says what to use instead."""
    with pytest.raises(ConfigurationError, match=r"use OrgAccessToken\(org, token\)") as caught:
        make("dckr_oat_canary")

    assert "canary" not in shown_by(caught.value)


def test_a_personal_access_token_is_no_static_token() -> None:
    """It has to be exchanged first."""
    with pytest.raises(ConfigurationError, match=r"use PersonalAccessToken\(username, token\)"):
        StaticToken(TOKEN)


def test_a_token_from_the_environment_may_be_missing() -> None:
    """`os.environ.get` may return None: this is an empty token, not a crash."""
    with pytest.raises(ConfigurationError, match="the personal access token is empty"):
        PersonalAccessToken("moby", None)  # type: ignore[arg-type]


def test_the_scim_token_is_validated_too() -> None:
    """Like any other token."""
    with pytest.raises(ConfigurationError, match="the SCIM token has a line break at position 7") as caught:
        AsyncHub(scim_token="canary\n")

    assert "canary" not in shown_by(caught.value)


# --- passwords and names


@pytest.mark.parametrize("password", [" ", "pässwörd", "a\nb", "日本", "\u2603"])
def test_a_password_may_have_any_characters(password: str) -> None:
    """White space and any alphabet are allowed."""
    assert password == Password("moby", password).password.reveal()


@pytest.mark.parametrize("password", ["", "canary\udc80"])
def test_a_password_must_be_text(password: str) -> None:
    """An empty one, or one that is not valid Unicode, can't be sent."""
    with pytest.raises(ConfigurationError, match="the password is") as caught:
        Password("moby", password)

    assert "canary" not in shown_by(caught.value)


@pytest.mark.parametrize("name", ["", "mo by", "moby\n", " moby", "mo\x00by"])
@pytest.mark.parametrize("make", [Password, PersonalAccessToken, OrgAccessToken])
def test_a_name_has_no_white_space(make: Callable[[str, str], object], name: str) -> None:
    """A line break at the end is a common mistake."""
    with pytest.raises(ConfigurationError, match="pass only the name"):
        make(name, "canary")


# --- second factor


def test_a_totp_secret_may_be_formatted() -> None:
    """With spaces, in lower case, with padding: the code is that of RFC 6238, appendix B."""
    written = ["GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ", KEY.lower(), f" {KEY}==\n"]

    assert ["287082"] * 3 == [Totp(text).at(59) for text in written]
    assert "081804" == Totp(KEY).at(1_111_111_109.9)


@pytest.mark.parametrize("key", ["", "canary!1", "189", KEY[:8], f"{KEY}A"])
def test_an_invalid_totp_secret_is_refused(key: str) -> None:
    """Digits that base32 lacks, too few, half a byte: at once, not at the first login."""
    with pytest.raises(ConfigurationError, match="TOTP secret") as caught:
        Totp(key)

    assert "canary" not in shown_by(caught.value).lower()


def test_the_error_without_pyotp_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a user knows what to install."""
    monkeypatch.setitem(__import__("sys").modules, "pyotp.totp", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'hubapi-client\[totp\]'"):
        Totp(KEY)


# --- secrets


@pytest.mark.parametrize("make", MAKERS)
def test_credentials_show_no_secret(make: Callable[[str], object]) -> None:
    """Not in a repr, a format or a pickle; a copy equals the original."""
    credentials = make(KEY)

    assert KEY not in f"{credentials!r} {credentials} {credentials:}"
    assert credentials == copy.copy(credentials) == copy.deepcopy(credentials) == make(KEY)
    assert hash(credentials) == hash(make(KEY))
    assert credentials != make(KEY[:-8] + "AAAAAAAA")
    with pytest.raises(TypeError, match="a secret is not pickled"):
        pickle.dumps(credentials)


def test_a_secret_is_shown_by_reveal_only() -> None:
    """Not by a repr, a format, a pickle or a traceback."""
    secret = Secret("canary")

    assert "canary" not in f"{secret} {secret!r} {secret!s:>9} {secret:>9} {[secret]} {dir(secret)}"
    assert secret == Secret(secret) == copy.deepcopy(secret)
    assert secret != "canary"
    assert Secret("\udc80") == Secret("\udc80")
    ways: list[Callable[[], object]] = [lambda: pickle.dumps(secret), secret.__reduce__, secret.__getstate__]
    for reduce in ways:
        with pytest.raises(TypeError, match="not pickled") as caught:
            reduce()
        assert "canary" not in shown_by(caught.value)


# --- the environment


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Anonymous()),
        ({"USERNAME": "moby", "PASSWORD": "x y"}, Password("moby", "x y")),
        ({"USERNAME": "moby", "TOKEN": TOKEN}, PersonalAccessToken("moby", TOKEN)),
        ({"ORG": "acme", "ORG_TOKEN": "dckr_oat_x"}, OrgAccessToken("acme", "dckr_oat_x")),
        ({"USERNAME": "moby", "PASSWORD": "", "TOKEN": TOKEN}, PersonalAccessToken("moby", TOKEN)),
        ({"USERNAME": "moby", "ORG": "acme", "ORG_TOKEN": "dckr_oat_x"}, OrgAccessToken("acme", "dckr_oat_x")),
        ({"USERNAME": "moby", "ORG": "acme", "TOKEN": TOKEN}, PersonalAccessToken("moby", TOKEN)),
        ({"USERNAME": "", "ORG": ""}, Anonymous()),
    ],
)
def test_credentials_are_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str], expected: Credentials
) -> None:
    """One secret, and the name that belongs to it; an empty variable counts as unset."""
    for name, value in environ.items():
        monkeypatch.setenv(f"HUBAPI_{name}", value)

    assert expected == credentials_from_env()


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"PASSWORD": "canary"}, "HUBAPI_PASSWORD is set, but not HUBAPI_USERNAME"),
        ({"TOKEN": "canary"}, "HUBAPI_TOKEN is set, but not HUBAPI_USERNAME"),
        ({"ORG_TOKEN": "canary"}, "HUBAPI_ORG_TOKEN is set, but not HUBAPI_ORG"),
        ({"ORG_TOKEN": "canary", "USERNAME": "moby"}, "HUBAPI_ORG_TOKEN is set, but not HUBAPI_ORG"),
        ({"USERNAME": "moby"}, "HUBAPI_USERNAME is set, but neither HUBAPI_PASSWORD nor HUBAPI_TOKEN"),
        ({"ORG": "acme"}, "HUBAPI_ORG is set, but not HUBAPI_ORG_TOKEN"),
        ({"USERNAME": "m", "PASSWORD": "canary", "TOKEN": "canary"}, "HUBAPI_PASSWORD and HUBAPI_TOKEN are set"),
        ({"USERNAME": "m", "TOKEN": "canary", "ORG": "a", "ORG_TOKEN": "canary"}, "HUBAPI_TOKEN and HUBAPI_ORG_TOKEN"),
        ({"PASSWORD": "canary", "ORG_TOKEN": "canary"}, "HUBAPI_PASSWORD and HUBAPI_ORG_TOKEN are set"),
        ({"USERNAME": "moby", "TOKEN": "canary\n"}, "HUBAPI_USERNAME, HUBAPI_TOKEN: .* a line break at position 7"),
        ({"USERNAME": "moby\n", "TOKEN": "canary"}, "HUBAPI_USERNAME, HUBAPI_TOKEN: username is 'moby"),
        ({"USERNAME": "moby", "TOKEN": "dckr_oat_canary"}, "HUBAPI_TOKEN: .*use OrgAccessToken"),
        ({"ORG": "acme", "ORG_TOKEN": "ca nary"}, "HUBAPI_ORG, HUBAPI_ORG_TOKEN: .* a space or tab at position 3"),
        ({"SCIM_TOKEN": "canary\n"}, "HUBAPI_SCIM_TOKEN has a line break at position 7"),
        ({"USERNAME": "moby", "PASSWORD": "canary", "BASE_URL": "hub.docker.com"}, "base_url is 'hub.docker.com'"),
    ],
)
def test_errors_name_the_wrong_variables_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str], message: str
) -> None:
    """Half of a pair, two secrets at once, invalid characters: the variables by name, but never a secret."""
    for name, value in environ.items():
        monkeypatch.setenv(f"HUBAPI_{name}", value)

    with pytest.raises(ConfigurationError, match=message) as caught:
        AsyncHub.from_env()

    assert "canary" not in shown_by(caught.value)


def test_the_scim_token_is_read_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Independently of the credentials: the SCIM routes accept no other token."""
    assert scim_token_from_env() is None
    monkeypatch.setenv("HUBAPI_SCIM_TOKEN", "scim")
    assert Secret("scim") == scim_token_from_env()
    assert ["scim"] == list(AsyncHub.from_env()._pipeline.session.authentication.providers)
