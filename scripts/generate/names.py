"""Stage 5: every public name, resolved at once for the whole document.

Names are pinned in `names.yaml`, so that a new description can't rename the API:

- `operations`: `METHOD /path` to `group.function`;
- `models`: the JSON pointer of a component or an inline object to a class name;
- `fields`: the JSON pointer of a property to an attribute name, and
  `METHOD /path place name` to an argument name, if the proposed one clashes.

A missing pin is an error that prints the proposal. A clash is an error that asks for a pin; names are never numbered.
"""

import builtins
import keyword
import re

from attrs import define, field, frozen

from scripts.generate.ir import Api, Operation, Parameter
from scripts.generate.load import Document, Node, steps

SHARED = "shared"  # the module of models that several groups use
# Words that the generated modules use themselves.
_TAKEN_CLASSES = {
    *("Any", "Client", "Literal", "NoneType", "Operation"),
    *("Sequence", "Timestamp", "TypeAlias", "UNSET", "UnsetType"),
}
_TAKEN_WORDS = {"bool", "bytes", "dict", "float", "int", "list", "str"}
_TAKEN_ATTRIBUTES = {*_TAKEN_WORDS, "self", "wire"}
_TAKEN_ARGUMENTS = {*_TAKEN_WORDS, "body", "builtins", "client"}
_VERBS = {"GET": "get", "HEAD": "has", "POST": "create", "PUT": "update", "PATCH": "change", "DELETE": "delete"}
# Steps of a pointer that don't describe the value.
_NOISE = {"components", "schemas", "responses", "requestBodies", "paths", "content", "schema", "properties", "allOf"}
_SECTIONS = ("operations", "models", "fields")


@frozen
class Names:
    """The resolved names."""

    operations: dict[str, tuple[str, str]]
    models: dict[str, str]
    fields: dict[str, str]
    arguments: dict[str, str]

    def group(self, operation_key: str) -> str:
        """Return the module of an operation."""
        return self.operations[operation_key][0]

    def argument(self, operation: Operation, parameter: Parameter) -> str:
        """Return the argument name of a parameter."""
        return self.arguments[_argument_key(operation, parameter)]


