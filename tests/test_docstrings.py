"""Every example in a docstring runs."""

import doctest
import importlib
import pkgutil

import pytest

import hubapi

MODULES = [
    module.name for module in pkgutil.walk_packages(hubapi.__path__, "hubapi.") if "_generated" not in module.name
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    """The examples of a module give what they show."""
    module = importlib.import_module(name)
    names = {public: getattr(hubapi, public) for public in dir(hubapi) if not public.startswith("_")}

    assert 0 == doctest.testmod(module, extraglobs=names, optionflags=doctest.ELLIPSIS).failed
