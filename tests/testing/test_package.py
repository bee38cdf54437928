"""The package as its users meet it."""

import ast
import doctest
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hubapi.testing

SOURCES = sorted(Path(hubapi.testing.__file__).parent.rglob("*.py"))


def imported(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_is_independent_of_the_client(source: Path) -> None:
    """The fake shares nothing with the client but the clock, so neither can hide the other's mistakes."""
    own = {name for name in imported(source) if name.split(".")[0] == "hubapi"}

    assert {name for name in own if not name.startswith("hubapi.testing")} <= {"hubapi._clock"}


def test_public_names_are_sorted() -> None:
    """`__all__` is sorted, and all of it is there."""
    assert sorted(hubapi.testing.__all__) == hubapi.testing.__all__
    assert all(hasattr(hubapi.testing, name) for name in hubapi.testing.__all__)


@pytest.mark.parametrize(
    "name", [module.name for module in pkgutil.walk_packages(hubapi.testing.__path__, "hubapi.testing.")]
)
def test_the_examples_are_true(name: str) -> None:
    """Every example in a docstring does what it says."""
    module = importlib.import_module(name)

    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("missing", ["jwt", "starlette", "uvicorn"])
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Without what it needs, importing the package says how to get it."""
    for name in list(sys.modules):
        if name.split(".")[0] == missing or name.startswith("hubapi.testing"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(ImportError, match=r'pip install "hubapi-client\[testing\]"'):
        importlib.import_module("hubapi.testing")
