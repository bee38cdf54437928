"""The import rules of the package's modules, and the cost of importing it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

import hubapi
import hubapi.models

ROOT = Path(hubapi.__file__).parent

# From the bottom up: a module imports from its own layer or from earlier ones in this list, never from a later one.
LAYERS: list[tuple[str, set[str]]] = [
    (
        "basics",
        {"hubapi._version", "hubapi.errors", "hubapi._lazy", "hubapi._operation", "hubapi._clock", "hubapi._files"},
    ),
    ("secrets and dates", {"hubapi._secret", "hubapi._datetimes"}),
    ("credentials and pagination", {"hubapi.credentials", "hubapi.scim", "hubapi._pagination"}),
    ("one exchange", {"hubapi._transport", "hubapi._rate_limit"}),
    ("the codec", {"hubapi._codec"}),
    ("generated", {"hubapi._generated"}),
    ("models", {"hubapi.models"}),
    ("authentication", {"hubapi._auth"}),
    ("the pipeline", {"hubapi._pipeline"}),
    ("export", {"hubapi.export"}),
    ("resources", {"hubapi._resources"}),
    ("the client", {"hubapi._client"}),
    ("the package", {"hubapi"}),
    (
        "edges",
        {
            "hubapi.__main__",
            "hubapi.cli",
            "hubapi.commands",
            "hubapi.fastapi",
            "hubapi.pytest_plugin",
            "hubapi.testing",
        },
    ),
]
HTTP_LIBRARIES = {
    "hubapi._transport.fast": {"httpx", "pyqwest"},  # httpx reads the environment's proxies and certificates
    "hubapi._transport.httpx": {"httpx"},
    "hubapi._transport.pool": {"httpx"},
    "hubapi._transport.proxy": {"httpx"},
    "hubapi._transport.tls": {"httpx"},
    "hubapi.testing": {"httpx"},
}


@frozen
class Import:
    """One imported module, from one module's text."""

    importer: str
    imported: str
    late: bool
    """Inside a function: nothing is loaded before it is called."""
    for_types: bool
    """Under `if TYPE_CHECKING`: nothing is loaded at all."""


def module_name(path: Path) -> str:
    parts = ["hubapi", *path.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def imports_of(module: str) -> Iterator[Import]:
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]

    def walk(node: ast.AST, *, late: bool, for_types: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(module, alias.name, late, for_types)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    above = package.split(".")[: len(package.split(".")) - child.level + 1]
                    base = ".".join([*above, *([base] if base else [])])
                for alias in child.names:
                    whole = f"{base}.{alias.name}"
                    yield Import(module, whole if whole in MODULES else base, late, for_types)
            else:
                function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
                typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
                yield from walk(child, late=late or function, for_types=for_types or typing)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), late=False, for_types=False)


IMPORTS = [found for module in MODULES for found in imports_of(module)]


def layer(module: str) -> int:
    """Return the layer of the module, by its longest prefix in `LAYERS`."""
    known = {prefix: number for number, (_, prefixes) in enumerate(LAYERS) for prefix in prefixes}
    parts = module.split(".")
    return next(known[name] for end in range(len(parts), 0, -1) if (name := ".".join(parts[:end])) in known)


def test_the_imports_were_read() -> None:
    """Otherwise the tests below would pass without any import."""
    assert len(MODULES) > 50
    assert Import("hubapi._client", "hubapi._pipeline.pipeline", False, False) in IMPORTS
    assert Import("hubapi._generated.endpoints.scim", "hubapi._generated.models.scim", False, False) in IMPORTS
    assert Import("hubapi._resources.audit_logs", "hubapi.export.run", True, False) in IMPORTS
    assert Import("hubapi", "hubapi._client", False, True) in IMPORTS


def test_imports_point_one_way() -> None:
    """No part imports a part built on it; the lazy names of the package don't count as its imports."""
    wrong = [
        f"{found.importer} ({LAYERS[layer(found.importer)][0]}) imports {found.imported} "
        f"({LAYERS[layer(found.imported)][0]})"
        for found in IMPORTS
        if found.imported.partition(".")[0] == "hubapi" and layer(found.imported) > layer(found.importer)
    ]

    assert [] == wrong


