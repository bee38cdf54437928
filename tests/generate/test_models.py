"""Descriptions of schemas, and the generated models."""

import inspect
from typing import Any, get_args, get_origin, get_type_hints

import attrs
import msgspec
import pytest

from hubapi._codec.wire import UNSET, WIRE
from tests.generate.inline import Generate, Generated

THING = "    thing:\n"


def operation(schema: str, *, path: str = "/things", method: str = "get", tag: str = "things") -> str:
    """Return an operation whose response has *schema*."""
    content = f"{{ application/json: {{ schema: {schema} }} }}"
    responses = f"responses: {{ 200: {{ description: OK, content: {content} }} }}"
    return f"  {path}:\n    {method}:\n      tags: [{tag}]\n      {responses}\n"


def sending(schema: str) -> str:
    """Return an operation that sends *schema* and has an empty response."""
    content = f"{{ application/json: {{ schema: {schema} }} }}"
    return (
        "  /things:\n    post:\n      tags: [things]\n"
        f"      requestBody: {{ required: true, content: {content} }}\n"
        "      responses: { 204: { description: Done } }\n"
    )


def ref(name: str) -> str:
    """Return a reference to a component."""
    return f'{{ $ref: "#/components/schemas/{name}" }}'


def referring(*names: str) -> str:
    """Return an inline object that refers to these components."""
    return "{ properties: { " + ", ".join(f"{name}: {ref(name)}" for name in names) + " } }"


def wires(model: Any) -> dict[str, str]:
    """Return the names of the fields on the wire."""
    return {f.name: f.metadata.get(WIRE, f.name) for f in attrs.fields(model)}


def annotations(api: Generated, model: str) -> dict[str, str]:
    """Return the sources of a model's annotations."""
    return dict(getattr(api.models, model).__annotations__)


def test_a_response_may_lack_any_field(generate: Generate) -> None:
    """`required` in a response is only a hint: the server does not comply with it."""
    schema = "{ type: object, required: [name], properties: { name: { type: string }, size: { type: integer } } }"
    api = generate(operation(ref("thing")), f"    thing: {schema}\n")

    thing = api.models.Thing()

    assert {"name": "str | None", "size": "int | None"} == annotations(api, "Thing")
    assert (None, None) == (thing.name, thing.size)


def test_a_request_distinguishes_unset_from_null(generate: Generate) -> None:
    """Required fields have no default, optional ones are unset, nullable ones take None."""
    schema = (
        "{ type: object, required: [name], properties: { name: { type: string }, size: { type: integer }, "
        "note: { type: string, nullable: true }, order: { type: string, enum: [up, down] }, "
        "tags: { type: array, items: { type: string } } } }"
    )
    api = generate(sending(ref("thing")), f"    thing: {schema}\n")

    expected = {
        "name": "str",
        "size": "int | UnsetType",
        "note": "str | None | UnsetType",
        "order": "Literal['up', 'down'] | UnsetType",
        "tags": "Sequence[str] | UnsetType",
    }

    assert expected == annotations(api, "Thing")
    assert api.models.Thing(name="a").size is UNSET
    with pytest.raises(TypeError, match="name"):
        api.models.Thing()


def test_a_model_of_requests_and_responses_may_lack_any_field(generate: Generate) -> None:
    """One class serves both directions, and the responses decide."""
    paths = sending(ref("thing")) + operation(ref("thing"), path="/things/{id}")
    api = generate(paths, "    thing: { type: object, required: [name], properties: { name: { type: string } } }\n")

    assert {"name": "str | None"} == annotations(api, "Thing")


def test_an_enum_in_a_response_is_open(generate: Generate) -> None:
    """An unknown value is a plain string; the known ones are documented."""
    schema = (
        "{ type: object, properties: { status: { type: string, enum: [active, null, inactive], nullable: true } } }"
    )
    api = generate(operation(ref("thing")), f"    thing: {schema}\n")

    assert {"status": "str | None"} == annotations(api, "Thing")
    assert '"""Known values: active, inactive."""' in api.text("models/things.py")


