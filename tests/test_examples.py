"""All examples of the API description decode with both readers, and encode to the same JSON."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest

import hubapi.models
from hubapi._codec.error_body import error_of
from hubapi._codec.lenient import structure
from hubapi._codec.request import encode
from hubapi._codec.response import _is_native, decode
from hubapi._codec.wire import WIRE
from hubapi._operation import Operation
from hubapi._transport.transport import Response
from hubapi.errors import StatusError
from scripts.generate import lower
from scripts.generate.__main__ import Sources, correct
from scripts.generate.ir import Alias, Api, Enum, List, Map, Model, Nullable, Prim, Ref, Type
from scripts.generate.load import Document, Node, load, steps

OPENAPI = Path(__file__).parents[1] / "openapi"

DOCUMENT: Document = correct(Sources.of(OPENAPI)).document
API: Api = lower.lower(DOCUMENT)
NAMES: Any = load(OPENAPI / "names.yaml").value

PLAIN: dict[str, Any] = {
    "str": "text",
    "int": 5,
    "float": 1.5,
    "bool": True,
    "bytes": "aGVsbG8=",
    "datetime": "2021-02-19T01:34:35.123456Z",
    "secret": "hunter2",
    "any": {"key": [1, None]},
    "none": None,
}
KINDS: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "bytes": bytes,
    "datetime": datetime,
    "secret": str,
    "any": Any,
    "none": type(None),
}


def model_class(pointer: str) -> Any:
    return getattr(hubapi.models, NAMES["models"][pointer])


def python_type(kind: Type) -> Any:
    """The Python type of a type in the description, as generated endpoints return it."""
    match kind:
        case Ref(pointer) if isinstance(target := API.aliases.get(pointer), Alias):
            return python_type(target.target)
        case Ref(pointer):
            return model_class(pointer)
        case List(item):
            return list[python_type(item)]  # type: ignore[misc]
        case Map(value):
            return dict[str, python_type(value)]  # type: ignore[misc]
        case Nullable(inner):
            return python_type(inner) | None
        case Enum():
            return str
        case Prim(name):
            return KINDS[name]


def composed(kind: Type, node: Node | None) -> Any:
    """An instance of a type, composed of the examples of its properties, or a simple value for those without."""
    example = node.child("example") if node else None
    match kind:
        case Ref(pointer) if isinstance(target := API.aliases.get(pointer), Alias):
            return composed(target.target, DOCUMENT.resolve(pointer))
        case Ref(pointer):
            return composed_model(API.models[pointer])
        case List(item):
            if example is not None and example.value:
                # The example of scim_resource_type's schemas is one of them.
                return example.value if isinstance(example.value, list) else [example.value]
            return [composed(item, node.child("items") if node else None)]
        case Map(value):
            return example.value if example is not None else {"key": composed(value, None)}
        case Nullable(inner):
            return composed(inner, node)
        case Enum(values):
            return values[0]
        case Prim(name):
            plain = PLAIN[name] if example is None or example.value is None else example.value
            return str(plain) if name in {"str", "secret"} else plain  # `code: 123456` is text


def composed_model(model: Model) -> dict[str, Any]:
    return {field.wire: composed(field.type, DOCUMENT.resolve(field.pointer)) for field in model.fields}


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


def check(value: Any, result: Any) -> None:
    """Decode with both readers, if msgspec can, and encode again."""
    lenient, problem = structure(value, result)
    assert problem is None
    content = msgspec.json.encode(value)
    operation: Operation[Any] = Operation(id="x", method="GET", path="/", result=result)
    chosen = decode(Response(status=200, headers={}, content=content), operation)
    assert chosen == lenient
    if _is_native(result):
        assert lenient == msgspec.json.decode(content, type=result)
    written = msgspec.json.decode(encode(lenient))
    assert without_nulls(value) == with_times_of(written, value)


def with_times_of(written: Any, value: Any) -> Any:
    """The written value, with each time spelled as in *value* if it is the same time."""
    if isinstance(written, dict) and isinstance(value, dict):
        return {key: with_times_of(inner, value.get(key)) for key, inner in written.items()}
    if isinstance(written, list) and isinstance(value, list):
        return [with_times_of(inner, other) for inner, other in zip(written, value, strict=True)]
    if isinstance(written, str) and isinstance(value, str) and written != value:
        assert datetime.fromisoformat(written) == datetime.fromisoformat(value)
        return value
    return written


# --- every model, composed of its properties' examples


SENT = sorted(pointer for pointer, model in API.models.items() if model.requests and not model.responses)


@pytest.mark.parametrize("pointer", sorted(API.models.keys() - SENT))
def test_a_model_of_the_examples_of_its_properties_decodes_and_encodes(pointer: str) -> None:
    """Components and inline schemas alike."""
    check(composed_model(API.models[pointer]), model_class(pointer))


@pytest.mark.parametrize("pointer", SENT)
def test_a_body_of_the_examples_of_its_properties_encodes_unchanged(pointer: str) -> None:
    """Models that are only sent are constructed by callers."""
    value = composed_model(API.models[pointer])

    assert value == msgspec.json.decode(encode(built(Ref(pointer), value)))


def built(kind: Type, value: Any) -> Any:
    """The object that a caller would construct to send *value*."""
    match kind:
        case Ref(pointer) if isinstance(target := API.aliases.get(pointer), Alias):
            return built(target.target, value)
        case Ref(pointer):
            cls = model_class(pointer)
            names = {field.metadata.get(WIRE, field.name): field.name for field in attrs.fields(cls)}
            fields = API.models[pointer].fields
            return cls(**{names[field.wire]: built(field.type, value[field.wire]) for field in fields})
        case List(item):
            return tuple(built(item, inner) for inner in value)
        case _:
            return value


def test_every_pinned_model_is_covered() -> None:
    """No model is missing because its pointer has changed."""
    assert sorted(NAMES["models"]) == sorted([*API.models, *API.aliases])


# --- every example of a schema, a body or a response


def schema_examples() -> Iterator[tuple[str, Any, Any]]:
    """The examples of whole schemas: pointer, value and type."""
    for pointer in [*API.models, *API.aliases]:
        node = DOCUMENT.resolve(pointer)
        example = node.child("example") if node else None
        if example is not None:
            yield pointer, example.value, python_type(Ref(pointer))


def followed(node: Node) -> Node:
    reference = node.child("$ref")
    if reference is None:
        return node
    target = DOCUMENT.resolve(str(reference.value))
    assert target is not None
    return followed(target)


def response_examples() -> Iterator[tuple[str, Any, Any]]:
    """The examples of responses and of bodies, with the type of each; `StatusError` for an error without a model."""
    for operation in API.operations:
        node = DOCUMENT.resolve(operation.pointer)
        assert node is not None
        for status, response in node.members("responses").items():
            kind = operation.result if status.startswith("2") else operation.errors.get(status)
            yield from content_examples(followed(response), StatusError if kind is None else python_type(kind))
        body = node.child("requestBody")
        if body is not None and operation.body is not None:
            yield from content_examples(followed(body), python_type(operation.body.type))


def content_examples(node: Node, result: Any) -> Iterator[tuple[str, Any, Any]]:
    for media in node.members("content").values():
        found = [media.child("example"), *(inner.child("value") for inner in media.members("examples").values())]
        schema = media.child("schema")
        if schema is not None:
            found.append(schema.child("example"))
        for example in found:
            if example is not None:
                yield example.pointer, example.value, result


EXAMPLES = {pointer: (value, result) for pointer, value, result in [*schema_examples(), *response_examples()]}
ERRORS = sorted(pointer for pointer, (_, result) in EXAMPLES.items() if result is StatusError)


@pytest.mark.parametrize("pointer", sorted(EXAMPLES.keys() - ERRORS))
def test_an_example_decodes_and_encodes(pointer: str) -> None:
    """The examples of whole schemas, bodies and responses."""
    value, result = EXAMPLES[pointer]
    check(value, result)


@pytest.mark.parametrize("pointer", ERRORS)
def test_an_example_of_an_error_response_gives_the_error_its_message(pointer: str) -> None:
    """It has no model."""
    value = EXAMPLES[pointer][0]
    operation: Operation[Any] = Operation(id="x", method="GET", path="/", result=type(None))

    error = error_of(Response(status=400, headers={}, content=msgspec.json.encode(value)), operation)

    assert error.message in value.values()


def test_the_description_has_the_examples_that_are_tried() -> None:
    """A change that drops them all would make the test above pass by trying nothing."""
    total = sum(1 for pointer in DOCUMENT.marks if steps(pointer)[-1:] == ["example"])

    assert total >= 100
    assert len(API.models) >= 40
