"""Whole exports to files: with hubapi, and with the alternatives."""

import asyncio
import json
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import httpx
import msgspec
from attrs import frozen

from hubapi import AsyncHub, Password
from hubapi.export.pages import RawPage
from scripts.bench import events
from scripts.bench.measure import Stopwatch, stopwatch
from scripts.bench.server import ROOT

_USER, _PASSWORD = "moby", "hunter2-hunter2"
_TLS = ssl.create_default_context()  # made once: it takes 30 ms, which are not part of an export

_split = msgspec.json.Decoder(RawPage).decode


@frozen
class Job:
    """An export of `width` accounts at once, with `size` events each."""

    width: int
    size: int

    @property
    def accounts(self) -> list[str]:
        """The names of the accounts."""
        return [events.account(self.size, number) for number in range(self.width)]

    @property
    def events(self) -> int:
        """The total number of events."""
        return self.width * self.size


Query: TypeAlias = dict[str, str | int | float | bool | None]
Exporter: TypeAlias = Callable[[str, Job, Path], Coroutine[Any, Any, object]]


def run(export: Exporter, url: str, job: Job) -> Stopwatch:
    """Export into a temporary folder, and return the time it took.

    Raises:
        RuntimeError: An event is missing.
    """
    with tempfile.TemporaryDirectory(prefix="hubapi-bench-") as place:
        with stopwatch() as watch:
            anyio.run(export, url, job, Path(place))
        written = sum(path.read_bytes().count(b"\n") for path in Path(place).rglob("*.jsonl"))
    if written != job.events:
        raise RuntimeError(f"{written} events were written, not {job.events}")
    return watch


async def by_hubapi(url: str, job: Job, folder: Path) -> None:
    """Export with hubapi."""
    async with AsyncHub(Password(_USER, _PASSWORD), base_url=url) as hub:
        await hub.audit_logs.export(job.accounts, to=folder, concurrency=job.width)


async def by_httpx(url: str, job: Job, folder: Path) -> None:
    """Export with a default `httpx.AsyncClient` alone: no retry, no rate limit, no checks, no fsync."""
    async with httpx.AsyncClient(base_url=url, verify=_TLS) as client:
        client.headers["authorization"] = f"Bearer {await _token(client)}"

        async def one(account: str) -> None:
            with (folder / f"{account}.jsonl").open("wb") as file:
                for number in count(1):
                    query: Query = {"to": events.END.isoformat(), "page": number, "page_size": events.PAGE}
                    response = await client.get(f"/v2/auditlogs/{account}", params=query)
                    response.raise_for_status()
                    logs = _split(response.content).logs or []
                    file.write(b"\n".join([*logs, b""]))
                    if len(logs) < events.PAGE:
                        return

        await _side_by_side(one, job)


async def _token(client: httpx.AsyncClient) -> str:
    response = await client.post("/v2/users/login", json={"username": _USER, "password": _PASSWORD})
    token: str = response.json()["token"]
    return token


async def _side_by_side(one: Callable[[str], Coroutine[Any, Any, None]], job: Job) -> None:
    async with asyncio.TaskGroup() as tasks:
        for account in job.accounts:
            tasks.create_task(one(account))


@contextmanager
def generated() -> Generator[Exporter]:
    """Generate a client with openapi-python-client from the corrected description, and export with it."""
    with tempfile.TemporaryDirectory(prefix="hubapi-bench-") as place:
        description, package = Path(place, "hub.json"), "hub_by_openapi_python_client"
        python = [sys.executable, "-m"]
        _quietly([*python, "scripts.generate", "--corrected", str(description)])
        command = [*python, "openapi_python_client", "generate", "--path", str(description)]
        _quietly([*command, "--output-path", str(Path(place, package)), "--meta", "none"])
        sys.path.insert(0, place)
        try:
            client: Any = import_module(f"{package}.client")
            call: Any = import_module(f"{package}.api.audit_logs.audit_logs_get_audit_logs")
            yield _by_generated(client.AuthenticatedClient, call.asyncio)
        finally:
            sys.path.remove(place)
            for name in [name for name in sys.modules if name.partition(".")[0] == package]:
                del sys.modules[name]


def _quietly(command: list[str]) -> None:
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def _by_generated(make_client: Any, get_logs: Any) -> Exporter:
    """Return an export with the generated client: decode its models, and write `to_dict` of each."""

    async def export(url: str, job: Job, folder: Path) -> None:
        async with httpx.AsyncClient(base_url=url, verify=_TLS) as client:
            token = await _token(client)

        async def one(account: str) -> None:
            with (folder / f"{account}.jsonl").open("w", encoding="utf-8") as file:
                for number in count(1):
                    page = await get_logs(account, client=client, to=events.END, page=number, page_size=events.PAGE)
                    file.writelines(json.dumps(event.to_dict()) + "\n" for event in page.logs)
                    if len(page.logs) < events.PAGE:
                        return

        async with make_client(base_url=url, token=token, verify_ssl=_TLS) as client:
            await _side_by_side(one, job)

    return export
