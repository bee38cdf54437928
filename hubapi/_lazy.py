"""Names that are imported when first asked for (PEP 562), so that `import hubapi` costs next to nothing."""

import importlib
import sys
from collections.abc import Callable, Mapping


def attach(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the `__getattr__` and `__dir__` of a package whose public names live elsewhere.

    Args:
        package: The package's `__name__`.
        modules: Each module, and the names that it defines for the package, separated by spaces.

    """
    places = {name: module for module, names in modules.items() for name in names.split()}

    def __getattr__(name: str) -> object:  # noqa: N807 - becomes the package's own
        if name == "__all__":
            return sorted(places)
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(importlib.import_module(places[name]), name)
        setattr(sys.modules[package], name, value)  # asked for once
        return value

    def __dir__() -> list[str]:  # noqa: N807 - becomes the package's own
        return sorted(places)

    return __getattr__, __dir__
