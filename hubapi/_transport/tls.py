"""The SSL context that verifies servers, unless the caller passes one."""

import os
import re
import ssl
from pathlib import Path

import httpx

from hubapi.errors import ConfigurationError

_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.[0-9]+")  # as written by `openssl rehash`; OpenSSL reads no other names


def default_ssl_context() -> ssl.SSLContext:
    """Return a context with the certificates of `SSL_CERT_FILE` or `SSL_CERT_DIR`, or else certifi's.

    It takes 30 ms: call it off the event loop.

    Raises:
        ConfigurationError: one of these variables, or `SSLKEYLOGFILE`, names a file that can't be used.
    """
    _check_directories()
    try:
        context = httpx.create_ssl_context()
    except (OSError, ssl.SSLError) as error:
        problem = _explain(error)
    else:
        context.set_alpn_protocols(["http/1.1"])
        return context
    raise problem


def _check_directories() -> None:
    """Check `SSL_CERT_DIR`: OpenSSL accepts any value, and then trusts no certificate."""
    directories = os.environ.get("SSL_CERT_DIR")
    if not directories or os.environ.get("SSL_CERT_FILE"):
        return
    if not any(map(_has_certificates, directories.split(os.pathsep))):
        raise ConfigurationError(
            f"SSL_CERT_DIR names {directories!r}, which has no certificate with a hashed name: run `openssl rehash`"
        )


def _has_certificates(directory: str) -> bool:
    try:
        return any(_HASHED_NAME.fullmatch(path.name) for path in Path(directory).iterdir())
    except OSError:
        return False


def _explain(error: Exception) -> ConfigurationError:
    """Return the error with the variable that caused it, which OpenSSL's message does not name."""
    path = os.environ.get("SSL_CERT_FILE")
    if path:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
        except (OSError, ssl.SSLError) as cause:
            return ConfigurationError(f"SSL_CERT_FILE names {path!r}, which can't be read as certificates: {cause}")
    path = os.environ.get("SSLKEYLOGFILE")
    if path:
        return ConfigurationError(f"SSLKEYLOGFILE names {path!r}, which can't be written: {error}")
    return ConfigurationError(f"the certificates of servers can't be read: {error}")
