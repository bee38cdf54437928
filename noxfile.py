"""The development tasks; `nox -l` lists them."""

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
    """Add pyenv's interpreters to the path: its shims only work for the selected version."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    folders = [str(path / "bin") for python in PYTHONS for path in sorted(root.glob(f"{python}.*"))[-1:]]
    os.environ["PATH"] = os.pathsep.join([*folders, os.environ.get("PATH", "")])


_find_pyenv()
ON_ALL_CORES = ("-n", "auto")
CURRENT = f"{sys.version_info.major}.{sys.version_info.minor}"
# The supported versions that are installed; at least the one that runs this file.
FOUND = [python for python in PYTHONS if shutil.which(f"python{python}")] or [CURRENT]


def _install(session: nox.Session, *groups: str) -> None:
    """Install the project with its extras, editable, and these dependency groups."""
    wanted = [requirement for group in groups for requirement in nox.project.dependency_groups(PROJECT, group)]
    session.install("-e", ".[cli,testing]", *wanted)


@nox.session(python=CURRENT)
def demo(session: nox.Session) -> None:
    """Export 52,800 audit events of 24 organisations from a fake Docker Hub on loopback, and check each of them."""
    session.install("-e", ".[cli,testing]")
    session.run("hubapi", "demo", *session.posargs)


@nox.session(python=CURRENT)
def tests(session: nox.Session) -> None:
    """Run the test suite on the Python that runs nox."""
    _install(session, "test")
    session.run("pytest", *ON_ALL_CORES, *session.posargs)


@nox.session(python=[python for python in FOUND if python != CURRENT])
def tests_elsewhere(session: nox.Session) -> None:
    """Run the test suite on the other supported Pythons that are installed."""
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
    """Run both type checkers in strict mode, and check that every public name has a type."""
    _install(session, "types")
    session.run("mypy")
    session.run("pyright")
    session.install("--no-deps", "--force-reinstall", ".")  # as users install it: a package, not a source folder
    session.run("pyright", "--verifytypes", "hubapi", "--ignoreexternal")


@nox.session(python=CURRENT)
def generate(session: nox.Session) -> None:
    """Check that the generated code is up to date."""
    session.install(*nox.project.dependency_groups(PROJECT, "generate"))
    session.run("python", "-m", "scripts.generate", "--check")


@nox.session(python=CURRENT)
def fuzz(session: nox.Session) -> None:
    """Send every kind of request that the description allows, and more, to a FakeHub, and check the responses."""
    _install(session, "fuzz")
    session.run("python", "-m", "tests.fuzz", *session.posargs)


@nox.session(python=CURRENT)
def kills(session: nox.Session) -> None:
    """Kill exports before each file operation and at random moments, and compare the final files."""
    _install(session, "test")
    session.run("python", "-m", "tests.kills", *session.posargs)


@nox.session(python=CURRENT)
def bench(session: nox.Session) -> None:
    """Measure hubapi against the alternatives; `-- --check` fails if a target is missed."""
    _install(session, "bench")
    session.run("python", "-m", "scripts.bench", *session.posargs)


@nox.session(python=CURRENT)
def wheel(session: nox.Session) -> None:
    """Build the wheel, and run the suite against it without the sources."""
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
    # The generator is not part of the wheel; its tests read the sources.
    session.run("pytest", *ON_ALL_CORES, "--ignore=tests/generate", *session.posargs)