def resolve(api: Api, pins: Document, document: Document, *, propose: bool = False) -> Names:
    """Return the name of every operation, model, field and argument.

    Args:
        api: The IR.
        pins: The parsed `names.yaml`.
        document: The description, for the places in messages.
        propose: Accept the proposal for every operation and model without a pin.

    Raises:
        SpecError: A pin is missing, unused or not a name, or two names clash.

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

    def operations(self) -> dict[str, tuple[str, str]]:
        result: dict[str, tuple[str, str]] = {}
        taken: dict[str, str] = {}
        for operation in self.api.operations:
            key, place = operation.key, operation.pointer
            name = self._name("operations", key, place, _propose_operation(operation), required=True)
            group, _, function = name.partition(".")
            if not (_is_identifier(group) and _is_identifier(function)):
                self._reject("operations", key, place, f"{name!r} is not of the form group.function")
            if group == SHARED:
                self._reject("operations", key, place, f"the group {group!r} is reserved by the generator")
            self._claim(taken, "operations", key, place, name)
            result[key] = (group, function)
        return result

    def models(self) -> dict[str, str]:
        order = {pointer: n for n, pointer in enumerate(self.document.marks)}
        result: dict[str, str] = {}
        taken: dict[str, str] = {}
        for pointer in sorted([*self.api.models, *self.api.aliases], key=lambda p: order.get(p, len(order))):
            name = self._name("models", pointer, pointer, _propose_model(pointer), required=True)
            if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
                self._reject("models", pointer, pointer, f"{name!r} is not a class name")
            if _is_taken(name):
                self._reject("models", pointer, pointer, f"{name!r} is reserved by Python or the generator")
            self._claim(taken, "models", pointer, pointer, name)
            result[pointer] = name
        return result

    def fields(self) -> dict[str, str]:
        result: dict[str, str] = {}
        for model in self.api.models.values():
            taken: dict[str, str] = {}
            for f in model.fields:
                name = self._attribute(f.pointer, f.pointer, f.wire, _TAKEN_ATTRIBUTES)
                self._claim(taken, "fields", f.pointer, f.pointer, name)
                result[f.pointer] = name
        return result

    def arguments(self) -> dict[str, str]:
        result: dict[str, str] = {}
        for operation in self.api.operations:
            taken: dict[str, str] = {}
            for p in operation.parameters:
                key = _argument_key(operation, p)
                name = self._attribute(key, operation.pointer, p.wire, _TAKEN_ARGUMENTS)
                self._claim(taken, "fields", key, operation.pointer, name)
                result[key] = name
        return result

    def check_unused(self) -> None:
        for key, node in self.pins.root.mapping().items():
            if key not in _SECTIONS:
                node.problem(f"unknown section {key!r}; there are {', '.join(_SECTIONS)}")
        for section in _SECTIONS:
            for key, pin in self._section(section).items():
                if pin.pointer not in self._used:
                    known = section == "models" and self.document.resolve(key)
                    why = "no operation reaches" if known else "the description does not have"
                    pin.problem(f"pins {key}, which {why}")

    def _section(self, name: str) -> dict[str, Node]:
        node = self.pins.root.child(name)
        return node.mapping() if node and node.value is not None else {}

    def _name(self, section: str, key: str, place: str, proposal: str, *, required: bool) -> str:
        """Return the pinned name, or else the proposal; a missing pin is a problem if it is *required*."""
        pin = self._section(section).get(key)
        if pin:
            self._used.add(pin.pointer)
            return pin.string()
        if required and not self.propose:
            line = f"{_quoted(key)}: {proposal}"
            self.document.add_problem(place, f"no name is pinned; add to {section} in {self.pins.name}:  {line}")
        return proposal

    def _attribute(self, key: str, place: str, wire: str, taken: set[str]) -> str:
        proposal = snake(wire)
        if keyword.iskeyword(proposal) or proposal in taken:
            proposal += "_"
        name = self._name("fields", key, place, proposal, required=False)
        if not _is_identifier(name) or name in taken:
            self._reject("fields", key, place, f"{wire!r} can't become {name!r} in Python")
        return name

    def _claim(self, taken: dict[str, str], section: str, key: str, place: str, name: str) -> None:
        """Record the name of *key*; a name that is taken, in whatever case, is a problem."""
        if name.casefold() in taken:
            self._reject(section, key, place, f"{name!r} is already the name of {taken[name.casefold()]}")
        taken[name.casefold()] = key

    def _reject(self, section: str, key: str, place: str, message: str) -> None:
        """Record a problem with a name: at its pin if it has one, else at the place that needs a pin."""
        pin = self._section(section).get(key)
        if pin:
            pin.problem(message)
        else:
            asked = f"pin another in {section} of {self.pins.name}:  {_quoted(key)}: …"
            self.document.add_problem(place, f"{message}; {asked}")


def snake(wire: str) -> str:
    """Return a wire name as snake_case: `userName` is `user_name`, `Date Joined` is `date_joined`."""
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", wire)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", text)
    return re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_").lower()


def _pascal(text: str) -> str:
    """Return a name as PascalCase, with the capitals that it has."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^0-9A-Za-z]+", text))


def _propose_operation(operation: Operation) -> str:
    """Return a name from the method and the path: `GET /v2/orgs/{name}/groups` is `<tag>.list_groups`."""
    words = [part for part in operation.path.split("/") if part and not part.startswith("{")]
    noun = snake(words[-1]) if words else "root"
    one = operation.path.endswith("}") or operation.method == "POST"
    verb = _VERBS[operation.method] if one or operation.method != "GET" else "list"
    return f"{snake(operation.tag)}.{verb}_{noun.removesuffix('s') if one else noun}"


def _propose_model(pointer: str) -> str:
    """Return the name of a component in PascalCase; of an inline object its owner and the path to it."""
    kept = [s for s in steps(pointer) if s not in _NOISE and "/" not in s[1:] and not s.isdigit()]
    if pointer.startswith("#/paths/"):
        kept = [steps(pointer)[1], *(s for s in kept if s != steps(pointer)[1])]
    name = "".join(_pascal("item" if s in {"items", "additionalProperties"} else s) for s in kept)
    return f"{name}Model" if _is_taken(name) else name


def _argument_key(operation: Operation, parameter: Parameter) -> str:
    return f"{operation.key} {parameter.place} {parameter.wire}"


def _is_taken(name: str) -> bool:
    return name in _TAKEN_CLASSES or keyword.iskeyword(name) or hasattr(builtins, name)


def _is_identifier(name: str) -> bool:
    return re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None and not keyword.iskeyword(name)


def _quoted(key: str) -> str:
    return f'"{key}"' if key.startswith("#") else key