def test_there_is_no_import_cycle() -> None:
    """Between modules, including imports for types and in functions, but not the lazy names of the package."""
    graph: dict[str, set[str]] = {}
    for found in IMPORTS:
        if found.imported.partition(".")[0] == "hubapi" and found.importer != "hubapi":
            graph.setdefault(found.importer, set()).add(found.imported)

    TopologicalSorter(graph).prepare()  # raises CycleError


def test_each_http_library_is_imported_in_one_place() -> None:
    """To replace a library, only this place and the fake have to change."""
    libraries = {"httpx", "httpx2", "httpcore", "httptools", "h11", "pyqwest"}
    used = {
        (found.importer, library) for found in IMPORTS if (library := found.imported.partition(".")[0]) in libraries
    }
    allowed = {
        (importer, library) for importer, library in used if library in HTTP_LIBRARIES.get(owner(importer), set())
    }

    assert set() == used - allowed
    assert {owner(importer) for importer, _ in used} == set(HTTP_LIBRARIES)


def owner(module: str) -> str:
    """Return the package of the edges that contains the module, or the module itself."""
    return "hubapi.testing" if module.startswith("hubapi.testing.") else module


@pytest.mark.parametrize("library", ["asyncio", "trio", "sniffio", "requests", "aiohttp", "pydantic"])
def test_no_module_imports_an_event_loop_or_another_client(library: str) -> None:
    """All waiting is done through anyio."""
    assert [] == [found.importer for found in IMPORTS if found.imported.partition(".")[0] == library]


def test_only_the_edges_import_extras() -> None:
    """The rest has to work without them."""
    extras = {"click", "rich", "jwt", "starlette", "uvicorn", "pyotp", "fastapi", "pytest"}
    users = {found.importer for found in IMPORTS if found.imported.partition(".")[0] in extras and not found.late}

    assert [] == sorted(name for name in users if LAYERS[layer(name)][0] != "edges")


def test_generated_code_is_imported_only_where_requests_are_sent() -> None:
    """By logins, exports and resources; and by `models`, which re-exports it."""
    users = {
        found.importer.removeprefix("hubapi.").partition(".")[0]
        for found in IMPORTS
        if found.imported.startswith("hubapi._generated") and not found.importer.startswith("hubapi._generated")
    }

    assert users <= {"_auth", "_resources", "export", "models"}


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT.parent)
    assert 0 == done.returncode, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("statement", ["import hubapi", "import hubapi.models", "import hubapi; dir(hubapi)"])
def test_importing_the_package_loads_nothing_heavy(statement: str) -> None:
    """A program does not pay for what it does not use."""
    heavy = ["httpx", "attr", "attrs", "msgspec", "cattrs", "anyio", "asyncio"]
    code = f"import sys; {statement}; print([name for name in {heavy} if name in sys.modules])"

    assert "[]" == run(code)


def test_a_model_loads_only_its_own_group() -> None:
    """Neither HTTP nor the rest of the client."""
    code = (
        "import sys; from hubapi.models import Tag; "
        "print(sorted(n for n in sys.modules if n.startswith('hubapi._generated.models.') or n == 'httpx'))"
    )

    assert "['hubapi._generated.models.repositories']" == run(code)


def test_the_public_names_are_sorted_and_exist() -> None:
    """`__all__`, `dir` and the names for type checkers are equal."""
    tree = ast.parse(MODULES["hubapi"].read_text(encoding="utf-8"))
    typed = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        for inner in node.body
        if isinstance(inner, ast.ImportFrom)
        for alias in inner.names
    }
    public: Any = hubapi.__all__

    assert sorted(public) == public == dir(hubapi)
    assert typed == set(public)
    assert [] == [name for name in public if not hasattr(hubapi, name)]


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As in any module."""
    with pytest.raises(AttributeError, match="module 'hubapi' has no attribute 'Nothing'"):
        hubapi.Nothing  # noqa: B018


def test_every_model_is_public_under_its_own_name() -> None:
    """Each model that the generator wrote is imported on first use."""
    written = {
        node.name
        for module, path in MODULES.items()
        if module.startswith("hubapi._generated.models.")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    }

    assert written <= set(dir(hubapi.models))
    assert [] == [name for name in dir(hubapi.models) if not hasattr(hubapi.models, name)]


def test_every_public_error_is_exported() -> None:
    """So that `except` clauses need one import."""
    from hubapi import errors

    tree = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}

    assert set() == tree - set(dir(hubapi))
