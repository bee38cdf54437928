"""The sockets that this process has open: both ends of those on loopback."""

from pathlib import Path

import anyio
import pytest

from tests.transport.conformance.servers import Server

_TURNS = 200
_DESCRIPTORS = Path("/proc/self/fd")

counted = pytest.mark.skipif(not _DESCRIPTORS.is_dir(), reason="counts the sockets in /proc")


def open_sockets() -> int:
    links = list(_DESCRIPTORS.iterdir())
    return sum(link.is_symlink() and str(link.readlink()).startswith("socket:") for link in links)


async def nothing_left(server: Server, sockets: int) -> None:
    """Wait until the client has closed all its connections, and no more sockets than these are open.

    Counted in turns of the event loop: a busy machine gets as many, and a client with threads of its own some time.
    """
    for _ in range(_TURNS):
        if len(server.ended) == len(server.connections) and open_sockets() <= sockets:
            return
        await anyio.sleep(0.01)
    still = len(server.connections) - len(server.ended)
    pytest.fail(f"{still} connections are still open, and {open_sockets() - sockets} sockets")
