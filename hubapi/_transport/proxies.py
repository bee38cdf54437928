"""Which proxy the environment names: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, and `NO_PROXY`, as httpx reads them."""

from urllib.parse import urlsplit
from urllib.request import getproxies


def environment_proxy(scheme: str, host: str, port: int | None) -> str | None:
    """Return the URL of the proxy on the way to a server; None for the straight way.

    Args:
        scheme: `http` or `https`.
        host: Its name or address, without brackets.
        port: None for the scheme's own.
    """
    named = getproxies()
    proxy = named.get(scheme) or named.get("all")
    exempt = [name.strip() for name in named.get("no", "").split(",")]
    if not proxy or any(_covers(name, scheme, host, port) for name in exempt if name):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _covers(name: str, scheme: str, host: str, port: int | None) -> bool:
    """Return whether a name in `NO_PROXY` means this server.

    `example.com` means its subdomains too, `.example.com` only those, `https://example.com` neither, `*` everything.
    """
    if name == "*":
        return True
    exact = "://" in name
    address = name.count(":") > 1 and not exact and not name.startswith("[")  # of IPv6
    try:
        parts = urlsplit(name if exact else f"all://[{name}]" if address else f"all://{name}")
        its_host, its_port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme not in {"all", scheme} or its_port not in {None, port}:
        return False
    if exact:
        return its_host in {"", host}
    return host == its_host or host.endswith(its_host if its_host.startswith(".") else f".{its_host}")
