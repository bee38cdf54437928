"""The documentation pages: their tests pass, their commands parse, their links resolve."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest

from hubapi.cli import main
from hubapi.testing import faults

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
}
INI = """
[pytest]
addopts = --strict-markers --strict-config -p no:hypothesispytest -p no:respx
filterwarnings = error
asyncio_default_fixture_loop_scope = function
"""


def blocks(page: str, language: str) -> list[str]:
    """The fenced code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGES[page].read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def is_test(block: str) -> bool:
    return "def test_" in block


PYTHON = [(page, block) for page in PAGES for block in blocks(page, "python")]
COMMANDS = [
    line[line.index("hubapi ") :].partition(" #")[0]
    for page in PAGES
    for block in blocks(page, "sh")
    for line in block.splitlines()
    if re.match(r"([A-Z_]+=\S+ )*hubapi ", line)
]
TESTED = sorted({page for page, block in PYTHON if is_test(block)})


def test_the_pages_have_examples() -> None:
    """Without any, the tests below would pass without testing anything."""
    assert ["README.md", "docs/instrumentation.md", "docs/testing.md"] == TESTED
    assert len(COMMANDS) >= 2


@pytest.mark.parametrize("page", TESTED)
def test_the_tests_of_a_page_pass(pytester: pytest.Pytester, page: str) -> None:
    """As one test file, on asyncio and trio."""
    tests = [block for block in blocks(page, "python") if is_test(block)]
    pytester.makefile(".ini", pytest=INI)
    pytester.makepyfile("\n\n".join(tests))

    result = pytester.runpytest_subprocess("-rA")  # tools that patch httpx stay in that process

    outcomes = result.parseoutcomes()
    assert {"passed"} == outcomes.keys()
    for name in re.findall(r"^async def (test_\w+)", "\n".join(tests), re.MULTILINE):
        for backend in ("asyncio", "trio"):
            result.stdout.re_match_lines([rf"PASSED .*::{name}\[.*{backend}.*\]"])


@pytest.mark.parametrize(("page", "block"), [(page, block) for page, block in PYTHON if not is_test(block)])
def test_other_examples_compile_and_their_imports_exist(page: str, block: str) -> None:
    """They connect to Docker Hub, so they are not run."""
    tree = compile(block, page, "exec", flags=ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            assert [] == [alias.name for alias in node.names if not hasattr(module, alias.name)]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_have_valid_options(command: str) -> None:
    """With valid values."""
    _, name, *words = shlex.split(command)

    with main.commands[name].make_context(name, words):
        pass


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_resolve(page: str) -> None:
    """Links within the project."""
    text = PAGES[page].read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]

    assert [] == [link for link in links if not (PAGES[page].parent / link).exists()]


def test_every_fault_is_in_the_table() -> None:
    """A fault that is not documented can't be found."""
    shown = set(re.findall(r"`(\w+)\(", "\n".join(table("`faults.`"))))

    assert set(faults.__all__) - {"Fault"} == shown


def table(heading: str) -> list[str]:
    """The lines of the table with this first heading."""
    lines = PAGES["docs/testing.md"].read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    return lines[start : lines.index("", start)]
