"""No secret in a traceback with local variables: not the token, not the body, whatever failed."""

import anyio
import pytest

from hubapi import HubError
from hubapi._secret import Secret
from hubapi._transport.exchange import exchange
from hubapi._transport.transport import Limits, Request, Transport
from tests.test_secrets import Witness
from tests.transport.conformance.conftest import Open
from tests.transport.conformance.servers import Handler, free_port, hold, sending, serving

pytestmark = pytest.mark.anyio

CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"
FAILURES: dict[str, Handler] = {
    "closed": sending(b"", closes=True),
    "garbage": sending(b"garbage\r\n\r\n", closes=True),
    "cut": sending(CUT, closes=True),
    "silent": hold,
    "too large": sending(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n" + b"x" * 99_999),
    "an unknown coding": sending(b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\nx"),
    "another protocol": sending(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n", closes=True),
}


def post(url: str) -> Request:
    limits = Limits(connect_s=5, read_s=0.2, max_response_bytes=50_000)
    return Request(
        method="POST", url=f"{url}/v2/x", bearer=Secret("canary-token"), content=b'{"p": "canary-body"}', limits=limits
    )


def check(error: BaseException, transport: Transport) -> None:
    witness = Witness()
    witness.see_error(error)
    witness.see(transport)
    assert witness.shown
    assert [] == [shown[:500] for shown in witness.shown if "canary" in shown]


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failure_shows_nothing(opened: Open, failure: str) -> None:
    """As the pipeline sends: through `exchange`, which leaves the frames below it behind."""
    async with serving(FAILURES[failure]) as server, opened() as transport:
        with pytest.raises(HubError) as caught:
            await exchange(transport, post(server.url))

    check(caught.value, transport)


async def test_a_request_that_was_not_sent_shows_nothing(opened: Open) -> None:
    """No connection was made."""
    async with opened() as transport:
        with pytest.raises(HubError) as caught:
            await exchange(transport, post(f"http://127.0.0.1:{free_port()}"))

    check(caught.value, transport)


async def test_a_cancellation_shows_nothing(opened: Open) -> None:
    """Its traceback goes through the same frames."""
    seen: list[BaseException] = []
    async with serving(hold) as server, opened() as transport:

        async def call() -> None:
            request = Request(method="POST", url=server.url, bearer=Secret("canary-token"), content=b"canary-body")
            try:
                await exchange(transport, request)
            except BaseException as error:
                seen.append(error)
                raise

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await server.until(lambda: bool(server.requests))
            tasks.cancel_scope.cancel()

    check(seen[0], transport)


@pytest.mark.needs("closing")
async def test_closing_shows_nothing(opened: Open) -> None:
    """While the request is under way."""
    seen: list[HubError] = []
    async with serving(hold) as server, opened() as transport, anyio.create_task_group() as tasks:

        async def call() -> None:
            request = Request(method="POST", url=server.url, bearer=Secret("canary-token"), content=b"canary-body")
            try:
                await exchange(transport, request)
            except HubError as error:
                seen.append(error)

        tasks.start_soon(call)
        await server.until(lambda: bool(server.requests))
        await transport.aclose()

    check(seen[0], transport)
