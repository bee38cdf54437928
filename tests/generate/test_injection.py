"""Text of a description never becomes code."""

import ast
import copy
import json
from typing import Any

import pytest
import yaml

from scripts.generate.docstrings import docstring, prose
from scripts.generate.load import Value
from tests.generate.inline import Generate, Generated

NASTY = {
    "triple_quotes": '"""',
    "ends_in_triple_quotes": 'said """',
    "four_quotes": 'said """"',
    "starts_with_a_quote": '"said',
    "ends_in_a_quote": 'said "hello"',
    "ends_in_two_quotes": 'said ""hello""',
    "backslash": "\\",
    "ends_in_a_backslash": "C:\\",
    "backslash_and_quote": '\\"',
    "backslash_and_quotes": 'a\\"""b',
    "escapes": "\\n \\x41 \\u0041 \\101",
    "named_character": "\\N{BELL} \\N{no such name}",
    "single_quotes": "it's '''it'''",
    "code": "'); import os; os.system('x')#",
    "code_after_quotes": '"""\nimport os\nos.system("x")\n"""',
    "braces": "{} {0} {name} {{x}} %s %(x)s ${x}",
    "newlines": "one\n\n\n\ntwo\r\nthree\rfour",
    "other_newlines": "one\x0btwo\x0cthree\x85four\u2028five",
    "control_characters": "a\x01b\x1bc\x7fd",
    "null_character": "a\x00b",
    "right_to_left": "a\u202eb\u2066c",
    "unicode": "naïve 日本語 🐳",
    "long_line": "word " * 500,
    "long_word": "x" * 1000,
    "leading_spaces": "    indented\n        more",
    "tabs": "a\tb",
    "markdown": "# title\n- item\n  more of it\n1. first\n| a | b |\n> quoted",
    "comment": "# noqa\n# type: ignore",
    "only_spaces": "  \n \t ",
}
ALLOWED = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.AsyncFunctionDef, ast.Assign, ast.AnnAssign, ast.If)


def plain(text: str) -> str:
    """Return the words of a text, without line breaks and unprintable characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def description(text: str) -> Any:
    """Return a description with *text* in every place for prose or a value."""
    prose = {"description": text}
    thing: dict[str, Value] = {
        **prose,
        "type": "object",
        "properties": {
            "name": {**prose, "type": "string"},
            "kind": {"type": "string", "enum": [text]},
            "code": {"type": "string", "pattern": text},
            "alias": {"$ref": "#/components/schemas/alias"},
        },
    }
    content: dict[str, Value] = {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}
    operation: dict[str, Value] = {
        **prose,
        "summary": text,
        "operationId": text,
        "tags": ["things"],
        "parameters": [
            {**prose, "name": text, "in": "query", "schema": {"type": "string", "enum": [text]}},
        ],
        "requestBody": {**prose, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/sent"}}}},
        "responses": {"200": {**prose, "content": content}},
    }
    schemas: dict[str, Value] = {
        "thing": thing,
        "sent": {**copy.deepcopy(thing), "title": text},
        "alias": {**prose, "type": "string"},
    }
    document: dict[str, Value] = {
        "openapi": "3.0.0",
        "info": {**prose, "title": text, "version": text},
        "tags": [{**prose, "name": text}],
        "paths": {"/things": {**prose, "post": operation}},
        "components": {"schemas": schemas},
    }
    return document


def written(document: object) -> str:
    """Return YAML in which every string is quoted and escaped."""
    unshared = json.loads(json.dumps(document))  # otherwise it would use anchors
    return yaml.safe_dump(unshared, default_style='"', sort_keys=False)


def generated(generate: Generate, text: str) -> Generated:
    """Generate, with a pinned name for the parameter: most of these texts give none."""
    names = {"fields": {f"POST /things query {text}": "argument"}}
    return generate(spec=written(description(text)), names=written(names))


def docstrings(tree: ast.Module) -> list[str]:
    """Return every string that is a statement."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    return [str(node.value.value) for node in nodes if isinstance(node.value, ast.Constant)]


