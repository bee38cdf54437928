"""Stage 6a: how types and their origins are spelled in Python and in prose."""

from scripts.generate.ir import Enum, List, Map, Nullable, Prim, PrimKind, Ref, Type, is_component
from scripts.generate.load import steps

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
    """Spell a type. What is sent is closed and takes any sequence; what is received is open.

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


def known_values(kind: Type) -> str:
    """Say which values an open enum is known to have."""
    match kind:
        case Nullable(inner) | List(inner):
            return known_values(inner)
        case Enum(values):
            return f"Known values: {', '.join(values)}."
        case _:
            return ""


def origin(pointer: str) -> str:
    """Say where in the description a model without a word on it stands."""
    way = steps(pointer)
    owner = f"{way[2].upper()} {way[1]}" if way[0] == "paths" else way[2]
    part = [way[n + 1] for n, step in enumerate(way[:-1]) if step == "properties"]
    if not part:
        return f"The server's `{owner}`." if is_component(pointer) else f"What `{owner}` carries."
    return f"`{'.'.join(part)}` of the server's `{owner}`."
