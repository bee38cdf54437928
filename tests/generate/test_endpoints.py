"""Descriptions of operations, and the generated functions."""

import inspect
from types import NoneType

import pytest

from hubapi._codec.wire import UNSET
from tests.generate.inline import Generate

DONE = "responses: { 204: { description: Done } }"
SCHEMES = """\
components:
  securitySchemes:
    bearerAuth: { type: http, scheme: bearer }
    bearerSCIMAuth: { type: http, scheme: bearer }
"""


def operation(body: str, *, path: str = "/things", method: str = "get") -> str:
    """Return a path with one operation."""
    lines = "".join(f"      {line}\n" for line in body.splitlines())
    return f"  {path}:\n    {method}:\n      tags: [things]\n{lines}"


def success(schema: str, *, media_type: str = "application/json") -> str:
    """Return responses with one successful response."""
    return f"responses: {{ 200: {{ description: OK, content: {{ {media_type}: {{ schema: {schema} }} }} }} }}"


def test_query_arguments_keep_their_names_on_the_wire(generate: Generate) -> None:
    """Keywords, names of types and camel case are only renamed in Python."""
    names = ("from", "list", "startIndex", "client", "body", "self", "type")
    parameters = "".join(f"  - {{ name: {name}, in: query, schema: {{ type: string }} }}\n" for name in names)
    api = generate(operation(f"parameters:\n{parameters}{DONE}"))

    sent = api.call(
        "things.list_things", from_="a", list_="b", start_index="c", client_="d", body_="e", self="f", type="g"
    )

    assert dict(zip(names, "abcdefg", strict=True)) == sent.query
    assert sent.result is NoneType


def test_an_omitted_argument_is_unset(generate: Generate) -> None:
    """The server applies its defaults itself; they are not sent."""
    api = generate(
        operation(f"parameters: [{{ name: page, in: query, schema: {{ type: integer, default: 1 }} }}]\n{DONE}")
    )

    assert {"page": UNSET} == api.call("things.list_things").query


def test_a_required_query_argument_must_be_given(generate: Generate) -> None:
    """It has no default."""
    page = "{ name: page, in: query, required: true, schema: { type: integer } }"
    api = generate(operation(f"parameters: [{page}]\n{DONE}"))

    assert {"page": 2} == api.call("things.list_things", page=2).query
    with pytest.raises(TypeError, match="page"):
        api.call("things.list_things")


def test_header_arguments(generate: Generate) -> None:
    """A header parameter is an argument too."""
    header = "{ name: X-Analytics-Client-Feature, in: header, schema: { type: string } }"
    api = generate(operation(f"parameters: [{header}]\n{DONE}"))

    sent = api.call("things.list_things", x_analytics_client_feature="export")

    assert {"X-Analytics-Client-Feature": "export"} == sent.headers
    assert {} == sent.query


def test_annotations_of_list_and_enum_arguments(generate: Generate) -> None:
    """A list takes any sequence of strings, an enum only its values."""
    api = generate(
        operation(
            "parameters:\n"
            "  - { name: tags, in: query, schema: { type: array, items: { $ref: '#/components/schemas/tag' } } }\n"
            "  - { name: order, in: query, schema: { type: string, enum: [name, -name] } }\n" + DONE
        ),
        "    tag: { type: string }\n",
    )
    annotations = api.module("endpoints.things").list_things.__annotations__

    assert annotations["tags"] == "Sequence[str] | UnsetType"
    assert annotations["order"] == "Literal['name', '-name'] | UnsetType"
    assert {"tags": ["a", "b"], "order": "-name"} == api.call(
        "things.list_things", tags=["a", "b"], order="-name"
    ).query


def test_path_parameters_come_from_the_template(generate: Generate) -> None:
    """An undeclared one is a string; one that the path declares is shared; integers are formatted."""
    item = "    parameters: [{ name: size, in: path, required: true, schema: { type: integer } }]\n"
    api = generate(operation(DONE, path="/things/{name}/{size}").replace("}:\n", "}:\n" + item, 1))

    sent = api.call("things.get_thing", "a", 3)

    assert {"name": "a", "size": "3"} == sent.path_values
    assert sent.path == "/things/{name}/{size}"


