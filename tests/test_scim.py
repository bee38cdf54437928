"""SCIM filters: their text, and that values can't change their meaning."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubapi import ConfigurationError
from hubapi.scim import Filter, User

A, B, C = User.user_name == "a", User.active == True, User.id != "c"  # noqa: E712 - the filter, not the truth


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (User.user_name == "x", 'userName eq "x"'),
        (User.user_name != "x", 'userName ne "x"'),
        (User.display_name.contains("x"), 'displayName co "x"'),
        (User.name.given_name.starts_with("x"), 'name.givenName sw "x"'),
        (User.name.family_name == "Ünal", 'name.familyName eq "Ünal"'),
        (User.active.is_(False), "active eq false"),
        (User.emails == 'a"b\\c\n', 'emails.value eq "a\\"b\\\\c\\n"'),
        (User.user_name == 'x" or userName pr or "', 'userName eq "x\\" or userName pr or \\""'),
        (A & B, 'userName eq "a" and active eq true'),
        (A | B, 'userName eq "a" or active eq true'),
        (~A, 'not (userName eq "a")'),
        (A & B | C, 'userName eq "a" and active eq true or id ne "c"'),
        (A & (B | C), 'userName eq "a" and (active eq true or id ne "c")'),
        ((A | B) & C, '(userName eq "a" or active eq true) and id ne "c"'),
        (A | B & C, 'userName eq "a" or active eq true and id ne "c"'),
        (~(A | B) & ~C, 'not (userName eq "a" or active eq true) and not (id ne "c")'),
    ],
)
def test_a_filter_has_the_syntax_of_the_server(found: Filter, expected: str) -> None:
    """Values are quoted as JSON; parentheses appear only if needed."""
    assert expected == str(found)


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: User.user_name == "x" & A,
        lambda: User.user_name == "x" | A,
        lambda: bool(A),
        lambda: any([A, B]),
        lambda: A & "x",  # type: ignore[operator]
        lambda: A | True,  # type: ignore[operator]
    ],
)
def test_a_misuse_of_operators_is_an_error(mistake: Callable[[], object]) -> None:
    """Python would silently evaluate something else."""
    with pytest.raises(TypeError):
        mistake()


@pytest.mark.parametrize("value", [None, 1, 1.5, b"x", ["x"], User.id])
def test_other_values_than_str_and_bool_are_refused(value: object) -> None:
    """Docker Hub's users have no other attributes."""
    with pytest.raises(ConfigurationError, match=r"userName can't be compared with \w+: pass a str or bool"):
        _ = User.user_name == value


@given(st.text(), st.sampled_from(["==", "!=", "contains", "starts_with"]))
def test_any_text_is_quoted_as_one_value(text: str, operation: str) -> None:
    """Decoded as JSON, as SCIM defines values, it is the same text, and nothing follows it."""
    found = {
        "==": lambda: User.user_name == text,
        "!=": lambda: User.user_name != text,
        "contains": lambda: User.user_name.contains(text),
        "starts_with": lambda: User.user_name.starts_with(text),
    }[operation]()

    attribute, operator, value = str(found).split(" ", 2)

    assert ("userName", True) == (attribute, operator in {"eq", "ne", "co", "sw"})
    assert text == json.loads(value)


def test_attributes_are_identified_by_name() -> None:
    """By their SCIM names."""
    assert ["id", "userName", "name.familyName"] == [str(a) for a in (User.id, User.user_name, User.name.family_name)]
    assert 3 == len({User.id, User.user_name, User.name.family_name})
