"""Which of the server's links may be followed: those that stay on it. Anything else never becomes a request."""

import re
from urllib.parse import unquote, urlsplit

from hubapi.errors import UnsafeLinkError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_CONTROL = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
_LONGEST = 8_192  # characters: what servers take at most


def path_and_query(link: str, base_url: str) -> str:
    """Return a link's path and query, if it leads to the same origin and below the same path.

    Args:
        link: As the server gave it: an absolute URL (D15), or a path.
        base_url: Where requests go.

    Raises:
        UnsafeLinkError: it leads anywhere else.

    Example:
        >>> path_and_query("https://hub.docker.com/v2/x?page=2", "https://hub.docker.com")
        '/v2/x?page=2'
    """
    if len(link) > _LONGEST:
        raise _unsafe(link, f"has {len(link)} characters")
    if _CONTROL.search(link):
        raise _unsafe(link, "has a character no URL has")
    try:
        found, base = urlsplit(link), urlsplit(base_url)
        same = _origin(found.scheme, found.hostname, found.port) == _origin(base.scheme, base.hostname, base.port)
    except ValueError:
        raise _unsafe(link, "is no URL") from None
    absolute = bool(found.scheme or found.netloc)
    if absolute and (not same or "@" in found.netloc):
        raise _unsafe(link, f"leads off {base.scheme}://{base.netloc}")
    if not found.path.startswith("/") or (not absolute and link.startswith("//")):
        raise _unsafe(link, "is neither an absolute URL nor a path")
    if any(unquote(part) in {".", ".."} for part in re.split(r"/|%2[fF]", found.path)):
        raise _unsafe(link, "climbs")
    prefix = base.path.rstrip("/")
    below = found.path.startswith(f"{prefix}/")
    if absolute and not below:
        raise _unsafe(link, f"leads out of {base.path}")
    path = found.path.removeprefix(prefix) if below else found.path
    return f"{path}?{found.query}" if found.query else path


def _origin(scheme: str, host: str | None, port: int | None) -> tuple[str, str | None, int | None]:
    return scheme, host, _DEFAULT_PORTS.get(scheme) if port is None else port


def _unsafe(link: str, why: str) -> UnsafeLinkError:
    shown = re.sub(r"[^/@]*@", "", link[:1000])[:200]
    return UnsafeLinkError(f"the server's link {shown!r} {why}: not followed")
