"""A hundred odd responses: each is read in one way, or fails in one way."""

import pytest

from hubapi import NoResponseError
from hubapi._transport.transport import Request, Response
from tests.transport.conformance.conftest import Open
from tests.transport.conformance.responses import CASES, FAILS, Case, Read
from tests.transport.conformance.servers import sending, serving
from tests.transport.conformance.transports import Entry

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_an_odd_response(entry: Entry, opened: Open, case: Case) -> None:
    """Over a connection that the server keeps open, unless the response ends with it."""
    async with serving(sending(case.sent, closes=case.closes)) as server, opened() as transport:
        outcome: Response | str
        words = ""
        try:
            outcome = await transport.send(Request(method=case.method, url=f"{server.url}/v2/x"))
        except NoResponseError as error:
            outcome, words = FAILS, str(error)

    expected = case.expected_of(entry.parser)
    if isinstance(outcome, Response):
        assert isinstance(expected, Read), f"it was read, as {outcome} with {outcome.content[:100]!r}"
        assert (expected.status, expected.content) == (outcome.status, outcome.content)
        assert expected.headers.items() <= dict(outcome.headers).items()
    else:
        assert expected == outcome
        assert len(words) < 400
