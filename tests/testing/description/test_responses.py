"""Every response of FakeHub has the status, media type, schema and model of the corrected description."""

from collections.abc import Iterator
from importlib import import_module
from inspect import signature
from types import NoneType
from typing import Any

import httpx
import msgspec
import pytest

from hubapi._codec.error_body import error_of
from hubapi._codec.lenient import structure
from hubapi._codec.request import encode
from hubapi._codec.response import _is_native
from hubapi._datetimes import parse_timestamp
from hubapi._operation import Operation, T
from hubapi._transport.transport import Response
from hubapi.testing import VirtualClock
from tests.testing.description.cases import ADDED_KEYS, CASES, NEVER, STAND_INS, UNDESCRIBED, Case
from tests.testing.description.corrected import OPERATIONS, Schema
from tests.testing.description.visit import Visit, learned
from tests.testing.description.world import filled

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """One suffices: `test_backends_alike` shows that the other gets the same responses."""
    return "asyncio"


async def response_to(case: Case) -> httpx.Response:
    clock = VirtualClock()
    fake = filled(clock=clock, **case.options)
    async with httpx.AsyncClient(transport=fake.transport(), base_url="http://hub.test") as client:
        visit = Visit(fake, clock, client)
        if case.before is not None:
            await case.before(visit)
        path = [await learned(visit, value) for value in case.path]
        body = await learned(visit, case.body)
        return await visit.ask(case.operation, *path, who=case.who, query=case.query, body=body)


def schemas_of(case: Case) -> dict[str, Schema]:
    """Return the described schemas of the response, or those of the status elsewhere if the operation lacks it."""
    described = OPERATIONS[case.operation].schemas(case.status)
    if described is not None:
        return described
    return {} if OPERATIONS[case.operation].method == "HEAD" else {"application/json": Schema(STAND_INS[case.status])}


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_response_is_as_described(case: Case) -> None:
    """Its media type and its JSON, by an independent validator.

    The model holds all of it, read strictly. An error response without a model gives its message to the error.
    """
    response = await response_to(case)
    schemas = schemas_of(case)

    assert case.status == response.status_code, response.text
    assert all(int(response.headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Reset"))
    assert int(response.headers["X-RateLimit-Remaining"]) < int(response.headers["X-RateLimit-Limit"])
    if not schemas:
        assert b"" == response.content
        return
    media_type = response.headers["content-type"].partition(";")[0]
    assert media_type in schemas
    value, schema = response.json(), schemas[media_type]
    assert [] == schema.problems(value)
    unknown = set(schema.unknown_keys(value))
    assert unknown <= ADDED_KEYS.get(case.status, set())
    if case.status >= 400 and schema.model is Any:
        assert message_of(response).startswith(tuple(texts(value)))
        return
    described = {key: held for key, held in value.items() if f"$.{key}" not in unknown}
    assert comparable(described) == comparable(held_by(schema.model, response.content))


def held_by(model: Any, content: bytes) -> Any:
    """Return the response as the model holds it, read strictly."""
    if model is Any or _is_native(model):
        read = msgspec.json.decode(content, type=model)
    else:
        # SCIM's names are not Python's, so the tolerant path is the only one: what it repairs, comparing shows.
        read, problem = structure(msgspec.json.decode(content), model)
        assert problem is None
    return msgspec.json.decode(encode(read))


def message_of(response: httpx.Response) -> str:
    """Return the message of the client's error."""
    operation: Operation[Any] = Operation(id="x", method=response.request.method, path="/", result=NoneType)
    return error_of(Response(status=response.status_code, headers={}, content=response.content), operation).message


def texts(value: Any) -> Iterator[str]:
    """Yield every non-empty string of a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str) and value:
        yield value


def comparable(value: Any) -> Any:
    """Return a value without nulls, which models omit, and with times as datetimes, whatever their format."""
    match value:
        case dict():
            return {key: comparable(held) for key, held in value.items() if held is not None}
        case list():
            return [comparable(item) for item in value]
        case str():
            try:
                return parse_timestamp(value)
            except ValueError:
                return value
        case _:
            return value


class Capture:
    """A client that only records the operation."""

    def __init__(self) -> None:
        self.operation: Operation[Any] | None = None

    async def send(self, operation: Operation[T], /) -> T:
        self.operation = operation
        return None  # type: ignore[return-value]


@pytest.mark.parametrize("described", OPERATIONS.values(), ids=OPERATIONS)
async def test_the_client_reads_into_the_described_model(described: Any) -> None:
    """An endpoint function returns the model of the one described success, or None."""
    group, _, function = described.name.partition(".")
    endpoint = getattr(import_module(f"hubapi._generated.endpoints.{group}"), function)
    capture = Capture()
    arguments = [name for name, given in signature(endpoint).parameters.items() if given.kind != given.KEYWORD_ONLY]

    await endpoint(capture, *arguments[1:])

    assert capture.operation is not None
    (success,) = (status for status in described.statuses if status.startswith("2"))
    models = [schema.model for schema in described.schemas(success).values()] or [type(None)]
    assert models == [capture.operation.result]
    assert (described.method, described.path) == (capture.operation.method, capture.operation.path)


def test_every_described_status_has_a_case() -> None:
    """For every operation, including those of later descriptions, except for responses that FakeHub never sends."""
    asked = {(case.operation, str(case.status)) for case in CASES}
    by_default = {case.operation for case in CASES if str(case.status) not in OPERATIONS[case.operation].statuses}
    described = {(name, status) for name, operation in OPERATIONS.items() for status in operation.statuses}
    missing = {(name, status) for name, status in described - asked if status != "default" or name not in by_default}

    assert NEVER == missing


def test_every_undescribed_status_is_known() -> None:
    """Responses beyond the description are listed, and none that is described meanwhile."""
    found = {(case.operation, case.status) for case in CASES if OPERATIONS[case.operation].schemas(case.status) is None}

    assert {(name, status) for name, statuses in UNDESCRIBED.items() for status in statuses} == found
