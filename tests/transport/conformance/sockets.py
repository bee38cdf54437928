"""The sockets that this process has open: both ends of those on loopback."""

from pathlib import Path

import anyio
import pytest

_DESCRIPTORS = Path("/proc/self/fd")

counted = pytest.mark.skipif(not _DESCRIPTORS.is_dir(), reason="counts the sockets in /proc")


def open_sockets() -> int:
    links = list(_DESCRIPTORS.iterdir())
    return sum(link.is_symlink() and str(link.readlink()).startswith("socket:") for link in links)


async def until_only(number: int) -> None:
    """Wait until no more sockets than *number* are open: a client's own threads close theirs in their own time."""
    with anyio.fail_after(5):
        while open_sockets() > number:
            await anyio.sleep(0.001)