def test_an_operation_overrides_the_parameters_of_its_path(generate: Generate) -> None:
    """The declaration of the operation applies."""
    item = "    parameters: [{ name: page, in: query, schema: { type: string } }]\n"
    own = "parameters: [{ name: page, in: query, schema: { type: integer } }]\n"
    api = generate(operation(own + DONE).replace("/things:\n", "/things:\n" + item))

    assert api.module("endpoints.things").list_things.__annotations__["page"] == "int | UnsetType"


@pytest.mark.parametrize(
    ("security", "auth"),
    [
        ("", "none"),
        ("security: []\n", "none"),
        ("security: [{}]\n", "none"),
        ("security: [{ bearerAuth: [] }]\n", "bearer"),
        ("security: [{ bearerAuth: [] }, {}]\n", "optional"),
        ("security: [{}, { bearerAuth: [] }]\n", "optional"),
        ("security: [{ bearerSCIMAuth: [] }]\n", "scim"),
    ],
)
def test_auth(generate: Generate, security: str, auth: str) -> None:
    """Security becomes one of four kinds of authentication."""
    api = generate(operation(security + DONE), rest=SCHEMES)

    assert auth == api.call("things.list_things").auth


def test_the_security_of_the_document_is_the_default(generate: Generate) -> None:
    """An empty list of an operation turns it off."""
    paths = operation(DONE) + operation("security: []\n" + DONE, path="/free/{id}")
    api = generate(paths, rest=SCHEMES + "security: [{ bearerAuth: [] }]\n")

    assert api.call("things.list_things").auth == "bearer"
    assert api.call("things.get_free", "a").auth == "none"


@pytest.mark.parametrize(
    ("mark", "repeatable"), [("", False), ("x-repeatable: false\n", False), ("x-repeatable: true\n", True)]
)
def test_a_post_may_be_repeatable(generate: Generate, mark: str, repeatable: bool) -> None:
    """The client then sends it again if the response is lost."""
    api = generate(operation(mark + DONE, method="post"))

    assert repeatable is api.call("things.create_thing").repeatable


def test_head_has_no_result(generate: Generate) -> None:
    """A body in the description is ignored."""
    api = generate(operation(success("{ type: string }"), method="head"))

    sent = api.call("things.has_things")

    assert ("HEAD", NoneType) == (sent.method, sent.result)


@pytest.mark.parametrize(
    ("responses", "result"),
    [
        (DONE, NoneType),
        ("responses: { 200: { description: No content } }", NoneType),
        ("responses: { 204: {} }", NoneType),
        (success("{ type: string }", media_type="text/csv"), bytes),
        (success("{ type: array, items: { type: string } }"), list[str]),
        (success("{ type: object, additionalProperties: { type: integer } }"), dict[str, int]),
        (success("{ type: string }", media_type="application/scim+json"), str),
    ],
)
def test_results(generate: Generate, responses: str, result: object) -> None:
    """The operation has the type of the response."""
    assert result == generate(operation(responses)).call("things.list_things").result


def test_a_response_of_any_type(generate: Generate) -> None:
    """The schema is empty."""
    api = generate(operation(success("{}")))

    assert api.module("endpoints.things").list_things.__annotations__["return"] == "Any"


def test_statuses_may_be_integers_strings_and_default(generate: Generate) -> None:
    """The docstring lists the statuses that have an error class of their own."""
    responses = """\
responses:
  200: { description: OK }
  "201": { description: Created }
  401: { description: Who }
  "404": { description: Where }
  500: { description: Oh }
  default: { description: Whatever }"""
    api = generate(operation(responses))

    doc = inspect.getdoc(api.module("endpoints.things").list_things) or ""

    assert "Errors: Unauthorized (401), NotFound (404), ServerError (500)." in doc