def test_null_in_an_enum_makes_it_nullable(generate: Generate) -> None:
    """So a request may send None."""
    api = generate(sending(ref("thing")), "    thing: { properties: { a: { type: string, enum: [x, null] } } }\n")

    assert {"a": "Literal['x'] | None | UnsetType"} == annotations(api, "Thing")


def test_property_names_become_attributes(generate: Generate) -> None:
    """Spaces, camel case, keywords and the names of types are renamed; names on the wire are unchanged."""
    names = [
        "Date Joined",
        "userName",
        "HTTPStatus",
        "class",
        "list",
        "wire",
        "self",
        "id",
        "type",
        "schema",
        "last-used",
    ]
    properties = ", ".join(f"{name!r}: {{ type: string }}" for name in names)
    api = generate(operation(ref("thing")), f"    thing: {{ type: object, properties: {{ {properties} }} }}\n")

    fields = [
        "date_joined",
        "user_name",
        "http_status",
        "class_",
        "list_",
        "wire_",
        "self_",
        "id",
        "type",
        "schema",
        "last_used",
    ]

    assert dict(zip(fields, names, strict=True)) == wires(api.models.Thing)
    assert api.models.Thing(**dict.fromkeys(fields, "x")).self_ == "x"


def test_a_pinned_attribute_name_is_used(generate: Generate) -> None:
    """Models that inherit the property use it as well."""
    api = generate(
        operation(ref("thing")),
        "    thing: { allOf: [" + ref("base") + ", { properties: { size: { type: integer } } }] }\n"
        "    base: { properties: { user_name: { type: string }, userName: { type: string } } }\n",
        names='fields:\n  "#/components/schemas/base/properties/userName": login\n',
    )

    assert {"user_name": "user_name", "login": "userName", "size": "size"} == wires(api.models.Thing)


def test_primitive_types(generate: Generate) -> None:
    """Each type and format has its Python type; a password does not show in a repr."""
    kinds = {
        "text": ("{ type: string }", "str | None"),
        "at": ("{ type: string, format: date-time }", "Timestamp | None"),
        "raw": ("{ type: string, format: byte }", "bytes | None"),
        "secret": ("{ type: string, format: password }", "str | None"),
        "whole": ("{ type: integer, format: int64 }", "int | None"),
        "part": ("{ type: number, format: double }", "float | None"),
        "yes": ("{ type: boolean }", "bool | None"),
        "any": ("{}", "Any"),
        "free": ("{ type: object }", "dict[str, Any] | None"),
        "empty": ("{ type: object, additionalProperties: {} }", "dict[str, Any] | None"),
        "open": ("{ type: object, additionalProperties: true }", "dict[str, Any] | None"),
        "counts": ("{ additionalProperties: { type: integer } }", "dict[str, int] | None"),
        "holes": ("{ type: array, items: { type: string, nullable: true } }", "list[str | None] | None"),
        "word": ("{ enum: [a, b] }", "str | None"),
    }
    properties = "".join(f"        {name}: {schema}\n" for name, (schema, _) in kinds.items())
    api = generate(operation(ref("thing")), f"{THING}      type: object\n      properties:\n{properties}")

    assert {name: kind for name, (_, kind) in kinds.items()} == annotations(api, "Thing")
    assert "hunter2" not in repr(api.models.Thing(secret="hunter2"))


def test_default_example_and_title_do_not_affect_a_type(generate: Generate) -> None:
    """They are for the server, or for readers."""
    schema = "{ title: Size, type: integer, default: 3, example: null, deprecated: true }"
    api = generate(operation(ref("thing")), f"    thing: {{ properties: {{ size: {schema} }} }}\n")

    assert api.models.Thing().size is None


