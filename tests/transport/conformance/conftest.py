"""Fixtures for tests that every transport passes: each test runs once for each transport, in asyncio and in trio."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import pytest

from hubapi._transport.transport import Transport
from tests.transport.conformance.certificates import Authority
from tests.transport.conformance.transports import TRANSPORTS, Capability, Entry, Wanted

Open: TypeAlias = Callable[..., AbstractAsyncContextManager[Transport]]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*capabilities): what a transport must be able to do for this test")


@pytest.fixture(params=TRANSPORTS, ids=lambda entry: entry.name)
def entry(request: pytest.FixtureRequest, anyio_backend: str) -> Entry:
    """One of the transports. A test that it can't take is skipped; one that it is known to fail must fail."""
    entry: Entry = request.param
    needed: set[Capability] = {"trio"} if anyio_backend == "trio" else set()
    for mark in request.node.iter_markers("needs"):
        needed |= set(mark.args)
    missing = needed - entry.capabilities
    if missing:
        pytest.skip(f"not applicable to {entry.name}: {', '.join(sorted(missing))}")
    for known, runs in ((entry.deviations, True), (entry.leaks, False)):
        for key, reason in known.items():
            name, *parts = key.split()
            if name == request.node.originalname and set(parts) <= set(request.node.callspec.id.split("-")):
                request.applymarker(pytest.mark.xfail(reason=f"deviation: {reason}", strict=True, run=runs))
    return entry


@pytest.fixture(autouse=True)
def no_proxy_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def opened(entry: Entry) -> Open:
    """Open a transport of the kind under test: `async with opened(ca=…, proxy=…) as transport`."""

    @asynccontextmanager
    async def opened(**wanted: Any) -> AsyncIterator[Transport]:
        transport = entry.open(Wanted(**wanted))
        try:
            yield transport
        finally:
            await transport.aclose()

    return opened


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "ca.pem")
