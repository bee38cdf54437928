"""The table of `docs/instrumentation.md`: which tools see the requests of which transport."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import httpx2
import pytest
import respx
import sentry_sdk
import vcr
from opentelemetry import trace
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor, HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_sdk.integrations.httpx import HttpxIntegration

from hubapi import AsyncHub, FastTransport, StaticToken
from tests.transport.conformance.servers import respond, serving

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs" / "instrumentation.md"
Watching: TypeAlias = Callable[[str, pytest.FixtureRequest], AbstractContextManager[Callable[[], int]]]


@pytest.fixture(scope="module")
def spans() -> Iterator[InMemorySpanExporter]:
    """The recorder of OpenTelemetry. A process has one provider for good, so it discards spans after these tests."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    yield exporter
    exporter.shutdown()


@contextmanager
def opentelemetry(url: str, request: pytest.FixtureRequest) -> Iterator[Callable[[], int]]:
    exporter: InMemorySpanExporter = request.getfixturevalue("spans")
    exporter.clear()
    instrumentors = (HTTPXClientInstrumentor(), HTTPX2ClientInstrumentor())
    for instrumentor in instrumentors:
        instrumentor.instrument()
    try:
        yield lambda: sum(span.kind is trace.SpanKind.CLIENT for span in exporter.get_finished_spans())
    finally:
        for instrumentor in instrumentors:
            instrumentor.uninstrument()


@contextmanager
def _respx(url: str, using: str) -> Iterator[Callable[[], int]]:
    with respx.mock(using=using, assert_all_called=False) as router:
        route = router.get(f"{url}/v2/x").respond(json={})
        yield lambda: int(route.call_count)


def respx_over_httpcore(url: str, request: pytest.FixtureRequest) -> AbstractContextManager[Callable[[], int]]:
    return _respx(url, "httpcore")


def respx_over_httpx(url: str, request: pytest.FixtureRequest) -> AbstractContextManager[Callable[[], int]]:
    return _respx(url, "httpx")


@contextmanager
def pytest_httpx(url: str, request: pytest.FixtureRequest) -> Iterator[Callable[[], int]]:
    mock = request.getfixturevalue("httpx_mock")
    mock.add_response(url=f"{url}/v2/x", json={})
    yield lambda: len(mock.get_requests())


@contextmanager
def vcrpy(url: str, request: pytest.FixtureRequest) -> Iterator[Callable[[], int]]:
    cassette = request.getfixturevalue("tmp_path") / "cassette.yaml"
    with vcr.use_cassette(str(cassette), filter_headers=["authorization"]) as recorded:
        yield lambda: len(recorded)


@contextmanager
def sentry(url: str, request: pytest.FixtureRequest) -> Iterator[Callable[[], int]]:
    seen: list[Any] = []

    def keep(event: Any, hint: Any) -> None:
        seen.extend(span for span in event["spans"] if span["op"] == "http.client")

    sentry_sdk.init(
        "https://key@sentry.invalid/1",
        integrations=[HttpxIntegration()],
        default_integrations=False,
        auto_enabling_integrations=False,
        traces_sample_rate=1.0,
        before_send_transaction=keep,
    )
    transaction = sentry_sdk.start_transaction(name="test")

    def count() -> int:
        transaction.finish()
        return len(seen)

    try:
        with transaction:
            yield count
    finally:
        # The patch of httpx stays in this process: it must not add headers in other tests.
        sentry_sdk.init(default_integrations=False, auto_enabling_integrations=False, trace_propagation_targets=[])


TOOLS: dict[str, Watching] = {
    "OpenTelemetry": opentelemetry,
    "respx": respx_over_httpcore,
    'respx, `using="httpx"`': respx_over_httpx,
    "pytest-httpx": pytest_httpx,
    "vcrpy": vcrpy,
    "Sentry": sentry,
}
TRANSPORTS: dict[str, Callable[[], Any]] = {
    "default": lambda: None,
    "`httpx.AsyncHTTPTransport`": httpx.AsyncHTTPTransport,
    "`httpx2.AsyncHTTPTransport`": httpx2.AsyncHTTPTransport,
    "`FastTransport`": FastTransport,
}
_STOCK = ("default", "`httpx.AsyncHTTPTransport`")
SEEN = {
    "OpenTelemetry": tuple(TRANSPORTS),  # pyqwest makes spans by itself
    "respx": _STOCK,
    'respx, `using="httpx"`': (),
    "pytest-httpx": _STOCK,
    "vcrpy": (*_STOCK, "`httpx2.AsyncHTTPTransport`"),
    "Sentry": (),
}
SEES = {(tool, transport): transport in SEEN[tool] for tool in TOOLS for transport in TRANSPORTS}


@pytest.mark.httpx_mock(assert_all_responses_were_requested=False)
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("tool", TOOLS)
async def test_a_tool_sees_the_requests_as_documented(
    request: pytest.FixtureRequest, tool: str, transport: str
) -> None:
    """A tool that mocks replaces the server; a request that it does not see reaches the server."""
    mocks = tool.startswith("respx") or tool == "pytest-httpx"
    theirs = TRANSPORTS[transport]()
    async with serving(respond) as server, AsyncHub(StaticToken("x"), base_url=server.url, transport=theirs) as hub:
        with TOOLS[tool](server.url, request) as count:
            assert {} == await hub.raw.request("GET", "/v2/x")
            seen = count()
        if theirs is not None:
            await theirs.aclose()

    expected = SEES[tool, transport]
    assert expected == (seen == 1)
    assert len(server.requests) == (0 if mocks and expected else 1)


def test_the_documented_table_is_the_tested_one() -> None:
    """A cell begins with yes if the tool sees the requests, and with no if it doesn't."""
    rows = [re.split(r"\s*\|\s*", line.strip("| \n")) for line in PAGE.read_text("utf-8").splitlines() if "|" in line]
    head, _, *body = rows
    assert list(TRANSPORTS) == head[1:]
    documented = {
        (row[0], name): row[place].startswith("yes") for row in body for place, name in enumerate(head[1:], 1)
    }

    assert documented == SEES
