"""The intermediate representation: a description without OpenAPI's own terms.

Types are values that can be compared. A model is identified by the JSON pointer that defines it.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

from attrs import field, frozen

Auth: TypeAlias = Literal["none", "optional", "bearer", "scim"]
Place: TypeAlias = Literal["path", "query", "header"]
PrimKind: TypeAlias = Literal["str", "int", "float", "bool", "bytes", "datetime", "secret", "any", "none"]


@frozen
class Ref:
    """A component or an inline model, by its pointer."""

    pointer: str


@frozen
class Prim:
    """A plain value."""

    kind: PrimKind


@frozen
class List:
    """A list of one type."""

    item: "Type"


@frozen
class Map:
    """A mapping of strings to one type."""

    value: "Type"


@frozen
class Enum:
    """Strings that the description lists; in a response the list is open."""

    values: tuple[str, ...]


@frozen
class Nullable:
    """A type, or null."""

    of: "Type"


Type: TypeAlias = Ref | Prim | List | Map | Enum | Nullable

ANY = Prim("any")
NONE = Prim("none")


@frozen
class Field:
    """One property of a model."""

    pointer: str = field(eq=False)
    wire: str
    type: Type
    doc: str = field(default="", eq=False)


@frozen
class Model:
    """An object with known properties.

    Attributes:
        requests: Whether requests contain it.
        responses: Whether responses contain it.
        operations: The keys of the operations that use it.
    """

    pointer: str
    fields: tuple[Field, ...]
    required: frozenset[str]
    doc: str
    requests: bool = False
    responses: bool = False
    operations: frozenset[str] = frozenset()

    @property
    def component(self) -> bool:
        """Whether it has a name of its own in the description."""
        return is_component(self.pointer)


@frozen
class Alias:
    """A component that is another name of a type."""

    pointer: str
    target: Type
    doc: str = ""
    operations: frozenset[str] = frozenset()


@frozen
class Parameter:
    """One argument of an operation."""

    wire: str
    place: Place
    type: Type
    required: bool
    doc: str = ""


@frozen
class Body:
    """The request body of an operation."""

    media_type: str
    type: Type
    required: bool
    doc: str = ""


@frozen
class Operation:
    """One method of one path."""

    method: str
    path: str
    pointer: str
    tag: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    result: Type
    failures: tuple[str, ...]
    """The statuses of its error responses."""
    errors: dict[str, Type]
    """The types of those error responses that have a model, by status."""
    auth: Auth
    deprecated: bool
    repeatable: bool
    summary: str
    doc: str
    anchor: str

    @property
    def key(self) -> str:
        """Its key in names.yaml."""
        return f"{self.method} {self.path}"


@frozen
class Api:
    """The whole description."""

    operations: tuple[Operation, ...]
    models: dict[str, Model]
    aliases: dict[str, Alias]


def is_component(pointer: str) -> bool:
    """Return whether a schema is an entry of `components/schemas` rather than part of something else."""
    return pointer.startswith("#/components/schemas/") and pointer.count("/") == 3


def refs(kind: Type) -> list[str]:
    """Return the pointers that a type mentions."""
    match kind:
        case Ref(pointer):
            return [pointer]
        case List(inner) | Map(inner) | Nullable(inner):
            return refs(inner)
        case _:
            return []


def rewrite(kind: Type, new: Callable[[str], Type]) -> Type:
    """Return the type with each pointer replaced by the result of *new*."""
    match kind:
        case Ref(pointer):
            return new(pointer)
        case List(inner):
            return List(rewrite(inner, new))
        case Map(inner):
            return Map(rewrite(inner, new))
        case Nullable(inner):
            return Nullable(rewrite(inner, new))
        case _:
            return kind


def resolved(kind: Type, aliases: dict[str, Alias]) -> Type:
    """Return the type with every alias replaced by its target."""
    return rewrite(kind, lambda p: resolved(aliases[p].target, aliases) if p in aliases else Ref(p))
