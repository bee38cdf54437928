"""The objects that `AsyncHub(transport=)` accepts, and those it refuses."""

import gzip
from typing import Any

import anyio
import httpx
import pytest
from attrs import define, field

from hubapi import AsyncHub, ConfigurationError, NoResponseError, NotSentError, StaticToken
from hubapi._transport.select import as_transport
from hubapi._transport.transport import Request, Response
from tests.transport.servers import free_port, get

pytestmark = pytest.mark.anyio


@define
class Own:
    """A caller's transport that implements the protocol."""

    requests: list[Request] = field(factory=list[Request])
    closed: int = 0

    async def send(self, request: Request, /) -> Response:
        self.requests.append(request)
        await anyio.lowlevel.checkpoint()
        return Response(status=200, headers={}, content=b'{"name": "3.13", "images": []}')

    async def aclose(self) -> None:
        self.closed += 1


async def test_a_callers_transport_is_used_and_left_open() -> None:
    """The caller closes it."""
    own = Own()
    async with AsyncHub(StaticToken("a.b.c"), transport=own) as hub:
        tag = await hub.repositories.get_tag("library", "python", "3.13")

    assert ("3.13", 0) == (tag.name, own.closed)
    assert ["GET"] == [request.method for request in own.requests]
    assert "a.b.c" == (own.requests[0].bearer or pytest.fail("no token")).reveal()


async def test_an_httpx_transport_is_used() -> None:
    """Also a subclass of any name."""

    class Renamed(httpx.MockTransport):
        pass

    transport = as_transport(Renamed(lambda request: httpx.Response(200, text=str(request.url))))
    response = await transport.send(get("https://hub.docker.com/v2/x?page=2"))

    assert b"https://hub.docker.com/v2/x?page=2" == response.content


class TestHttpx2:
    """The successor of httpx, if it is installed."""

    @pytest.fixture
    def httpx2(self) -> Any:
        return pytest.importorskip("httpx2")

    async def test_its_transports_are_used(self, httpx2: Any) -> None:
        """With requests and responses of its own classes."""

        def respond(request: Any) -> Any:
            assert isinstance(request, httpx2.Request)
            assert "gzip" == request.headers["accept-encoding"]
            return httpx2.Response(200, headers={"content-encoding": "gzip"}, content=gzip.compress(request.content))

        transport = as_transport(httpx2.MockTransport(respond))
        request = Request(method="POST", url="https://hub.docker.com/v2/x", content=b"hello")

        assert b"hello" == (await transport.send(request)).content

    async def test_its_errors_are_converted(self, httpx2: Any) -> None:
        """A request over a refused connection was not sent."""
        async with httpx2.AsyncHTTPTransport() as theirs:
            with pytest.raises(NotSentError, match="nothing was sent"):
                await as_transport(theirs).send(get(f"http://127.0.0.1:{free_port()}/"))

        def fail(request: Any) -> Any:
            raise httpx2.ReadError("x")

        with pytest.raises(NoResponseError, match="ReadError"):
            await as_transport(httpx2.MockTransport(fail)).send(get("https://hub.docker.com/"))

    async def test_its_client_is_refused(self, httpx2: Any) -> None:
        """It has `send` and `aclose`, but would store cookies."""
        async with httpx2.AsyncClient() as client:
            with pytest.raises(ConfigurationError, match=r"give an async transport, such as httpx2\.AsyncHTTP"):
                as_transport(client)


async def test_an_httpx_client_is_refused() -> None:
    """It has `send` and `aclose`, but would store cookies."""
    async with httpx.AsyncClient() as client:
        with pytest.raises(ConfigurationError, match=r"AsyncClient of httpx: give .* httpx\.AsyncHTTPTransport\(\)"):
            AsyncHub(transport=client)  # type: ignore[arg-type]
    with httpx.Client() as blocking, pytest.raises(ConfigurationError, match="Client of httpx"):
        AsyncHub(transport=blocking)  # type: ignore[arg-type]
    with httpx.HTTPTransport() as blocking, pytest.raises(ConfigurationError, match="HTTPTransport of httpx"):
        AsyncHub(transport=blocking)  # type: ignore[arg-type]


class WithoutClose:
    async def send(self, request: Request) -> None: ...


@pytest.mark.parametrize("given", [WithoutClose(), object(), "https://proxy", 5, False, lambda request: None])
async def test_an_object_that_is_no_transport_is_refused(given: object) -> None:
    """When the hub is created, with a helpful error."""
    with pytest.raises(ConfigurationError, match="the methods `send` and `aclose`"):
        AsyncHub(transport=given)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [httpx.AsyncHTTPTransport, Own])
async def test_a_class_is_refused(given: type) -> None:
    """Its parentheses were forgotten."""
    with pytest.raises(ConfigurationError, match=f"the class {given.__name__}: give an instance"):
        AsyncHub(transport=given)  # type: ignore[arg-type]