@pytest.mark.parametrize("name", NASTY)
def test_no_text_of_a_description_becomes_code(generate: Generate, name: str) -> None:
    """The modules parse, only have definitions, and their docstrings have the text of the description."""
    text = NASTY[name]
    package = generated(generate, text)

    for path in package.folder.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert [
            n for n in tree.body if not isinstance(n, ALLOWED) and not isinstance(getattr(n, "value", 0), ast.Constant)
        ] == []
        calls = [n.func for n in ast.walk(tree) if isinstance(n, ast.Call)]
        known = {"define", "wire", "attach", "Operation", "send"}
        assert {getattr(f, "attr", getattr(f, "id", None)) for f in calls} <= known
    models = [plain(doc) for doc in docstrings(ast.parse(package.text("models/things.py")))]
    endpoint = plain(docstrings(ast.parse(package.text("endpoints/things.py")))[1])
    assert plain(text) in "\n".join(models)
    assert plain(text) in endpoint


@pytest.mark.parametrize("name", NASTY)
def test_values_reach_the_wire_as_they_are(generate: Generate, name: str) -> None:
    """Values of enums and names of parameters are unchanged."""
    text = NASTY[name]
    package = generated(generate, text)

    sent = package.call("things.create_thing", argument="a")

    assert {text: "a"} == sent.query
    annotation = package.module("endpoints.things").create_thing.__annotations__["argument"]
    assert text == ast.literal_eval(annotation.removeprefix("Literal[").removesuffix("] | UnsetType"))


@pytest.mark.parametrize("name", NASTY)
def test_a_docstring_has_exactly_its_text(name: str) -> None:
    """The end of the text does not matter."""
    for text in (NASTY[name], f"first\n{NASTY[name]}", f"{NASTY[name]}\n\nlast", NASTY[name] * 3):
        assert plain(text) == plain(ast.literal_eval(docstring(prose(text)) or '""'))


@pytest.mark.parametrize(
    "name", [name for name, text in NASTY.items() if not any(c.isascii() and c.isalpha() for c in text)]
)
def test_a_property_whose_name_gives_no_identifier_is_refused(
    generate: Generate, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message asks for a pin, and names the section."""
    document = description("harmless")
    document["components"]["schemas"]["thing"]["properties"][NASTY[name]] = {"type": "string"}

    with pytest.raises(AssertionError):
        generate(spec=written(document))

    assert f"{NASTY[name]!r} can't become '' in Python; pin another in fields of names.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("name", NASTY)
def test_a_property_may_have_any_name_once_it_is_pinned(generate: Generate, name: str) -> None:
    """Its name on the wire is unchanged."""
    document = description("harmless")
    document["components"]["schemas"]["thing"]["properties"][NASTY[name]] = {"type": "string"}
    pointer = f"#/components/schemas/thing/properties/{NASTY[name].replace('~', '~0').replace('/', '~1')}"

    package = generate(spec=written(document), names=written({"fields": {pointer: "pinned"}}))

    assert NASTY[name] == package.models.Thing.__attrs_attrs__.pinned.metadata["hubapi.wire"]


@pytest.mark.parametrize("place", ["'); import os; os.system('x')#", "a b", '"""', "../../etc", "ünï"])
def test_a_path_or_tag_that_would_be_code_is_data_or_refused(
    generate: Generate, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A path is unchanged; a tag has to give the name of a module."""
    document = description("harmless")
    document["paths"][f"/{place}"] = document["paths"].pop("/things")
    names = {"operations": {f"POST /{place}": "things.create"}}
    package = generate(spec=written(document), names=written(names))

    assert f"/{place}" == package.call("things.create").path

    document["paths"][f"/{place}"]["post"]["tags"] = ["€"]
    with pytest.raises(AssertionError):
        generate(spec=written(document))
    assert "is not of the form group.function" in capsys.readouterr().err
