"""Stage 2: apply the corrections of `fixes.yaml`, each with its reason.

An entry is `{at, was, now, why}`: a JSON pointer, what the description says there, what it should say, and the
evidence. Without `was` the place must not exist yet; without `now` it is taken away. An entry is

- applied, where the description says `was`;
- obsolete, where it already says `now` (so one file serves an older and a newer description);
- stale, where it says neither: an error.
"""

import copy

from attrs import frozen

from scripts.generate.load import Document, Mark, Node, Value

_KEYS = {"at", "was", "now", "why"}


@frozen
class Patched:
    """The corrected description, and the pointers of the fixes it no longer needs."""

    document: Document
    obsolete: list[str]


def patch(document: Document, fixes: Document) -> Patched:
    """Apply every fix to a copy of *document*.

    Raises:
        SpecError: an entry is malformed or stale; all such entries are named.

    """
    corrected = Document(document.name, copy.deepcopy(document.value), dict(document.marks))
    obsolete: list[str] = []
    for entry in fixes.root.sequence():
        if _well_formed(entry) and not _apply(corrected, entry):
            obsolete.append(f"{fixes.where(entry.pointer)}: obsolete, {entry.text('at')} already reads so")
    fixes.raise_problems()
    return Patched(corrected, obsolete)


def _well_formed(entry: Node) -> bool:
    before = len(entry.document.problems)
    members = entry.mapping()
    for key in members.keys() - _KEYS:
        members[key].problem(f"unknown key {key!r}; an entry has {', '.join(sorted(_KEYS))}")
    if not entry.text("why"):
        entry.problem("says no `why`: name the evidence")
    if "was" not in members and "now" not in members:
        entry.problem("has neither `was` nor `now`")
    if not entry.text("at").startswith("#/"):
        entry.problem("`at` must be a JSON pointer such as #/components/schemas/tag")
    return len(entry.document.problems) == before


def _apply(document: Document, entry: Node) -> bool:
    """Apply one entry; False means obsolete."""
    pointer = entry.text("at")
    parent_pointer, _, last = pointer.rpartition("/")
    key = last.replace("~1", "/").replace("~0", "~")
    parent = document.resolve(parent_pointer)
    if parent is None or not isinstance(parent.value, dict | list):
        entry.problem(f"stale: {document.name} has no {parent_pointer}")
        return True
    found, was, now = parent.child(key), entry.child("was"), entry.child("now")
    if _same(found, now):
        return False
    if not _same(found, was):
        said = f"says {found.value!r} (line {document.marks[pointer].line})" if found else "has nothing"
        entry.problem(f"stale: {document.name} {said} at {pointer}, not {was.value if was else 'nothing'!r}")
        return True
    _put(parent, key, now, found)
    for known in [p for p in document.marks if p == pointer or p.startswith(pointer + "/")]:
        del document.marks[known]
    if now is not None:
        _mark(document, pointer, now)
    return True


def _put(parent: Node, key: str, now: Node | None, found: Node | None) -> None:
    if isinstance(parent.value, dict):
        if now is None:
            del parent.value[key]
        else:
            parent.value[key] = copy.deepcopy(now.value)
    elif isinstance(parent.value, list) and found is not None and now is not None:
        parent.value[int(key)] = copy.deepcopy(now.value)
    elif isinstance(parent.value, list) and now is not None and key == str(len(parent.value)):
        parent.value.append(copy.deepcopy(now.value))
    else:
        parent.problem(f"a fix can replace or append to a sequence, not do this at {key!r}")
        parent.document.raise_problems()


def _mark(document: Document, pointer: str, now: Node) -> None:
    """Let messages about what a fix brought in name the fixes file."""
    prefix = now.pointer
    for node in now.walk():
        mark = now.document.marks[node.pointer]
        document.marks[pointer + node.pointer.removeprefix(prefix)] = Mark(mark.file, mark.line)


def _same(a: Node | None, b: Node | None) -> bool:
    if a is None or b is None:
        return a is b
    return _equal(a.value, b.value)


def _equal(a: Value, b: Value) -> bool:
    """Equality that tells 1 from true, as YAML does."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_equal, a, b))
    return type(a) is type(b) and a == b