def test_a_boolean_required_inside_a_property_is_understood(generate: Generate) -> None:
    """It is not OpenAPI 3.0, but its meaning is clear."""
    properties = "{ name: { type: string, required: true }, size: { type: integer, required: false } }"
    api = generate(sending(ref("thing")), f"    thing: {{ type: object, properties: {properties} }}\n")

    assert {"name": "str", "size": "int | UnsetType"} == annotations(api, "Thing")


def test_all_of_keeps_its_sibling_properties(generate: Generate) -> None:
    """`type: object` and `properties` next to allOf are one more member."""
    schemas = (
        "    base: { properties: { name: { type: string } } }\n"
        f"    thing:\n      type: object\n      description: A thing.\n      allOf: [{ref('base')}]\n"
        "      properties: { size: { type: integer } }\n      required: [name, size]\n"
    )
    api = generate(sending(ref("thing")), schemas)

    assert {"name": "str", "size": "int"} == annotations(api, "Thing")
    assert inspect.getdoc(api.models.Thing) == "A thing."


def test_all_of_members_that_only_annotate_or_require(generate: Generate) -> None:
    """They refine: a description is kept, `required` counts, an example is ignored."""
    schemas = (
        "    base: { properties: { name: { type: string } } }\n"
        "    thing:\n      allOf:\n"
        f"        - {ref('base')}\n        - type: object\n          required: [name]\n"
        "        - properties: { name: { example: x, description: What it is called } }\n"
    )
    api = generate(sending(ref("thing")), schemas)

    assert {"name": "str"} == annotations(api, "Thing")
    assert '"""What it is called."""' in api.text("models/things.py")


def test_all_of_one_reference_with_prose_is_that_reference(generate: Generate) -> None:
    """The prose is on the field, and there is no second class, even if a model mentions itself."""
    parent = f"{{ allOf: [{ref('thing')}, {{ description: Where it belongs }}], nullable: true }}"
    api = generate(operation(ref("thing")), f"    thing: {{ type: object, properties: {{ parent: {parent} }} }}\n")

    assert {"parent": "Thing | None"} == annotations(api, "Thing")
    assert '"""Where it belongs."""' in api.text("models/things.py")


def test_all_of_nests(generate: Generate) -> None:
    """A member may be an allOf itself."""
    inner = "{ allOf: [{ properties: { a: { type: string } } }, { properties: { b: { type: string } } }] }"
    api = generate(
        operation(ref("thing")), f"    thing: {{ allOf: [{inner}, {{ properties: {{ c: {{ type: string }} }} }}] }}\n"
    )

    assert ["a", "b", "c"] == list(annotations(api, "Thing"))


def test_all_of_equal_types_is_one_of_them(generate: Generate) -> None:
    """Aliases count as their targets, in whichever order they are declared."""
    schemas = (
        "    thing:\n      allOf:\n"
        f"        - properties: {{ id: {ref('identity')} }}\n        - properties: {{ id: {{ type: string }} }}\n"
        "    identity: { type: string }\n"
        f"    name: {{ allOf: [{ref('identity')}, {{ type: string }}] }}\n"
    )
    api = generate(operation(referring("thing", "name")), schemas)

    assert {"id": "str | None"} == annotations(api, "Thing")
    assert api.models.Name is str


def test_all_of_may_be_declared_before_its_base_and_mention_its_heirs(generate: Generate) -> None:
    """The order of components does not matter."""
    schemas = (
        f"    page: {{ properties: {{ heir: {ref('things')} }} }}\n"
        f"    things:\n      allOf:\n        - {ref('page')}\n"
        f"        - properties: {{ results: {{ type: array, items: {ref('things')} }} }}\n"
    )
    api = generate(operation(ref("things")), schemas)

    assert {"heir": "Things | None", "results": "list[Things] | None"} == annotations(api, "Things")


