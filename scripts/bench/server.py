"""The part of Docker Hub that an export needs, in a process of its own and fast enough not to affect the figures.

It serves logins, the actions of an account, and pages of `events`, with headers of a rate limit that is nearly unused.
`python -m scripts.bench.server` prints its URL and serves until its standard input ends.
"""

import asyncio
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from scripts.bench import events

ROOT = Path(__file__).resolve().parents[2]
_PIPELINED = 32


@contextmanager
def serving() -> Generator[str]:
    """Serve in another process for the duration of the block, and yield the URL."""
    command = [sys.executable, "-m", "scripts.bench.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield process.stdout.readline().strip() if process.stdout else ""
        finally:
            process.communicate("")


def pages_per_second(url: str, pages: int) -> float:
    """Return the number of different pages that it serves per second to a client that discards them, 32 in flight."""
    host = urlsplit(url)
    with socket.create_connection((host.hostname or "", host.port or 0)) as connection:
        began = time.perf_counter()
        for first in range(1, pages + 1, _PIPELINED):
            targets = [f"/v2/auditlogs/{events.account(100 * pages)}?page={first + n}" for n in range(_PIPELINED)]
            connection.sendall("".join(f"GET {target} HTTP/1.1\r\nhost: x\r\n\r\n" for target in targets).encode())
            received = b""
            while received.count(b"HTTP/1.1 200 ") < _PIPELINED or not received.endswith(b"]}"):
                received += connection.recv(1 << 20)
        return pages / (time.perf_counter() - began)


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - a socket's transport
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            head = self._pending[:end]
            end += 4 + _content_length(head)
            if len(self._pending) < end:
                return
            self._pending = self._pending[end:]
            status, body = _respond(head.split(b" ", 2)[1].decode())
            self._transport.write(
                b"%b%b%d\r\n\r\n%b" % (_STATUS_LINES[status], _headers(int(time.time())), len(body), body)
            )


def _content_length(head: bytes) -> int:
    found = head.lower().partition(b"content-length:")[2]
    return int(found.partition(b"\r\n")[0] or 0)


@lru_cache(maxsize=1)
def _headers(second: int) -> bytes:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(second))
    return (
        f"date: {date}\r\ncontent-type: application/json\r\nx-ratelimit-limit: 1000000000\r\n"
        f"x-ratelimit-remaining: 999999999\r\nx-ratelimit-reset: {second + 58}\r\ncontent-length: "
    ).encode()


_STATUS_LINES = {status: f"HTTP/1.1 {status} {status.phrase}\r\n".encode() for status in HTTPStatus}


def _respond(target: str) -> tuple[HTTPStatus, bytes]:
    parts = urlsplit(target)
    match parts.path.split("/")[2:]:
        case ["users", "login"]:
            return HTTPStatus.OK, _login()
        case ["auditlogs", _, "actions"]:
            return HTTPStatus.OK, b'{"actions":{}}'
        case ["auditlogs", account]:
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            since, until = (datetime.fromisoformat(query[name]) if name in query else None for name in ("from", "to"))
            size = int(account[1:].partition("-")[0])
            return HTTPStatus.OK, events.page(size, int(query.get("page", "1")), since=since, until=until)
        case _:
            return HTTPStatus.NOT_FOUND, b'{"message":"not found"}'


def _login() -> bytes:
    claims = b'{"iat":%d,"exp":%d}' % (time.time(), time.time() + 86_400)
    jwt = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in (b'{"alg":"none"}', claims, b"signature"))
    return b'{"token":"%b"}' % jwt


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
