"""Stage 1: strict YAML into plain values, remembering on which line each stands.

Strict means: keys are strings (`200:` reads as `"200"`), timestamps stay the strings they were written as, duplicate
keys, anchors and tags are refused, and only `true`, `false` and `null` are words with a meaning of their own.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias, cast

import yaml
from attrs import define, field, frozen

Value: TypeAlias = "None | bool | int | float | str | list[Value] | dict[str, Value]"

_INT = re.compile(r"[-+]?(0|[1-9]\d*)")
_FLOAT = re.compile(r"[-+]?\d+(\.\d+([eE][-+]?\d+)?|[eE][-+]?\d+)")
_WORDS: dict[str, Value] = {"": None, "~": None, "null": None, "true": True, "false": False}


class SpecError(Exception):
    """What was asked for can't be done; `problems` are located messages, one a line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@frozen
class Mark:
    """A place in a file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@define
class Document:
    """A parsed file: its value, and the mark of every JSON pointer into it."""

    name: str
    value: Value
    marks: dict[str, Mark]
    problems: list[str] = field(factory=list[str])

    def where(self, pointer: str) -> str:
        """Name the place *pointer* stands at, or its nearest ancestor that was written down."""
        known = pointer
        while known not in self.marks and "/" in known:
            known = known.rpartition("/")[0]
        return f"{self.marks[known]} {pointer}"

    def add_problem(self, pointer: str, message: str) -> None:
        """Note that something is wrong at *pointer*; all problems are reported together."""
        line = f"{self.where(pointer)}: {message}"
        if line not in self.problems:
            self.problems.append(line)

    def raise_problems(self) -> None:
        """Raise what was noted so far, if anything."""
        if self.problems:
            raise SpecError(self.problems)

    @property
    def root(self) -> "Node":
        """The whole document as a node."""
        return Node(self, "#", self.value)

    def resolve(self, pointer: str) -> "Node | None":
        """Return the node at *pointer* (`#/a/b`), or None where it leads nowhere."""
        node: Node | None = self.root
        for part in pointer.split("/")[1:]:
            if node is None:
                return None
            node = node.child(part.replace("~1", "/").replace("~0", "~"))
        return node


@frozen
class Node:
    """A value of a document and where it stands: what stages read, so that every refusal has a place."""

    document: Document
    pointer: str
    value: Value

    def problem(self, message: str) -> None:
        """Note that something is wrong here."""
        self.document.add_problem(self.pointer, message)

    def mapping(self) -> "dict[str, Node]":
        """Return the members of a mapping; anything else is a problem and reads as empty."""
        if not isinstance(self.value, dict):
            self.problem(f"expected a mapping, found {_kind(self.value)}")
            return {}
        return {key: Node(self.document, child_pointer(self.pointer, key), v) for key, v in self.value.items()}

    def sequence(self) -> "list[Node]":
        """Return the items of a sequence; anything else is a problem and reads as empty."""
        if not isinstance(self.value, list):
            self.problem(f"expected a sequence, found {_kind(self.value)}")
            return []
        return [Node(self.document, child_pointer(self.pointer, n), v) for n, v in enumerate(self.value)]

    def string(self) -> str:
        """Return a string; anything else is a problem and reads as empty."""
        if not isinstance(self.value, str):
            self.problem(f"expected a string, found {_kind(self.value)}")
            return ""
        return self.value

    def boolean(self) -> bool:
        """Return a boolean; anything else is a problem and reads as false."""
        if not isinstance(self.value, bool):
            self.problem(f"expected true or false, found {_kind(self.value)}")
            return False
        return self.value

    def child(self, key: str) -> "Node | None":
        """Return the member or item named *key*, or None; never a problem."""
        if isinstance(self.value, dict) and key in self.value:
            return Node(self.document, child_pointer(self.pointer, key), self.value[key])
        if isinstance(self.value, list) and re.fullmatch(r"0|[1-9]\d*", key) and int(key) < len(self.value):
            return Node(self.document, child_pointer(self.pointer, key), self.value[int(key)])
        return None

    def text(self, key: str) -> str:
        """Return the string member *key*, or an empty one where it is absent."""
        node = self.child(key)
        return node.string().strip() if node else ""

    def walk(self) -> "Iterator[Node]":
        """Yield this node and every one below it."""
        yield self
        if isinstance(self.value, dict):
            for child in self.mapping().values():
                yield from child.walk()
        elif isinstance(self.value, list):
            for child in self.sequence():
                yield from child.walk()


def child_pointer(pointer: str, key: str | int) -> str:
    """Return the JSON pointer of a member (RFC 6901)."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def load(path: Path) -> Document:
    """Read one strict YAML file.

    Raises:
        SpecError: the file can't be read, isn't YAML, or uses what strict YAML refuses.

    """
    name = path.name
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError([f"{path}: can't be read: {error}"]) from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise SpecError([f"{name}:{line} #: not YAML: {getattr(error, 'problem', None) or error}"]) from None
    document = Document(name, None, {"#": Mark(name, 1)})
    if root is None:
        document.add_problem("#", "the file is empty")
    else:
        document.value = _Construct(document).value(root, "#")
    document.raise_problems()
    return document


@frozen
class _Construct:
    """Turns composed YAML nodes into values, noting marks and problems."""

    document: Document
    seen: set[int] = field(factory=set[int])

    def value(self, node: yaml.Node, pointer: str) -> Value:
        self.document.marks.setdefault(pointer, Mark(self.document.name, node.start_mark.line + 1))
        if id(node) in self.seen:
            self.document.add_problem(pointer, "anchors and aliases are not allowed")
            return None
        self.seen.add(id(node))
        if not node.tag.startswith("tag:yaml.org,2002:"):
            self.document.add_problem(pointer, f"the tag {node.tag!r} is not allowed")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, pointer)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, child_pointer(pointer, n)) for n, item in enumerate(node.value)]
        return _scalar(cast("yaml.ScalarNode", node))

    def _mapping(self, node: yaml.MappingNode, pointer: str) -> Value:
        result: dict[str, Value] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.document.add_problem(pointer, "a key must be a plain word or a string")
                continue
            key = key_node.value
            child = child_pointer(pointer, key)
            # A key is marked where the key stands; its value may begin lines below.
            mark = Mark(self.document.name, key_node.start_mark.line + 1)
            if key in result:
                first = self.document.marks[child]
                self.document.add_problem(
                    pointer, f"the key {key!r} stands twice, on lines {first.line} and {mark.line}"
                )
                continue
            self.document.marks[child] = mark
            result[key] = self.value(value_node, child)
        return result


def _scalar(node: yaml.ScalarNode) -> Value:
    text = str(node.value)
    if node.style is not None:  # quoted, or a block
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _kind(value: Value) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case dict():
            return "a mapping"
        case list():
            return "a sequence"
        case _:
            return repr(value)
