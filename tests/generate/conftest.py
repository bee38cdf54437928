"""A description written inline, run through the whole command and imported."""

import importlib.util
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from scripts.generate.__main__ import main
from tests.generate.inline import Generate, Generated

_numbers = count()


def _imported(folder: Path, name: str) -> None:
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


@pytest.fixture
def generate(tmp_path: Path) -> Iterator[Generate]:
    """Generate and import what a description says; names are proposed where none are given."""
    made: list[str] = []

    def run(
        paths: str = "",
        schemas: str = "",
        *,
        rest: str = "",
        spec: str = "",
        names: str = "{}",
        fixes: str = "[]",
        additions: str = "{}",
    ) -> Generated:
        folder = tmp_path / f"run{len(made)}"
        folder.mkdir()
        spec = spec or _OPENING + (paths or _PATHS) + (f"components:\n  schemas:\n{schemas}" if schemas else "") + rest
        texts = {"spec": spec, "additions": additions, "fixes": fixes, "names": names}
        for name, text in texts.items():
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        files = [f"--{name}={folder / name}.yaml" for name in texts]
        assert main([*files, f"--out={folder / 'out'}", "--propose"]) == 0
        made.append(f"generated_{next(_numbers)}")
        _imported(folder / "out", made[-1])
        return Generated(folder / "out", made[-1])

    yield run
    for name in [name for name in sys.modules if name.partition(".")[0] in made]:
        del sys.modules[name]


_OPENING = "openapi: 3.0.0\ninfo: { title: Things, version: beta }\npaths:\n"
_PATHS = """\
  /things:
    get:
      tags: [things]
      responses: { 204: { description: Done } }
"""
