"""Lazy imports of a package's public names (PEP 562), which keep `import hubapi` fast."""

import importlib
import sys
from collections.abc import Callable, Mapping


def attach(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for a package that re-exports names of other modules.

    Args:
        package: The package's `__name__`.
        modules: The modules, each with the names to re-export, separated by spaces.
    """
    sources = {name: module for module, names in modules.items() for name in names.split()}

    def __getattr__(name: str) -> object:  # noqa: N807 - the package assigns it
        if name == "__all__":
            return sorted(sources)
        if name not in sources:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(importlib.import_module(sources[name]), name)
        setattr(sys.modules[package], name, value)  # so that this runs once a name
        return value

    def __dir__() -> list[str]:  # noqa: N807 - the package assigns it
        return sorted(sources)

    return __getattr__, __dir__
