"""The package `hubapi.testing`: its public names, its imports, and its optional dependencies."""

import ast
import importlib
import sys
from pathlib import Path

import pytest

import hubapi.testing
from hubapi.testing import faults
from tests.test_imports import IMPORTS, MODULES

ROOT = "hubapi.testing"

# From the ground up: a module imports from its own layer or from those before it.
LAYERS = [
    {"_setup"},
    {"_server"},
    {"_faults", "_resources"},
    {"clock", "fake_hub", "faults"},
    {""},  # the package itself
]


def layer(module: str) -> int:
    part = module.removeprefix(ROOT).lstrip(".").partition(".")[0]
    return next(number for number, parts in enumerate(LAYERS) if part in parts)


INSIDE = [found for found in IMPORTS if found.importer.startswith(ROOT) and found.imported.startswith(ROOT)]


def test_imports_point_one_way() -> None:
    """State, then server, then faults and routes, then `FakeHub`."""
    upward = [found for found in INSIDE if layer(found.imported) > layer(found.importer)]

    assert [] == upward
    assert len(INSIDE) > 50


def test_faults_and_routes_are_independent() -> None:
    """Neither package imports the other."""
    both = {"_faults", "_resources"}
    packages = [(found.importer.split(".")[2:3], found.imported.split(".")[2:3]) for found in INSIDE]

    assert [] == [(one, other) for one, other in packages if one != other and both == {*one, *other}]


def test_the_state_knows_nothing_of_http() -> None:
    """Tests fill the same state that the routes read."""
    libraries = {"httpx", "starlette", "uvicorn"}
    users = {found.importer for found in IMPORTS if found.imported.partition(".")[0] in libraries}

    assert [] == [module for module in users if module.startswith(f"{ROOT}._setup")]


def test_is_independent_of_the_client() -> None:
    """FakeHub shares only the clock and conversions of times with the client, so neither hides the other's mistakes."""
    shared = {
        found.imported
        for found in IMPORTS
        if found.importer.startswith(ROOT) and found.imported.startswith("hubapi") and found not in INSIDE
    }

    assert {"hubapi._clock", "hubapi._datetimes"} == shared


def test_every_fault_is_public() -> None:
    """`hubapi.testing.faults` lists each class of `_faults` that is a fault."""
    defined = {
        node.name
        for module, path in MODULES.items()
        if module.startswith(f"{ROOT}._faults.")
        for node in ast.parse(Path(path).read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
        and issubclass(getattr(importlib.import_module(module), node.name), faults.Fault)
    }

    assert {*defined, "Fault"} == set(faults.__all__)


def test_public_names_are_sorted() -> None:
    """`__all__` is sorted, and each of its names exists."""
    for module in (hubapi.testing, faults):
        assert sorted(module.__all__) == module.__all__
        assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("missing", ["jwt", "pyotp", "starlette", "uvicorn"])
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """The error names the missing package and the extra to install."""
    for name in list(sys.modules):
        if name.split(".")[0] == missing or name.startswith("hubapi.testing"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(ImportError, match=r'pip install "hubapi-client\[testing\]"'):
        importlib.import_module("hubapi.testing")
