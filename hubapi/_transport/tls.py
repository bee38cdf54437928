"""The SSL context that servers are verified with, unless the caller gives one."""

import os
import re
import ssl
from pathlib import Path

import httpx

from hubapi.errors import ConfigurationError

_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")  # as `openssl rehash` names certificates; OpenSSL reads no others


def default_ssl_context() -> ssl.SSLContext:
    """Return a context with the certificates that `SSL_CERT_FILE` or `SSL_CERT_DIR` names, or else certifi's.

    It takes 30 ms: call it off the event loop.

    Raises:
        ConfigurationError: one of these variables, or `SSLKEYLOGFILE`, names no usable file.
    """
    _check_directories()
    try:
        context = httpx.create_ssl_context()
    except (OSError, ssl.SSLError) as error:
        problem = _blame(error)
    else:
        context.set_alpn_protocols(["http/1.1"])
        return context
    raise problem


def _check_directories() -> None:
    """OpenSSL takes any text for directories, and then knows no certificate."""
    named = os.environ.get("SSL_CERT_DIR")
    if named and not os.environ.get("SSL_CERT_FILE") and not any(map(_has_certificates, named.split(os.pathsep))):
        raise ConfigurationError(
            f"SSL_CERT_DIR names {named!r}, which holds no certificate under the name of its hash: run `openssl rehash`"
        )


def _has_certificates(directory: str) -> bool:
    try:
        return any(_HASHED.fullmatch(path.name) for path in Path(directory).iterdir())
    except OSError:
        return False


def _blame(error: Exception) -> ConfigurationError:
    """Return which variable's file can't be used: OpenSSL's errors do not tell."""
    named = os.environ.get("SSL_CERT_FILE")
    if named:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=named)
        except (OSError, ssl.SSLError) as its_own:
            return ConfigurationError(f"SSL_CERT_FILE names {named!r}, which can't be read as certificates: {its_own}")
    named = os.environ.get("SSLKEYLOGFILE")
    if named:
        return ConfigurationError(f"SSLKEYLOGFILE names {named!r}, which can't be written: {error}")
    return ConfigurationError(f"the certificates of servers can't be read: {error}")