def test_aliases_are_other_names(generate: Generate) -> None:
    """A component that is a reference, a primitive, a list or a map is importable by its name."""
    schemas = (
        "    thing: { type: object, properties: { id: " + ref("identity") + " } }\n"
        f"    createdThing: {ref('thing')}\n    identity: {{ type: string, description: Who it is }}\n"
        f"    things: {{ type: array, items: {ref('createdThing')} }}\n"
        f"    by_name: {{ type: object, additionalProperties: {ref('thing')} }}\n"
    )
    paths = operation(ref("createdThing")) + operation(referring("things", "by_name"), path="/all")
    api = generate(paths, schemas)

    assert api.models.CreatedThing is api.models.Thing
    assert api.models.Identity is str
    assert (list, (api.models.Thing,)) == (get_origin(api.models.Things), get_args(api.models.Things))
    assert (dict, (str, api.models.Thing)) == (get_origin(api.models.ByName), get_args(api.models.ByName))
    assert {"id": "str | None"} == annotations(api, "Thing")
    assert api.call("things.list_things").result is api.models.Thing


def test_a_model_may_mention_itself(generate: Generate) -> None:
    """Directly, or through another one."""
    schemas = (
        f"    thing: {{ properties: {{ parts: {{ type: array, items: {ref('thing')} }}, owner: {ref('owner')} }} }}\n"
        f"    owner: {{ properties: {{ favourite: {ref('thing')} }} }}\n"
    )
    api = generate(operation(ref("thing")), schemas)
    thing = msgspec.json.decode(b'{"parts": [{"owner": {"favourite": {}}}]}', type=api.models.Thing)

    assert api.models.Thing() == thing.parts[0].owner.favourite


def test_equal_inline_shapes_share_one_model(generate: Generate) -> None:
    """It is the component if there is one, else the first."""
    inline = "{ type: object, properties: { supported: { type: boolean } } }"
    other = "{ type: object, properties: { text: { type: string } } }"
    schemas = (
        f"    thing: {{ properties: {{ patch: {inline}, sort: {inline}, note: {other} }} }}\n    message: {other}\n"
    )
    api = generate(operation(referring("thing", "message")), schemas)

    expected = {"patch": "ThingPatch | None", "sort": "ThingPatch | None", "note": "Message | None"}

    assert expected == annotations(api, "Thing")
    assert not hasattr(api.models, "ThingSort")


def test_the_module_of_a_model(generate: Generate) -> None:
    """It is that of the group that uses it, or `shared` if several do."""
    schemas = (
        f"    thing: {{ properties: {{ common: {ref('common')} }} }}\n"
        f"    other: {{ properties: {{ common: {ref('common')} }} }}\n"
        "    common: { properties: { text: { type: string } } }\n"
    )
    paths = operation(ref("thing")) + operation(ref("other"), path="/others", tag="others")
    api = generate(paths, schemas)

    modules = {name: getattr(api.models, name).__module__.rpartition(".")[2] for name in ("Thing", "Other", "Common")}

    assert {"Thing": "things", "Other": "others", "Common": "shared"} == modules
    for name in modules:
        get_type_hints(getattr(api.models, name))


def test_a_missing_model_is_an_attribute_error(generate: Generate) -> None:
    """The package knows its names."""
    api = generate(operation(ref("thing")), "    thing: { properties: { a: { type: string } } }\n")

    assert "Thing" in dir(api.models)
    with pytest.raises(AttributeError, match="Nothing"):
        _ = api.models.Nothing


def test_an_object_without_properties_is_an_empty_model(generate: Generate) -> None:
    """Its properties are known: there are none. A map would have any."""
    api = generate(operation(ref("thing")), "    thing: { type: object, properties: {} }\n")

    assert () == attrs.fields(api.models.Thing)


def test_a_description_without_schemas_has_no_models(generate: Generate) -> None:
    """The package of models is empty."""
    assert "There are no models." in generate().text("models/__init__.py")
