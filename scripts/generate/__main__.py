"""`python -m scripts.generate`: write `hubapi/_generated` from `openapi/`."""

import argparse
import hashlib
import json
import sys
from pathlib import Path

from scripts.generate import emit, lower, names, patch, write
from scripts.generate.load import SpecError, load

ROOT = Path(__file__).resolve().parents[2]


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.generate", description=__doc__)
    openapi = ROOT / "openapi"
    parser.add_argument("--spec", type=Path, default=openapi / "latest.yaml", help="the description")
    parser.add_argument("--fixes", type=Path, default=openapi / "fixes.yaml", help="the corrections to it")
    parser.add_argument("--names", type=Path, default=openapi / "names.yaml", help="the pinned names")
    parser.add_argument("--out", type=Path, default=ROOT / "hubapi" / "_generated", help="the folder to replace")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--check", action="store_true", help="write nothing; exit 1 where the folder differs")
    instead.add_argument(
        "--corrected", type=Path, metavar="FILE", help="write the corrected description alone, as JSON, for other tools"
    )
    parser.add_argument("--propose", action="store_true", help="accept the proposed name where none is pinned")
    return parser.parse_args(argv)


def generate(spec: Path, fixes: Path, pins: Path, *, propose: bool) -> tuple[dict[str, bytes], list[str]]:
    """Run the stages up to the formatted modules; also return which fixes are obsolete.

    Raises:
        SpecError: something was not understood; nothing has been written.

    """
    patched = patch.patch(load(spec), load(fixes))
    api = lower.lower(patched.document)
    resolved = names.resolve(api, load(pins), patched.document, propose=propose)
    digest = hashlib.sha256(spec.read_bytes() + b"\0" + fixes.read_bytes()).hexdigest()[:16]
    source = f"{spec.name} and {fixes.name} (sha256 {digest})"
    header = f"{write.HEADER}{source}: do not edit.\n"
    return write.formatted(emit.emit(api, resolved, header)), patched.obsolete


def correct(spec: Path, fixes: Path) -> tuple[bytes, list[str]]:
    """Return the corrected description as JSON, and which fixes are obsolete.

    JSON, because readers of YAML disagree on what `200:` and `2021-02-19T01:34:35Z` are.

    Raises:
        SpecError: a file can't be read, or a fix does not apply.

    """
    patched = patch.patch(load(spec), load(fixes))
    return json.dumps(patched.document.value, indent=2, ensure_ascii=False).encode() + b"\n", patched.obsolete


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = _arguments(argv)
    try:
        return _write_corrected(arguments) if arguments.corrected else _write_modules(arguments)
    except SpecError as error:
        print("\n".join(error.problems), file=sys.stderr)
        count = len(error.problems)
        print(f"{count} problem{'s' if count != 1 else ''}; nothing was written", file=sys.stderr)
        return 1


def _write_corrected(arguments: argparse.Namespace) -> int:
    content, obsolete = correct(arguments.spec, arguments.fixes)
    _report(obsolete)
    try:
        arguments.corrected.write_bytes(content)
    except OSError as error:
        raise SpecError([f"{arguments.corrected}: can't be written: {error}"]) from None
    print(f"{arguments.corrected}: {arguments.spec.name} as corrected by {arguments.fixes.name}")
    return 0


def _write_modules(arguments: argparse.Namespace) -> int:
    modules, obsolete = generate(arguments.spec, arguments.fixes, arguments.names, propose=arguments.propose)
    _report(obsolete)
    if arguments.check:
        found = write.differences(modules, arguments.out)
        print("\n".join(found) or f"{arguments.out}: up to date ({len(modules)} files)")
        return 1 if found else 0
    write.write(modules, arguments.out)
    lines = sum(content.count(b"\n") for content in modules.values())
    print(f"{arguments.out}: {len(modules)} files, {lines} lines")
    return 0


def _report(obsolete: list[str]) -> None:
    for line in obsolete:
        print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
