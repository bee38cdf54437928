"""`python -m scripts.generate`: write `hubapi/_generated` from `openapi/`."""

import argparse
import hashlib
import json
import sys
from pathlib import Path

from attrs import frozen

from scripts.generate import emit, lower, merge, names, patch, write
from scripts.generate.load import SpecError, load

ROOT = Path(__file__).resolve().parents[2]


@frozen
class Sources:
    """The files to generate from."""

    spec: Path
    additions: Path
    fixes: Path
    names: Path

    @classmethod
    def of(cls, folder: Path) -> "Sources":
        """Return the files of a folder, under their usual names."""
        return cls(*(folder / f"{name}.yaml" for name in ("latest", "additions", "fixes", "names")))


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.generate", description=__doc__)
    usual = Sources.of(ROOT / "openapi")
    parser.add_argument("--spec", type=Path, default=usual.spec, help="the description")
    parser.add_argument(
        "--additions", type=Path, default=usual.additions, help="the operations that the description lacks"
    )
    parser.add_argument("--fixes", type=Path, default=usual.fixes, help="the corrections to it")
    parser.add_argument("--names", type=Path, default=usual.names, help="the pinned names")
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "hubapi" / "_generated",
        help="the folder to replace; its import name includes each parent that has an __init__.py",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--check", action="store_true", help="write nothing; exit 1 if the folder differs")
    instead.add_argument(
        "--corrected", type=Path, metavar="FILE", help="only write the corrected description, as JSON, for other tools"
    )
    parser.add_argument("--propose", action="store_true", help="accept the proposed name of anything without a pin")
    return parser.parse_args(argv)


def generate(sources: Sources, package: str, *, propose: bool) -> tuple[dict[str, bytes], list[str]]:
    """Run every stage but the last.

    Args:
        sources: The files to read.
        package: The import name of the package to generate.
        propose: Accept the proposed name of anything without a pin.

    Returns:
        The formatted modules by relative path, and a message for each fix that is no longer needed.

    Raises:
        SpecError: Something was not understood. Nothing has been written.

    """
    corrected = correct(sources)
    api = lower.lower(corrected.document)
    resolved = names.resolve(api, load(sources.names), corrected.document, propose=propose)
    read = (sources.spec, sources.additions, sources.fixes)
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in read)).hexdigest()[:16]
    origin = f"{sources.spec.name}, {sources.additions.name} and {sources.fixes.name} (sha256 {digest})"
    header = f"{write.HEADER}{origin}: do not edit.\n"
    modules = emit.emit(api, resolved, package=package, header=header)
    return write.formatted(modules, package), corrected.obsolete


def correct(sources: Sources) -> patch.Patched:
    """Return the description with the additions, corrected by the fixes.

    Raises:
        SpecError: A file can't be read, or an addition or a fix does not apply.

    """
    merged = merge.merge(load(sources.spec), load(sources.additions))
    return patch.patch(merged, load(sources.fixes))


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


def _sources(arguments: argparse.Namespace) -> Sources:
    return Sources(arguments.spec, arguments.additions, arguments.fixes, arguments.names)


def _write_corrected(arguments: argparse.Namespace) -> int:
    """Write the corrected description as JSON: readers of YAML disagree on `200:` and `2021-02-19T01:34:35Z`."""
    sources = _sources(arguments)
    corrected = correct(sources)
    _report(corrected.obsolete)
    content = json.dumps(corrected.document.value, indent=2, ensure_ascii=False) + "\n"
    try:
        arguments.corrected.write_bytes(content.encode())
    except OSError as error:
        raise SpecError([f"{arguments.corrected}: can't be written: {error}"]) from None
    print(f"{arguments.corrected}: {sources.spec.name} as corrected by {sources.fixes.name}")
    return 0


def _write_modules(arguments: argparse.Namespace) -> int:
    package = write.package_of(arguments.out)
    modules, obsolete = generate(_sources(arguments), package, propose=arguments.propose)
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
