"""Everything there is to run: `nox -l` lists it."""

import os
import shutil
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PYTHONS = ("3.11", "3.12", "3.13")
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")

nox.options.sessions = ["tests", "lint", "types", "generate", "wheel"]
nox.options.reuse_existing_virtualenvs = True


def _find_pyenv() -> None:
    """Put pyenv's interpreters on the path: its shims only answer for the version that is set."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    folders = [str(path / "bin") for python in PYTHONS for path in sorted(root.glob(f"{python}.*"))[-1:]]
    os.environ["PATH"] = os.pathsep.join([*folders, os.environ.get("PATH", "")])


_find_pyenv()
ON_ALL_CORES = ("-n", "auto")
CURRENT = f"{sys.version_info.major}.{sys.version_info.minor}"
# The versions this machine has; at least the one that runs this.
FOUND = [python for python in PYTHONS if shutil.which(f"python{python}")] or [CURRENT]


def _install(session: nox.Session, *groups: str) -> None:
    """Install the project with its extras, editable, and the tools of these dependency groups."""
    wanted = [requirement for group in groups for requirement in nox.project.dependency_groups(PROJECT, group)]
    session.install("-e", ".[cli,testing]", *wanted)


@nox.session(python=CURRENT)
def demo(session: nox.Session) -> None:
    """Export 52,800 audit events of 24 organisations from a fake Docker Hub on loopback, and check each of them."""
    session.install("-e", ".[cli,testing]")
    session.run("hubapi", "demo", *session.posargs)


@nox.session(python=FOUND)
def tests(session: nox.Session) -> None:
    """Run the test suite, on every supported Python that this machine has."""
    _install(session, "test")
    session.run("pytest", *ON_ALL_CORES, *session.posargs)


@nox.session(python=CURRENT)
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python=CURRENT)
def types(session: nox.Session) -> None:
    """Run both type checkers, strict, and see that every public name has a type."""
    _install(session, "types")
    session.run("mypy")
    session.run("pyright")
    session.install("--no-deps", "--force-reinstall", ".")  # as users have it: a package, not a folder of sources
    session.run("pyright", "--verifytypes", "hubapi", "--ignoreexternal")


@nox.session(python=CURRENT)
def generate(session: nox.Session) -> None:
    """Check that the generated code is what the description makes of it."""
    session.install(*nox.project.dependency_groups(PROJECT, "generate"))
    session.run("python", "-m", "scripts.generate", "--check")


@nox.session(python=CURRENT)
def fuzz(session: nox.Session) -> None:
    """Ask a FakeHub on loopback whatever the description allows, and more, and hold its answers against it."""
    _install(session, "fuzz")
    session.run("python", "-m", "tests.fuzz", *session.posargs)


@nox.session(python=CURRENT)
def kills(session: nox.Session) -> None:
    """Kill exports before each of their file operations and at random moments, and compare what they end in."""
    _install(session, "test")
    session.run("python", "-m", "tests.kills", *session.posargs)


@nox.session(python=CURRENT)
def bench(session: nox.Session) -> None:
    """Measure hubapi against what else one would write; `-- --check` fails where it is not as fast as it should be."""
    _install(session, "bench")
    session.run("python", "-m", "scripts.bench", *session.posargs)


@nox.session(python=CURRENT)
def wheel(session: nox.Session) -> None:
    """Build the wheel, and run the suite against it away from the sources."""
    place = Path(session.create_tmp()).resolve()
    session.run("pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(place / "dist"), ".")
    (built,) = (place / "dist").glob("*.whl")
    session.install("--force-reinstall", f"{built}[cli,testing]", *nox.project.dependency_groups(PROJECT, "test"))
    for name in ("tests", "openapi", "scripts", "docs"):
        shutil.rmtree(place / name, ignore_errors=True)
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (ROOT / "pyproject.toml", ROOT / "LICENSE", *ROOT.glob("*.md")):
        shutil.copy(path, place)
    session.chdir(place)
    # The generator is no part of the wheel; its own tests look at the sources.
    session.run("pytest", *ON_ALL_CORES, "--ignore=tests/generate", *session.posargs)
