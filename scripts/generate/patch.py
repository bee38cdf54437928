"""Stage 3: apply the corrections of `fixes.yaml`, each with its evidence.

An entry is `{at, was, now, why}`: a JSON pointer, the value there, the right value, and the evidence. Without `was` the
place must not exist yet; without `now` the value is removed. An entry is

- applied if the description has `was`;
- obsolete if it already has `now`, so one file serves an older and a newer description;
- stale if it has neither, which is an error.
"""

import copy

from attrs import frozen

from scripts.generate.load import Document, Node, Value, spelled, steps

_KEYS = ("at", "was", "now", "why")


@frozen
class Patched:
    """The corrected description, and a message for each fix that it no longer needs."""

    document: Document
    obsolete: list[str]


def patch(document: Document, fixes: Document) -> Patched:
    """Apply every fix to a copy of *document*.

    Raises:
        SpecError: An entry is malformed or stale; every such entry is named.

    """
    corrected = Document(document.name, copy.deepcopy(document.value), dict(document.marks))
    obsolete = [
        f"{fixes.where(entry.pointer)}: obsolete, {entry.text('at')} already reads so"
        for entry in fixes.root.sequence()
        if _well_formed(entry) and not _apply(corrected, entry)
    ]
    fixes.raise_problems()
    return Patched(corrected, obsolete)


def _well_formed(entry: Node) -> bool:
    before = len(entry.document.problems)
    members = entry.mapping()
    for key, member in members.items():
        if key not in _KEYS:
            member.problem(f"unknown key {key!r}; an entry has {', '.join(_KEYS)}")
    if members and not entry.text("why"):
        entry.problem("has no `why`: name the evidence")
    if members and "was" not in members and "now" not in members:
        entry.problem("has neither `was` nor `now`")
    if members and not entry.text("at").startswith("#/"):
        entry.problem("`at` must be a JSON pointer such as #/components/schemas/tag")
    return len(entry.document.problems) == before


def _apply(document: Document, entry: Node) -> bool:
    """Apply one entry; return False if it is obsolete."""
    pointer = entry.text("at")
    parent_pointer = pointer.rpartition("/")[0]
    parent, key = document.resolve(parent_pointer), steps(pointer)[-1]
    if parent is None or not isinstance(parent.value, dict | list):
        entry.problem(f"stale: {document.name} has no {parent_pointer} to fix")
        return True
    found, was, now = parent.child(key), entry.child("was"), entry.child("now")
    if _same(found, now):
        return False
    if not _same(found, was):
        entry.problem(f"stale: {document.where(pointer)} is {_quoted(found)}, not {_quoted(was)}")
    elif not _put(parent.value, key, now):
        entry.problem("an item of a sequence can be replaced or appended, nothing else")
    else:
        _mark(document, pointer, now)
    return True


def _quoted(node: Node | None) -> str:
    """Return the value that a fix compares, or a description of it if it is long."""
    if node is None:
        return "absent"
    text = repr(node.value)
    return text if len(text) <= 80 else f"{spelled(node.value)} of {len(text)} characters"


def _put(parent: dict[str, Value] | list[Value], key: str, now: Node | None) -> bool:
    """Put a value in its place, or remove the one that is there; return False if that is impossible."""
    if isinstance(parent, dict):
        if now is None:
            del parent[key]
        else:
            parent[key] = copy.deepcopy(now.value)
        return True
    if now is None or not key.isdecimal() or int(key) > len(parent):
        return False
    parent[int(key) : int(key) + 1] = [copy.deepcopy(now.value)]
    return True


def _mark(document: Document, pointer: str, now: Node | None) -> None:
    """Mark the values of a fix with their lines in the fixes file."""
    for known in [p for p in document.marks if p == pointer or p.startswith(f"{pointer}/")]:
        del document.marks[known]
    for place, mark in now.document.marks.items() if now else ():
        if now and (place == now.pointer or place.startswith(f"{now.pointer}/")):
            document.marks[pointer + place.removeprefix(now.pointer)] = mark


def _same(a: Node | None, b: Node | None) -> bool:
    if a is None or b is None:
        return a is b
    return _equal(a.value, b.value)


def _equal(a: Value, b: Value) -> bool:
    """Return whether two values are equal; unlike in Python, 1 and true are not."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_equal, a, b))
    return type(a) is type(b) and a == b
