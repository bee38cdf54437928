"""Stage 4: every public name, gathered first and resolved once for the whole document.

Names are pinned in `names.yaml`, so that a new description can't rename the API:

- `operations`: `METHOD /path` to `group.function`;
- `models`: the JSON pointer of a component or an inline object to a class name;
- `fields`: the JSON pointer of a property to an attribute name, and
  `METHOD /path place name` to an argument name, where the proposed one clashes.

A missing pin is an error that prints the proposal. A clash is an error that asks for a pin; nothing is ever numbered.
"""

import builtins
import keyword
import re

from attrs import define, field, frozen

from scripts.generate.ir import Api, Field, Model, Operation, Parameter
from scripts.generate.load import Document, Node

# Words the generated modules use themselves.
_TAKEN_CLASSES = {"Any", "Client", "Literal", "Operation", "Sequence", "Timestamp", "UnsetType"}
_TAKEN_ATTRIBUTES = {"Any", "Timestamp", "UnsetType", "bool", "bytes", "dict", "float", "int", "list", "str"}
_TAKEN_ARGUMENTS = {"client", "body", *_TAKEN_ATTRIBUTES, "UNSET", "Client", "Operation"}
_VERBS = {
    "GET": "get",
    "HEAD": "has",
    "POST": "create",
    "PUT": "update",
    "PATCH": "change",
    "DELETE": "delete",
}
_SECTIONS = ("operations", "models", "fields")


@frozen
class Names:
    """The resolved names."""

    operations: dict[str, tuple[str, str]]
    models: dict[str, str]
    fields: dict[str, str]
    arguments: dict[tuple[str, str, str], str]

    def group(self, operation_key: str) -> str:
        """Return the module an operation belongs to."""
        return self.operations[operation_key][0]

    def argument(self, operation: Operation, parameter: Parameter) -> str:
        """Return the argument that stands for a parameter."""
        return self.arguments[operation.key, parameter.place, parameter.wire]


def resolve(api: Api, pins: Document, document: Document, *, propose: bool = False) -> Names:
    """Give everything its name.

    Args:
        api: What is to be named.
        pins: The parsed `names.yaml`.
        document: The description, for the places that messages name.
        propose: Accept the proposal for every operation and model without a pin.

    Raises:
        SpecError: a pin is missing, unused or no name, or two names clash.

    """
    resolving = _Resolving(api, pins, document, propose)
    names = Names(resolving.operations(), resolving.models(), resolving.fields(), resolving.arguments())
    resolving.check_unused()
    document.problems += pins.problems
    document.raise_problems()
    return names


