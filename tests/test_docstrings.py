"""Docstrings: their examples run, and their first words are those of reference documentation."""

import ast
import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import hubapi

ROOT = Path(__file__).parents[1]
MODULES = [
    module.name for module in pkgutil.walk_packages(hubapi.__path__, "hubapi.") if "_generated" not in module.name
]
SOURCES = {
    path.relative_to(ROOT).as_posix(): path
    for folder in ("hubapi", "scripts")
    for path in (ROOT / folder).rglob("*.py")
}

# A docstring starts with an imperative or a noun phrase. These words start neither.
BANNED = {
    *("Anybody", "Hear", "How", "Let", "Nobody", "Say", "Somebody", "Tell"),
    *("What", "Whatever", "When", "Where", "Who", "Whoever"),
}


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    """The examples of a module return the results that they show."""
    module = importlib.import_module(name)
    names = {public: getattr(hubapi, public) for public in dir(hubapi) if not public.startswith("_")}

    assert 0 == doctest.testmod(module, extraglobs=names, optionflags=doctest.ELLIPSIS).failed


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """The docstrings of a module, its classes, functions and attributes, each with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                text = child.value.value
                if isinstance(text, str):
                    yield child.lineno, text


def banned_starts(source: str) -> list[str]:
    """The docstrings of a file that start with a banned word, as `file:line: word`."""
    starts = [(line, text.split(maxsplit=1)[:1]) for line, text in docstrings(SOURCES[source])]
    return [f"{source}:{line}: {start[0]}" for line, start in starts if start and start[0] in BANNED]


def test_docstrings_start_with_an_imperative_or_a_noun_phrase() -> None:
    """Not with a question word, nor with a verb that the documentation of other packages does not use."""
    assert [] == [start for source in SOURCES for start in banned_starts(source)]
