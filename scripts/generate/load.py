"""Stage 1: strict YAML to plain values, with the line of each.

Strict means: keys are strings (`200:` reads as `"200"`), timestamps stay strings as written, duplicate keys, anchors,
aliases and tags are errors, and only `true`, `false` and `null` are special words.
"""

import re
from pathlib import Path
from typing import Any, TypeAlias, cast

import yaml
from attrs import define, field, frozen

Value: TypeAlias = "None | bool | int | float | str | list[Value] | dict[str, Value]"

_INT = re.compile(r"[-+]?(0|[1-9]\d*)")
_FLOAT = re.compile(r"[-+]?\d+(\.\d+([eE][-+]?\d+)?|[eE][-+]?\d+)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS: dict[str, Value] = {"": None, "~": None, "null": None, "true": True, "false": False}


class SpecError(Exception):
    """The input can't be used; `problems` are messages with a place, one a line."""

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
        """Return the file, line and pointer of a value, or of its nearest ancestor that the file has."""
        known = pointer
        while known not in self.marks and "/" in known:
            known = known.rpartition("/")[0]
        return f"{self.marks[known]} {pointer}"

    def add_problem(self, pointer: str, message: str) -> None:
        """Record a problem at *pointer*; all problems are reported together."""
        line = f"{self.where(pointer)}: {message}"
        if line not in self.problems:
            self.problems.append(line)

    def raise_problems(self) -> None:
        """Raise the problems recorded so far, if there are any."""
        if self.problems:
            raise SpecError(self.problems)

    @property
    def root(self) -> "Node":
        """The whole document as a node."""
        return Node(self, "#", self.value)

    def resolve(self, pointer: str) -> "Node | None":
        """Return the node at *pointer* (`#/a/b`), or None if there is none."""
        node: Node | None = self.root
        for step in steps(pointer):
            node = node.child(step) if node else None
        return node


@frozen
class Node:
    """A value of a document with its pointer, so that every message can name its place."""

    document: Document
    pointer: str
    value: Value

    def problem(self, message: str) -> None:
        """Record a problem with this value."""
        self.document.add_problem(self.pointer, message)

    def mapping(self) -> "dict[str, Node]":
        """Return the members of a mapping; any other value is a problem and reads as empty."""
        if not isinstance(self.value, dict):
            self.problem(f"expected a mapping, found {spelled(self.value)}")
            return {}
        return {key: Node(self.document, child_pointer(self.pointer, key), v) for key, v in self.value.items()}

    def sequence(self) -> "list[Node]":
        """Return the items of a sequence; any other value is a problem and reads as empty."""
        if not isinstance(self.value, list):
            self.problem(f"expected a sequence, found {spelled(self.value)}")
            return []
        return [Node(self.document, child_pointer(self.pointer, n), v) for n, v in enumerate(self.value)]

    def string(self) -> str:
        """Return a string; any other value is a problem and reads as empty."""
        if not isinstance(self.value, str):
            self.problem(f"expected a string, found {spelled(self.value)}")
            return ""
        return self.value

    def boolean(self) -> bool:
        """Return a boolean; any other value is a problem and reads as false."""
        if not isinstance(self.value, bool):
            self.problem(f"expected true or false, found {spelled(self.value)}")
            return False
        return self.value

    def child(self, key: str) -> "Node | None":
        """Return the member or item named *key*, or None; never a problem."""
        value = self.value
        if isinstance(value, dict) and key in value:
            return Node(self.document, child_pointer(self.pointer, key), value[key])
        if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            return Node(self.document, child_pointer(self.pointer, key), value[int(key)])
        return None

    def members(self, key: str) -> "dict[str, Node]":
        """Return the members of the mapping *key*, none if it is absent."""
        node = self.child(key)
        return node.mapping() if node else {}

    def items(self, key: str) -> "list[Node]":
        """Return the items of the sequence *key*, none if it is absent."""
        node = self.child(key)
        return node.sequence() if node else []

    def flag(self, key: str) -> bool:
        """Return the boolean member *key*, or false if it is absent."""
        node = self.child(key)
        return node.boolean() if node else False

    def without(self, *keys: str) -> "Node":
        """Return this mapping as if it did not have *keys*."""
        kept = {key: child.value for key, child in self.mapping().items() if key not in keys}
        return Node(self.document, self.pointer, kept)

    def text(self, key: str) -> str:
        """Return the string member *key*, or an empty one if it is absent."""
        node = self.child(key)
        return node.string().strip() if node else ""


def child_pointer(pointer: str, key: str | int) -> str:
    """Return the JSON pointer of a member (RFC 6901)."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def steps(pointer: str) -> list[str]:
    """Return the unescaped steps of a JSON pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def load(path: Path) -> Document:
    """Read one strict YAML file.

    Raises:
        SpecError: The file can't be read, isn't YAML, or isn't strict YAML.

    """
    name = path.name
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError([f"{path}: can't be read: {error}"]) from None
    try:
        root = yaml.compose(text, Loader=_StrictLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SpecError([f"{name}:{line} #: can't be read as YAML: {error.reason}"]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SpecError([f"{name}:{line} #: can't be read as YAML: {error.problem}"]) from None
    document = Document(name, None, {"#": Mark(name, 1)})
    if root is None:
        document.add_problem("#", "the file is empty")
    else:
        document.value = _construct(document, root, "#")
    document.raise_problems()
    return document


class _StrictLoader(yaml.SafeLoader):
    """Rejects anchors, aliases and tags: a text must mean what it reads as."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = cast("Any", self).peek_event()
        for refused in ("anchor", "tag"):
            value = getattr(event, refused, None)
            if value:
                kind = "alias" if isinstance(event, yaml.AliasEvent) else refused
                mark: Any = event.start_mark
                raise yaml.MarkedYAMLError(problem=f"the {kind} {value!r} is not allowed", problem_mark=mark)
        return super().compose_node(parent, index)


def _construct(document: Document, node: yaml.Node, pointer: str) -> Value:
    """Turn a composed node into a value, and record marks and problems."""
    document.marks.setdefault(pointer, Mark(document.name, node.start_mark.line + 1))
    if isinstance(node, yaml.SequenceNode):
        return [_construct(document, item, child_pointer(pointer, n)) for n, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        if _SURROGATE.search(str(node.value)):
            document.add_problem(pointer, "half a surrogate pair is not a character; write the character itself")
        return _scalar(cast("yaml.ScalarNode", node))
    result: dict[str, Value] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            document.add_problem(pointer, "a key must be a plain word or a string")
            continue
        key = str(key_node.value)
        child = child_pointer(pointer, key)
        # The mark is the line of the key; the value may begin lines below.
        mark = Mark(document.name, key_node.start_mark.line + 1)
        if key in result:
            first = document.marks[child]
            document.add_problem(pointer, f"the key {key!r} is there twice, on lines {first.line} and {mark.line}")
            continue
        document.marks[child] = mark
        result[key] = _construct(document, value_node, child)
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


def spelled(value: Value) -> str:
    """Return a short description of a value."""
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
