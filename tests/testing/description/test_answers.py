"""Every answer of the fake is what the corrected description says: by status, media type, schema and model."""

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

from .cases import ADDED_KEYS, CASES, NEVER, STAND_INS, UNDESCRIBED, Case
from .corrected import OPERATIONS, Schema
from .visit import Visit, learned
from .world import filled

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """One is enough: `test_backends_alike` shows that the other gets the same."""
    return "asyncio"


async def answer_to(case: Case) -> httpx.Response:
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
    """What the description says of the answer; where it forgot the status, what it says of it elsewhere."""
    described = OPERATIONS[case.operation].schemas(case.status)
    if described is not None:
        return described
    return {} if OPERATIONS[case.operation].method == "HEAD" else {"application/json": Schema(STAND_INS[case.status])}


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_an_answer_is_as_described(case: Case) -> None:
    """Its media type and its JSON, by an independent validator.

    The model holds all of it, read strictly. An error response without a model gives its message to the error.
    """
    answer = await answer_to(case)
    schemas = schemas_of(case)

    assert case.status == answer.status_code, answer.text
    assert all(int(answer.headers[f"X-RateLimit-{told}"]) for told in ("Limit", "Reset"))
    assert int(answer.headers["X-RateLimit-Remaining"]) < int(answer.headers["X-RateLimit-Limit"])
    if not schemas:
        assert b"" == answer.content
        return
    media_type = answer.headers["content-type"].partition(";")[0]
    assert media_type in schemas
    value, schema = answer.json(), schemas[media_type]
    assert [] == schema.problems(value)
    unknown = set(schema.unknown_keys(value))
    assert unknown <= ADDED_KEYS.get(case.status, set())
    if case.status >= 400 and schema.model is Any:
        assert message_of(answer).startswith(tuple(texts(value)))
        return
    described = {key: held for key, held in value.items() if f"$.{key}" not in unknown}
    assert comparable(described) == comparable(held_by(schema.model, answer.content))


def held_by(model: Any, content: bytes) -> Any:
    """What a model keeps of an answer, read strictly."""
    if model is Any or _is_native(model):
        read = msgspec.json.decode(content, type=model)
    else:
        # SCIM's names are not Python's, so the tolerant path is the only one: what it repairs, comparing shows.
        read, problem = structure(msgspec.json.decode(content), model)
        assert problem is None
    return msgspec.json.decode(encode(read))


def message_of(answer: httpx.Response) -> str:
    """The message of the client's error."""
    operation: Operation[Any] = Operation(id="x", method=answer.request.method, path="/", result=NoneType)
    return error_of(Response(status=answer.status_code, headers={}, content=answer.content), operation).message


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
    """Without nulls, which models leave out, and with times as moments, however many digits they are written with."""
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
    """A client that only takes the operation down."""

    def __init__(self) -> None:
        self.operation: Operation[Any] | None = None

    async def send(self, operation: Operation[T], /) -> T:
        self.operation = operation
        return None  # type: ignore[return-value]


@pytest.mark.parametrize("described", OPERATIONS.values(), ids=OPERATIONS)
async def test_the_client_reads_into_the_described_model(described: Any) -> None:
    """What an endpoint function returns is the model of the one success that is described, or nothing."""
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


def test_every_described_status_is_asked_for() -> None:
    """Of every operation, also of one that the next description brings; but for what the fake never answers."""
    asked = {(case.operation, str(case.status)) for case in CASES}
    by_default = {case.operation for case in CASES if str(case.status) not in OPERATIONS[case.operation].statuses}
    described = {(name, status) for name, operation in OPERATIONS.items() for status in operation.statuses}
    missing = {(name, status) for name, status in described - asked if status != "default" or name not in by_default}

    assert NEVER == missing


def test_every_undescribed_status_is_known() -> None:
    """What the fake answers beyond the description is listed; and nothing that is described by now."""
    found = {(case.operation, case.status) for case in CASES if OPERATIONS[case.operation].schemas(case.status) is None}

    assert {(name, status) for name, statuses in UNDESCRIBED.items() for status in statuses} == found
