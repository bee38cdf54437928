"""Validation of the server's links: only those that stay on the server become requests."""

import re
from urllib.parse import unquote, urlsplit

from hubapi.errors import UnsafeLinkError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
_MAX_LENGTH = 8_192  # characters; servers accept no more


def path_and_query(link: str, base_url: str) -> str:
    """Return the path and query of a link that has the base URL's origin and lies below its path.

    Args:
        link: The link as the server sent it: an absolute URL (D15), or a path.
        base_url: The URL that requests go to.

    Raises:
        UnsafeLinkError: the link leads anywhere else.

    Example:
        >>> path_and_query("https://hub.docker.com/v2/x?page=2", "https://hub.docker.com")
        '/v2/x?page=2'
    """
    if len(link) > _MAX_LENGTH:
        raise _unsafe(link, f"is too long ({len(link)} characters)")
    if _NOT_IN_A_URL.search(link):
        raise _unsafe(link, "has a character that is not allowed in a URL")
    try:
        url, base = urlsplit(link), urlsplit(base_url)
        same = _origin(url.scheme, url.hostname, url.port) == _origin(base.scheme, base.hostname, base.port)
    except ValueError:
        raise _unsafe(link, "is not a URL") from None
    absolute = bool(url.scheme or url.netloc)
    if absolute and (not same or "@" in url.netloc):
        raise _unsafe(link, f"does not lead to {base.scheme}://{base.netloc}")
    if not url.path.startswith("/") or (not absolute and link.startswith("//")):
        raise _unsafe(link, "is neither an absolute URL nor a path")
    if any(unquote(segment) in {".", ".."} for segment in re.split(r"/|%2[fF]", url.path)):
        raise _unsafe(link, "has a '.' or '..' segment")
    prefix = base.path.rstrip("/")
    below = url.path.startswith(f"{prefix}/")
    if absolute and not below:
        raise _unsafe(link, f"is not below {base.path}")
    path = url.path.removeprefix(prefix) if below else url.path
    return f"{path}?{url.query}" if url.query else path


def _origin(scheme: str, host: str | None, port: int | None) -> tuple[str, str | None, int | None]:
    return scheme, host, _DEFAULT_PORTS.get(scheme) if port is None else port


def _unsafe(link: str, reason: str) -> UnsafeLinkError:
    shown = re.sub(r"[^/@]*@", "", link[:1000])[:200]  # without a user name and password
    return UnsafeLinkError(f"the server's link {shown!r} {reason}; it was not followed")
