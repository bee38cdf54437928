"""A fixture that runs the command on an inline description and imports the result."""

import importlib
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from scripts.generate.__main__ import main
from tests.generate.inline import Generate, Generated

_numbers = count()


@pytest.fixture
def generate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Generate]:
    """Generate a package from a description, and import it; names are proposed unless they are given."""
    monkeypatch.syspath_prepend(tmp_path)
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
        name = f"generated_{next(_numbers)}"
        spec = spec or _OPENING + (paths or _PATHS) + (f"components:\n  schemas:\n{schemas}" if schemas else "") + rest
        texts = {"spec": spec, "additions": additions, "fixes": fixes, "names": names}
        for option, text in texts.items():
            (tmp_path / f"{option}.yaml").write_text(text, encoding="utf-8")
        files = [f"--{option}={tmp_path / option}.yaml" for option in texts]
        assert main([*files, f"--out={tmp_path / name}", "--propose"]) == 0
        made.append(name)
        importlib.invalidate_caches()
        return Generated(tmp_path / name, name)

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
