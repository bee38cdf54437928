"""The certificates used to verify servers."""

import ssl
from pathlib import Path

import httpx
import pytest
import trustme

from hubapi import ConfigurationError, NotSentError
from hubapi._transport.tls import default_ssl_context
from tests.transport.servers import OK, get, opened, respond_with, server_context, serving

pytestmark = pytest.mark.anyio

VARIABLES = ["SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


async def test_certificates_of_the_environment_are_trusted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: trustme.CA
) -> None:
    """`SSL_CERT_FILE` names them; without it this server's CA is unknown."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with serving(respond_with(OK), server_context(authority, "127.0.0.1")) as url:
        async with opened() as transport:
            with pytest.raises(NotSentError, match="certificate verify failed"):
                await transport.send(get(f"{url}/"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        async with opened() as transport:
            responses = [await transport.send(get(f"{url}/")) for _ in range(2)]

    assert [b"{}", b"{}"] == [response.content for response in responses]


def test_a_directory_of_certificates_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One of several directories has to exist."""
    (tmp_path / "0a1b2c3d.0").write_text("OpenSSL reads it when it needs it")
    monkeypatch.setenv("SSL_CERT_DIR", f"/none:{tmp_path}")

    assert ssl.CERT_REQUIRED == default_ssl_context().verify_mode


def test_a_key_log_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As with any default context of Python."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))

    assert str(tmp_path / "keys.log") == default_ssl_context().keylog_filename


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("name", ["missing/file", "a directory", "empty", "garbage", "notes"])
async def test_the_error_names_the_variable_with_an_unusable_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, name: str
) -> None:
    """And the file, before anything is sent."""
    (tmp_path / "a directory").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "garbage").write_bytes(b"\xff\x00 no certificate")
    (tmp_path / "notes").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    if variable == "SSLKEYLOGFILE" and name in {"empty", "garbage", "notes"}:
        pytest.skip("it may be written")
    requests: list[bytes] = []
    monkeypatch.setenv(variable, str(tmp_path / name))

    async with serving(respond_with(OK, requests)) as url, opened() as transport:
        for _ in range(2):
            with pytest.raises(ConfigurationError, match=f"^{variable} names ") as caught:
                await transport.send(get(url.replace("http:", "https:") + "/"))

    assert str(tmp_path / name) in str(caught.value)
    assert [] == requests


def test_the_error_names_the_wrong_one_of_two_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error of OpenSSL does not tell which."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "none" / "keys.log"))
    with pytest.raises(ConfigurationError, match=r"^SSLKEYLOGFILE names "):
        default_ssl_context()

    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(ConfigurationError, match=r"^SSL_CERT_FILE names "):
        default_ssl_context()


def test_any_other_failure_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the file of certifi missing in a frozen program."""

    def fail() -> ssl.SSLContext:
        raise FileNotFoundError("cacert.pem")

    monkeypatch.setattr(httpx, "create_ssl_context", fail)
    with pytest.raises(ConfigurationError, match="the certificates of servers can't be read"):
        default_ssl_context()