def test_a_deprecated_operation(generate: Generate) -> None:
    """The docstring mentions it."""
    api = generate(operation(f"summary: List them\ndeprecated: true\n{DONE}"))

    doc = inspect.getdoc(api.module("endpoints.things").list_things) or ""

    assert doc.startswith("List them.\n\nDeprecated by the server.\n")


def test_the_docstring(generate: Generate) -> None:
    """It has summary, description, arguments with their limits and values, errors, and the source."""
    api = generate(
        operation(
            """\
summary: List things
description: |
  All of
  them.

  - one
  - two
operationId: ListThings
parameters:
  - name: count
    in: query
    description: How many
    schema: { type: integer, minimum: 1, maximum: 200 }
  - { name: order, in: query, schema: { type: string, enum: [up, down] } }
  - { name: silent, in: query, schema: { type: string } }
"""
            + DONE
        )
    )

    expected = """\
List things.

All of them.

- one
- two

Args:
    count: How many. At least 1. At most 200.
    order: Known values: up, down.

Source: https://docs.docker.com/reference/api/hub/latest/#tag/things/operation/ListThings"""

    assert expected == inspect.getdoc(api.module("endpoints.things").list_things)


def test_a_body_and_its_media_type(generate: Generate) -> None:
    """JSON is the default media type; an optional body may be omitted."""
    thing = "{{ type: object, properties: {{ name: {{ type: string }} }} }}"
    content = f"requestBody:\n  content: {{{{ {{0}}: {{{{ schema: {thing} }}}} }}}}\n"
    json, scim = content.format("application/json"), content.format("application/scim+json")
    paths = operation(json + "  required: true\n" + DONE, method="post") + operation(
        scim + DONE, path="/more", method="put"
    )
    api = generate(paths)
    body = api.models.ThingsPostRequestBody(name="a")

    required, optional = api.call("things.create_thing", body), api.call("things.update_more")

    assert (body, "application/json") == (required.body, required.media_type)
    assert (None, "application/scim+json") == (optional.body, optional.media_type)
    assert "body" not in repr(required)


def test_a_function_may_have_the_name_of_a_builtin(generate: Generate) -> None:
    """Its module refers to the builtin as `builtins.list`."""
    names = "operations:\n  GET /things: things.list\n  GET /words/{id}: things.str\n"
    paths = operation(success("{ type: array, items: { type: string } }")) + operation(DONE, path="/words/{id}")
    api = generate(paths, names=names)

    assert api.call("things.list").result == list[str]
    assert api.module("endpoints.things").str.__annotations__["id"] == "builtins.str"


def test_an_operation_is_in_the_module_of_its_pin(generate: Generate) -> None:
    """The tag is only a proposal."""
    api = generate(operation(DONE), names="operations:\n  GET /things: stock.take\n")

    sent = api.call("stock.take")

    assert ("stock.take", "GET", "/things", {}) == (sent.id, sent.method, sent.path, sent.path_values)


def test_similar_templates(generate: Generate) -> None:
    """`/orgs/{name}` and `/orgs/{org_name}` are two paths."""
    paths = operation(DONE, path="/orgs/{name}/a") + operation(DONE, path="/orgs/{org_name}/b")

    api = generate(paths)

    assert {"name": "x"} == api.call("things.list_a", "x").path_values
    assert {"org_name": "x"} == api.call("things.list_b", "x").path_values


def test_the_audience_of_a_path_is_ignored(generate: Generate) -> None:
    """`x-audience` is next to the methods, and does not affect the calls."""
    api = generate(operation(DONE).replace("/things:\n", "/things:\n    x-audience: public\n"))

    assert api.call("things.list_things").method == "GET"


def test_a_list_of_page_envelopes_and_declared_headers(generate: Generate) -> None:
    """The result is a list, and the declared headers are ignored: the client reads headers anyway."""
    page = "{ properties: { count: { type: integer }, results: { type: array, items: { type: string } } } }"
    responses = success(f"{{ type: array, items: {page} }}").replace("description: OK", "headers: { X: {} }")
    api = generate(operation(responses))

    assert api.call("things.list_things").result == list[api.models.ThingsGetItem]  # type: ignore[name-defined]