@define
class _Resolving:
    api: Api
    pins: Document
    document: Document
    propose: bool
    _used: set[str] = field(factory=set[str])

    def _section(self, name: str) -> dict[str, Node]:
        node = self.pins.root.child(name)
        return node.mapping() if node and node.value is not None else {}

    def _pin(self, section: str, key: str) -> Node | None:
        pin = self._section(section).get(key)
        if pin:
            self._used.add(pin.pointer)
        return pin

    def _pinned(self, section: str, key: str, pointer: str, proposal: str) -> str:
        pin = self._pin(section, key)
        if pin:
            return pin.string()
        if not self.propose:
            self.document.add_problem(
                pointer,
                f"no name is pinned; add to {section} in {self.pins.name}:  {_quoted(key)}: {proposal}",
            )
        return proposal

    def _reject(self, section: str, key: str, pointer: str, message: str) -> None:
        """Blame a bad name on its pin, where there is one."""
        pin = self._pin(section, key)
        if pin:
            pin.problem(message)
        else:
            self.document.add_problem(pointer, f"{message}; pin another in {section} of {self.pins.name}")

    def operations(self) -> dict[str, tuple[str, str]]:
        result: dict[str, tuple[str, str]] = {}
        taken: dict[str, str] = {}
        for operation in self.api.operations:
            key = operation.key
            name = self._pinned("operations", key, operation.pointer, _propose_operation(operation))
            group, _, function = name.partition(".")
            if not all(_is_snake(part) and not keyword.iskeyword(part) for part in (group, function)):
                self._reject("operations", key, operation.pointer, f"{name!r} is not of the form group.function")
            if name.casefold() in taken:
                message = f"{name!r} already names {taken[name.casefold()]}"
                self._reject("operations", key, operation.pointer, message)
            taken[name.casefold()] = key
            result[key] = (group, function)
        return result

    def models(self) -> dict[str, str]:
        pointers = [*self.api.models, *self.api.aliases]
        order = {pointer: n for n, pointer in enumerate(self.document.marks)}
        result: dict[str, str] = {}
        taken: dict[str, str] = {}
        for pointer in sorted(pointers, key=lambda p: order.get(p, len(order))):
            name = self._pinned("models", pointer, pointer, _propose_model(pointer))
            if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
                self._reject("models", pointer, pointer, f"{name!r} is no class name")
            if _is_taken(name):
                self._reject("models", pointer, pointer, f"{name!r} is Python's or the generator's own")
            if name.casefold() in taken:
                self._reject("models", pointer, pointer, f"{name!r} clashes with the name of {taken[name.casefold()]}")
            taken[name.casefold()] = pointer
            result[pointer] = name
        return result

    def fields(self) -> dict[str, str]:
        return {
            f.pointer: name
            for model in self.api.models.values()
            for f, name in zip(model.fields, self._fields_of(model), strict=True)
        }

    def _fields_of(self, model: Model) -> list[str]:
        taken: dict[str, Field] = {}
        for f in model.fields:
            name = self._attribute("fields", f.pointer, f.pointer, f.wire, _TAKEN_ATTRIBUTES)
            if name in taken:
                message = f"{f.wire!r} and {taken[name].wire!r} would both be the attribute {name!r}"
                self._reject("fields", f.pointer, f.pointer, message)
            taken[name] = f
        return list(taken) if len(taken) == len(model.fields) else [f.wire for f in model.fields]

    def arguments(self) -> dict[tuple[str, str, str], str]:
        result: dict[tuple[str, str, str], str] = {}
        for operation in self.api.operations:
            taken: dict[str, Parameter] = {}
            for p in operation.parameters:
                key = f"{operation.key} {p.place} {p.wire}"
                name = self._attribute("fields", key, operation.pointer, p.wire, _TAKEN_ARGUMENTS)
                if name in taken:
                    other = taken[name]
                    message = f"{p.place} {p.wire!r} and {other.place} {other.wire!r} would both be {name!r}"
                    self._reject("fields", key, operation.pointer, f"{message} ({key})")
                taken[name] = p
                result[operation.key, p.place, p.wire] = name
        return result

    def _attribute(self, section: str, key: str, pointer: str, wire: str, taken: set[str]) -> str:
        pin = self._pin(section, key)
        name = pin.string() if pin else snake(wire)
        if not pin and (keyword.iskeyword(name) or name in taken):
            name += "_"
        if not _is_snake(name) or keyword.iskeyword(name):
            self._reject(section, key, pointer, f"{wire!r} gives no attribute name ({key})")
        return name

    def check_unused(self) -> None:
        for key, node in self.pins.root.mapping().items():
            if key not in _SECTIONS:
                node.problem(f"unknown section {key!r}; there are {', '.join(_SECTIONS)}")
        for section in _SECTIONS:
            for key, pin in self._section(section).items():
                if pin.pointer not in self._used:
                    pin.problem(f"pins {key}, which the description does not have")


def snake(wire: str) -> str:
    """Return a wire name as snake_case: `userName` is `user_name`, `Date Joined` is `date_joined`."""
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", wire)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", text)
    return re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_").lower()


def pascal(text: str) -> str:
    """Return a name as PascalCase, keeping the capitals it has."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^0-9A-Za-z]+", text))


def _propose_operation(operation: Operation) -> str:
    """Say what a path and a method suggest: `GET /v2/orgs/{name}/groups` is `<tag>.list_groups`."""
    words = [part for part in operation.path.split("/") if part and not part.startswith("{")]
    noun = snake(words[-1]) if words else "root"
    one = operation.path.endswith("}") or operation.method == "POST"
    verb = _VERBS[operation.method] if one or operation.method != "GET" else "list"
    return f"{snake(operation.tag)}.{verb}_{noun.removesuffix('s') if one else noun}"


def _propose_model(pointer: str) -> str:
    """Name a component after itself, an inline object after its owner and the way to it."""
    steps = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    noise = {
        "components",
        "schemas",
        "responses",
        "requestBodies",
        "paths",
        "content",
        "schema",
        "properties",
        "allOf",
    }
    kept = [s for s in steps if s not in noise and "/" not in s[1:] and not s.isdigit()]
    if steps[0] == "paths":
        kept = [steps[1], *[s for s in kept if s != steps[1]]]
    name = "".join(pascal("item" if s in {"items", "additionalProperties"} else s) for s in kept)
    return f"{name}Model" if _is_taken(name) else name


def _is_taken(name: str) -> bool:
    return name in _TAKEN_CLASSES or keyword.iskeyword(name) or hasattr(builtins, name)


def _is_snake(name: str) -> bool:
    return re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None


def _quoted(key: str) -> str:
    return f'"{key}"' if key.startswith("#") else key
