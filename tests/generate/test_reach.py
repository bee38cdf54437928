"""Which models are generated: those that an operation reaches."""

from typing import Any

from tests.generate.inline import Generate

DONE = "responses: { 204: { description: Done } }"
SCHEMAS = """\
    thing: { properties: { part: { $ref: "#/components/schemas/part" } } }
    part: { properties: { name: { $ref: "#/components/schemas/name" } } }
    name: { type: string }
    problem: { properties: { text: { type: string } } }
"""


def operation(rest: str, *, method: str = "get") -> str:
    """Return a path with one operation."""
    return f"  /things:\n    {method}:\n      tags: [things]\n      {rest}\n"


def content(schema: str, *, media_type: str = "application/json") -> str:
    """Return the content of a body or a response."""
    return f"content: {{ {media_type}: {{ schema: {schema} }} }}"


def ref(name: str) -> str:
    """Return a reference to a component."""
    return f'{{ $ref: "#/components/schemas/{name}" }}'


def models(generate: Generate, paths: str, schemas: str = SCHEMAS) -> list[str]:
    """Return the names of the generated models and aliases."""
    index: Any = generate(paths, schemas).models
    return list(getattr(index, "__all__", []))


def test_a_successful_response_reaches_its_models(generate: Generate) -> None:
    """Through the properties of each, aliases included."""
    responses = f"responses: {{ 200: {{ description: OK, {content(ref('thing'))} }} }}"

    assert ["Name", "Part", "Thing"] == models(generate, operation(responses))


def test_a_body_reaches_its_models(generate: Generate) -> None:
    """The caller creates it."""
    body = f"requestBody: {{ {content(ref('part'))} }}\n      {DONE}"

    assert ["Name", "Part"] == models(generate, operation(body, method="post"))


def test_an_error_response_has_no_model(generate: Generate) -> None:
    """The client turns it into a `StatusError`."""
    responses = (
        f"responses: {{ 204: {{ description: Done }}, 400: {{ description: Wrong, {content(ref('problem'))} }} }}"
    )

    assert [] == models(generate, operation(responses))


def test_an_error_response_can_be_given_a_model(generate: Generate) -> None:
    """The client then reads more than a message from it."""
    wrong = f"{{ description: Wrong, x-model: true, {content(ref('problem'))} }}"
    responses = f"responses: {{ 204: {{ description: Done }}, 400: {wrong} }}"

    assert ["Problem"] == models(generate, operation(responses))


def test_all_of_does_not_reach_the_schema_whose_properties_it_copies(generate: Generate) -> None:
    """It reaches the types of these properties."""
    schemas = SCHEMAS + f"    heir: {{ allOf: [{ref('thing')}, {{ properties: {{ size: {{ type: integer }} }} }}] }}\n"
    responses = f"responses: {{ 200: {{ description: OK, {content(ref('heir'))} }} }}"

    assert ["Heir", "Name", "Part"] == models(generate, operation(responses), schemas)


def test_rows_of_a_table_have_no_model(generate: Generate) -> None:
    """A CSV file is returned as bytes."""
    table = content(f"{{ type: array, items: {ref('thing')} }}", media_type="text/csv")
    responses = f"responses: {{ 200: {{ description: OK, {table} }} }}"

    assert [] == models(generate, operation(responses))


def test_the_body_of_a_head_response_has_no_model(generate: Generate) -> None:
    """It does not exist on the wire."""
    responses = f"responses: {{ 200: {{ description: OK, {content(ref('thing'))} }} }}"

    assert [] == models(generate, operation(responses, method="head"))


def test_an_unreached_component_does_not_name_an_equal_shape(generate: Generate) -> None:
    """The inline object has a model of its own."""
    shape = "{ properties: { text: { type: string } } }"
    responses = f"responses: {{ 200: {{ description: OK, {content(shape)} }} }}"

    assert ["ThingsGet"] == models(generate, operation(responses))
