"""Stage 2: add the operations of `additions.yaml` to the description.

Additions are a partial OpenAPI document of `paths` and `components`. Each operation names its evidence in `x-evidence`,
which the merged document does not keep. What the description has already is an error, never replaced: corrections
belong in `fixes.yaml`.
"""

import copy

from scripts.generate.keywords import METHODS
from scripts.generate.load import Document, Node

EVIDENCE = "x-evidence"
_SECTIONS = ("paths", "components")


def merge(document: Document, additions: Document) -> Document:
    """Return a copy of *document* with the additions in it.

    Raises:
        SpecError: An addition is malformed, has no evidence, or is in the description already; every such one is named.

    """
    merged = Document(document.name, copy.deepcopy(document.value), dict(document.marks))
    for section, node in additions.root.mapping().items():
        if section not in _SECTIONS:
            node.problem(f"unknown section {section!r}; there are {', '.join(_SECTIONS)}")
            continue
        for key, group in node.mapping().items():
            if section == "paths":
                _check_path(document, group)
            for name, member in group.mapping().items():
                _add(merged, (section, key, name), member)
    additions.raise_problems()
    merged.marks = {**additions.marks, **merged.marks}
    return merged


def _check_path(document: Document, path: Node) -> None:
    """Check that operations have evidence, and that nothing but operations is added to a path of the description."""
    for name, member in path.mapping().items():
        if name in METHODS:
            evidence = member.items(EVIDENCE)
            if not evidence:
                member.problem(f"an added operation needs {EVIDENCE}: a list of URLs or facts")
            for item in evidence:
                item.string()
        elif document.resolve(path.pointer):
            member.problem(f"{document.where(path.pointer)} has this path: only operations can be added to it")


def _add(merged: Document, place: tuple[str, str, str], member: Node) -> None:
    """Put an operation or a component in its place."""
    if merged.resolve(member.pointer):
        member.problem(f"is already described at {merged.where(member.pointer)}: take it out here")
        return
    section, key, name = place
    parent = merged.value
    for step in (section, key):
        # A description that has no mapping here is refused when it is read.
        if not isinstance(parent, dict):
            return
        parent = parent.setdefault(step, {})
    if isinstance(parent, dict):
        value = copy.deepcopy(member.value)
        if section == "paths" and isinstance(value, dict):
            value.pop(EVIDENCE, None)
        parent[name] = value
