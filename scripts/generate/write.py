"""Stage 6: format the modules and put them in place, or compare them with what is there."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.generate.load import SpecError

_FORMAT = ("format", "--isolated", "--quiet", "--line-length", "120", "--target-version", "py311")


def formatted(modules: dict[str, str]) -> dict[str, bytes]:
    """Return the modules as ruff formats them, under fixed settings.

    Raises:
        SpecError: ruff is missing or refuses a module.

    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path, text in modules.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")
        command = [sys.executable, "-m", "ruff", *_FORMAT, folder]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise SpecError([f"ruff could not format what was generated: {ran.stderr.strip()}"])
        return {path: (root / path).read_bytes() for path in modules}


def differences(modules: dict[str, bytes], folder: Path) -> list[str]:
    """Say how *folder* differs from what would be written; nothing where it does not."""
    present = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"}
    found = [f"{folder / path}: missing" for path in modules.keys() - present.keys()]
    found += [f"{folder / path}: not generated" for path in present.keys() - modules.keys()]
    for path in modules.keys() & present.keys():
        if present[path].read_bytes() != modules[path]:
            found.append(f"{folder / path}: differs")
    return sorted(found)


def write(modules: dict[str, bytes], folder: Path) -> None:
    """Replace *folder* by the modules: all of it, or on an error none.

    Raises:
        SpecError: the folder holds something that was never generated, or can't be replaced.

    """
    if folder.exists() and any(folder.iterdir()) and not _is_generated(folder):
        raise SpecError([f"{folder}: not empty, and not written by this generator; choose another --out"])
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".generate-") as temporary:
            new, old = Path(temporary, "new"), Path(temporary, "old")
            for path, content in modules.items():
                target = new / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            if folder.exists():
                folder.rename(old)
            try:
                new.rename(folder)
            except OSError:
                if old.exists():
                    old.rename(folder)
                raise
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise SpecError([f"{folder}: can't be written: {error}"]) from None


def _is_generated(folder: Path) -> bool:
    index = folder / "__init__.py"
    return index.is_file() and "scripts.generate" in index.read_text(encoding="utf-8")
