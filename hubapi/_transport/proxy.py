"""Proxies: the one set in the environment, and the URL of a proxy as httpx takes it.

`urllib.request` reads `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, and the system settings on macOS and
Windows. A proxy's URL may contain a password, so it stays a `Secret`, and no message repeats it.
"""

from importlib.util import find_spec
from ipaddress import ip_address
from urllib.request import getproxies, proxy_bypass

import httpx

from hubapi._secret import Secret
from hubapi.errors import ConfigurationError


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine.

    Args:
        host: A name or an address, without brackets.
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        name = host.lower().rstrip(".")
        return name == "localhost" or name.endswith(".localhost")


def environment_proxy(url: httpx.URL) -> Secret | None:
    """Return the URL of the proxy that the environment sets for a server; None for a direct connection.

    Connections to this machine are always direct: a proxy on another machine could not connect to it.
    """
    host = url.netloc.decode("ascii")
    if is_loopback(url.host) or proxy_bypass(host) or proxy_bypass(url.host):
        return None
    proxies = {scheme: Secret(proxy) for scheme, proxy in getproxies().items()}
    return proxies.get(url.scheme) or proxies.get("all")


def parse_proxy(url: Secret, source: str) -> httpx.Proxy:
    """Return a proxy as httpx takes it.

    Args:
        url: Such as `http://user:password@proxy:3128` or `socks5://proxy`; `http://` may be omitted.
        source: The setting that it comes from, for the error message.

    Raises:
        ConfigurationError: the URL is invalid, or needs a package that is not installed.
    """
    try:
        proxy = httpx.Proxy(url.reveal() if "://" in url.reveal() else f"http://{url.reveal()}")
    except (httpx.InvalidURL, ValueError, TypeError):
        proxy = None
    if proxy is None or not proxy.url.host:
        raise ConfigurationError(f"{source} is not the URL of a proxy: give one such as http://proxy.example:3128")
    if proxy.url.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ConfigurationError(f"{source} is a SOCKS proxy, which needs: pip install httpx[socks]")
    return proxy
