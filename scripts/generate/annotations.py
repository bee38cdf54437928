"""Types as Python annotations."""

from scripts.generate.ir import Enum, List, Map, Nullable, Prim, PrimKind, Ref, Type

_PRIMITIVES: dict[PrimKind, str] = {
    "str": "str",
    "int": "int",
    "float": "float",
    "bool": "bool",
    "bytes": "bytes",
    "datetime": "Timestamp",
    "secret": "str",
    "any": "Any",
    "none": "None",
}


def annotation(kind: Type, models: dict[str, str], *, sent: bool, shadowed: frozenset[str] = frozenset()) -> str:
    """Return the annotation of a type. What is sent is closed and takes any sequence; what is received is open.

    Args:
        kind: The type.
        models: The class of each model, by pointer.
        sent: Whether it is an argument or part of a request.
        shadowed: Names that mean something else in the module, such as a function `list`.

    """

    def inner(kind: Type) -> str:
        return annotation(kind, models, sent=sent, shadowed=shadowed)

    def builtin(name: str) -> str:
        return f"builtins.{name}" if name in shadowed else name

    match kind:
        case Ref(pointer):
            return models[pointer]
        case Prim(name):
            return builtin(_PRIMITIVES[name])
        case List(item):
            return f"{'Sequence' if sent else builtin('list')}[{inner(item)}]"
        case Map(value):
            return f"{builtin('dict')}[{builtin('str')}, {inner(value)}]"
        case Enum(values):
            return f"Literal[{', '.join(map(repr, values))}]" if sent else builtin("str")
        case Nullable(of):
            return f"{inner(of)} | None"
