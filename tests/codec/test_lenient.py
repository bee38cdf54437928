"""The lenient reader, value by value."""

from typing import Any

import attrs
import pytest

from hubapi._codec.lenient import _kind_of, structure


@attrs.define(kw_only=True)
class Inner:
    name: str | None = None


@attrs.define(kw_only=True)
class Outer:
    text: str | None = None
    flag: bool | None = None
    whole: int | None = None
    real: float | None = None
    raw: bytes | None = None
    one: Inner | None = None
    many: list[Inner] | None = None
    words: list[str] | None = None
    named: dict[str, Inner] | None = None
    anything: Any = None


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("text", "a", "a"),
        ("text", 5, "5"),
        ("text", 1.5, "1.5"),
        ("text", True, "true"),
        ("flag", "TRUE", True),
        ("flag", "0", False),
        ("whole", "5", 5),
        ("whole", 5.0, 5),
        ("whole", "-7", -7),
        ("real", "1.5", 1.5),
        ("real", 2, 2.0),
        ("raw", "aGk=", b"hi"),
        ("one", {"name": "a"}, Inner(name="a")),
        ("one", [{"name": "a"}], Inner(name="a")),
        ("one", [], None),
        ("many", {"name": "a"}, [Inner(name="a")]),
        ("many", [None, {"name": "a"}], [Inner(name="a")]),
        ("words", "a", ["a"]),
        ("words", ["a", 5, None], ["a", "5"]),
        ("named", {"k": {"name": "a"}}, {"k": Inner(name="a")}),
        ("anything", {"a": [1, None]}, {"a": [1, None]}),
        *((key, None, None) for key in ("text", "flag", "whole", "one", "many", "named", "anything")),
    ],
)
def test_a_value_of_another_type_is_converted(key: str, value: object, expected: object) -> None:
    """Strings for numbers and vice versa, one object for a list, null for anything."""
    found, problem = structure({key: value}, Outer)

    assert (None, expected) == (problem, getattr(found, key))


@pytest.mark.parametrize(
    ("key", "value", "path", "words"),
    [
        ("text", {}, "$.text", "a string, found an object"),
        ("text", [], "$.text", "a string, found a list"),
        ("flag", "yes", "$.flag", "true or false, found a string of 3 characters"),
        ("flag", 2, "$.flag", "true or false, found a number"),
        ("whole", "five", "$.whole", "a whole number, found a string of 4 characters"),
        ("whole", 1.5, "$.whole", "a whole number, found a number"),
        ("whole", True, "$.whole", "a whole number, found true"),
        ("whole", float("inf"), "$.whole", "a whole number, found a number"),
        ("whole", 10**400, "$.whole", "a whole number, found a number"),
        ("real", "x", "$.real", "a number, found a string of 1 characters"),
        ("raw", "!", "$.raw", "a base64 string, found a string of 1 characters"),
        ("raw", "ü", "$.raw", "a base64 string, found a string of 1 characters"),
        ("raw", 5, "$.raw", "a base64 string, found a number"),
        ("one", "x", "$.one", "an object, found a string of 1 characters"),
        ("many", [{}, 5], "$.many[1]", "an object, found a number"),
        ("many", [{"name": {}}], "$.many[0].name", "a string, found an object"),
        ("words", [{}], "$.words[0]", "a string, found an object"),
        ("named", {"k": 5}, "$.named['k']", "an object, found a number"),
    ],
)
def test_an_unreadable_value_is_described_by_its_kind(key: str, value: object, path: str, words: str) -> None:
    """The problem has the path, the expected kind and the kind that was found, never the text."""
    assert (None, (path, words)) == structure({key: value}, Outer)


@pytest.mark.parametrize("value", [[], [{"name": "a"}], "x", None, 5])
def test_the_whole_response_is_not_converted(value: object) -> None:
    """Only fields are."""
    found, problem = structure(value, Outer)

    assert found is None
    assert problem is not None
    assert problem[0] == "$"


@pytest.mark.parametrize("value", [[1], "x", 5])
def test_a_map_must_be_an_object(value: object) -> None:
    """In a field and as the whole response: not an AttributeError."""
    assert structure({"named": value}, Outer)[1] == ("$.named", f"an object, found {_kind_of(value)}")
    assert structure(value, dict[str, Any])[1] == ("$", f"an object, found {_kind_of(value)}")
