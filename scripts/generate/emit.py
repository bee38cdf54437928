"""Stage 5: text, one plain function per construct.

Text of the description reaches a module only through `repr` or through `docstring`. Every module is parsed again before
it leaves this stage, and may hold nothing but imports, classes, functions and assignments.
"""

import ast
import textwrap
from collections import defaultdict

from attrs import frozen

from scripts.generate.ir import (
    Api,
    Enum,
    Field,
    List,
    Map,
    Model,
    Nullable,
    Operation,
    Prim,
    PrimKind,
    Ref,
    Type,
    refs,
)
from scripts.generate.names import Names

_DOCUMENTATION = "https://docs.docker.com/reference/api/hub/latest/"
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
_ERRORS = {
    "400": "BadRequest",
    "401": "Unauthorized",
    "403": "Forbidden",
    "404": "NotFound",
    "409": "Conflict",
    "429": "RateLimited",
}
_WIDTH = 100
SHARED, ORPHANS = "shared", "orphans"


def emit(api: Api, names: Names, header: str) -> dict[str, str]:
    """Return every module of the generated package: relative path to text.

    Args:
        api: The IR.
        names: What everything is called.
        header: The comment that opens each module.

    """
    emitter = _Emitter(api, names)
    modules = {"__init__.py": docstring("Written by `python -m scripts.generate`; every edit here is lost.")}
    modules["models/__init__.py"] = emitter.models_index()
    modules["endpoints/__init__.py"] = docstring("One async function per operation, one module per group.")
    for name, pointers in emitter.model_modules().items():
        modules[f"models/{name}.py"] = emitter.model_module(name, pointers)
    groups: dict[str, list[Operation]] = defaultdict(list)
    for operation in api.operations:
        groups[names.group(operation.key)].append(operation)
    for group, operations in groups.items():
        modules[f"endpoints/{group}.py"] = emitter.endpoint_module(group, operations)
    result = {path: f"{header}\n{text}" for path, text in sorted(modules.items())}
    for path, text in result.items():
        _check(path, text)
    return result


@frozen
class _Emitter:
    api: Api
    names: Names

    # --- types

    def annotation(self, kind: Type, *, sent: bool, shadowed: frozenset[str] = frozenset()) -> str:
        """Spell a type. What is sent is closed and takes any sequence; what is received is open."""

        def inner(kind: Type) -> str:
            return self.annotation(kind, sent=sent, shadowed=shadowed)

        match kind:
            case Ref(pointer) if pointer in self.api.aliases:
                return inner(self.api.aliases[pointer].target)
            case Ref(pointer):
                return self.names.models[pointer]
            case Prim(name):
                return _PRIMITIVES[name]
            case List(item):
                return f"Sequence[{inner(item)}]" if sent else f"{_builtin('list', shadowed)}[{inner(item)}]"
            case Map(value):
                return f"{_builtin('dict', shadowed)}[str, {inner(value)}]"
            case Enum(values):
                return f"Literal[{', '.join(map(repr, values))}]" if sent else "str"
            case Nullable(of):
                return f"{inner(of)} | None"

    def values_doc(self, kind: Type) -> str:
        """Say which values an open enum is known to have."""
        match kind:
            case Nullable(of):
                return self.values_doc(of)
            case Enum(values):
                return f"Known values: {', '.join(values)}."
            case _:
                return ""

    # --- models

    def model_modules(self) -> dict[str, list[str]]:
        """Give each model its module: its group, `shared` by several, or `orphans` of none."""
        modules: dict[str, list[str]] = defaultdict(list)
        for pointer in self.names.models:
            modules[self.module_of(pointer)].append(pointer)
        return dict(modules)

    def module_of(self, pointer: str) -> str:
        owner = self.api.models.get(pointer) or self.api.aliases[pointer]
        groups = {self.names.group(key) for key in owner.operations}
        if len(groups) > 1:
            return SHARED
        return groups.pop() if groups else ORPHANS

    def models_index(self) -> str:
        modules: dict[str, list[str]] = defaultdict(list)
        for pointer, name in self.names.models.items():
            modules[f"hubapi._generated.models.{self.module_of(pointer)}"].append(name)
        ordered = {module: sorted(names) for module, names in sorted(modules.items())}
        imports = [f"    from {m} import {', '.join(f'{n} as {n}' for n in names)}" for m, names in ordered.items()]
        places = [f"        {m!r}: {' '.join(names)!r}," for m, names in ordered.items()]
        return (
            f"{docstring('Every model under its own name, imported when first asked for.')}\n"
            "from typing import TYPE_CHECKING\n\nfrom hubapi._core.lazy import attach\n\n"
            "if TYPE_CHECKING:\n" + "\n".join(imports) + "\n\n"
            "__getattr__, __dir__ = attach(\n    __name__,\n    {\n" + "\n".join(places) + "\n    },\n)\n"
        )

    def model_module(self, name: str, pointers: list[str]) -> str:
        models = [self.api.models[p] for p in pointers if p in self.api.models]
        aliases = [self.api.aliases[p] for p in pointers if p in self.api.aliases]
        body = "\n\n".join(self.model(model) for model in models)
        for alias in aliases:
            target = self.annotation(alias.target, sent=False)
            body += f"\n\n{self.names.models[alias.pointer]}: TypeAlias = {target}\n{docstring(alias.doc)}"
        mentioned = [p for m in models for f in m.fields for p in refs(f.type)]
        mentioned += [p for a in aliases for p in refs(a.target)]
        return f"{docstring(f'Models: {name}.')}\n{self.imports(name, mentioned, body)}\n\n{body}\n"

    def model(self, model: Model) -> str:
        fields = "\n".join(self.field(model, f) for f in model.fields)
        doc = textwrap.indent(docstring(model.doc or f"The server's {_origin(model.pointer)}."), "    ")
        return f"@define(kw_only=True)\nclass {self.names.models[model.pointer]}:\n{doc}\n{fields}\n"

    def field(self, model: Model, f: Field) -> str:
        sent = model.requests and not model.answers
        kind = self.annotation(f.type, sent=sent)
        name = self.names.fields[f.pointer]
        if sent and f.wire in model.required:
            default = ""
        elif sent:
            kind, default = f"{kind} | UnsetType", "UNSET"
        else:
            kind = kind if kind.endswith("| None") or kind == "Any" else f"{kind} | None"
            default = "None"
        special = [repr(f.wire)] if name != f.wire else []
        special += ["secret=True"] if _is_secret(f.type) else []
        if special:
            default = f"wire({', '.join([*special, *([f'default={default}'] if default else [])])})"
        doc = _sentences(f.doc, "" if sent else self.values_doc(f.type))
        text = f"    {name}: {kind}" + (f" = {default}" if default else "")
        return f"{text}\n{textwrap.indent(docstring(doc), '    ')}" if doc else text

    def imports(self, module: str, mentioned: list[str], body: str) -> str:
        """Return the import block of a module: just the words that its body uses."""
        words = set(_words(body))
        lines = ["from __future__ import annotations\n"]  # models mention each other in any order
        if "builtins" in words:
            lines.append("import builtins")
        typing = [w for w in ("Any", "Literal", "TypeAlias") if w in words]
        if "Sequence" in words:
            lines.append("from collections.abc import Sequence")
        if typing:
            lines.append(f"from typing import {', '.join(typing)}")
        lines.append("")
        if "define" in words:
            lines.append("from attrs import define\n")
        operation = [w for w in ("Client", "Operation") if w in words]
        if operation:
            lines.append(f"from hubapi._core.operation import {', '.join(operation)}")
        wire = [w for w in ("UNSET", "Timestamp", "UnsetType", "wire") if w in words]
        if wire:
            lines.append(f"from hubapi._core.wire import {', '.join(wire)}")
        places: dict[str, set[str]] = defaultdict(set)
        for pointer in mentioned:
            name = self.names.models[pointer]
            if self.module_of(pointer) != module and name in words:
                places[self.module_of(pointer)].add(name)
        lines += [f"from hubapi._generated.models.{m} import {', '.join(sorted(n))}" for m, n in sorted(places.items())]
        return "\n".join(lines)

    # --- endpoints

    def endpoint_module(self, group: str, operations: list[Operation]) -> str:
        functions = [self.names.operations[o.key][1] for o in operations]
        shadowed = frozenset(functions) & {"list", "dict"}
        body = "\n\n".join(self.endpoint(operation, shadowed) for operation in operations)
        mentioned = [
            p for o in operations for k in (o.result, *([o.body.type] if o.body else [])) for p in self.reached(k)
        ]
        title = docstring(f"Operations: {group}.")
        return f"{title}\n{self.imports('', mentioned, body)}\n\n{body}\n"

    def reached(self, kind: Type) -> list[str]:
        """Return the models a type mentions, aliases followed."""
        found = list[str]()
        for pointer in refs(kind):
            alias = self.api.aliases.get(pointer)
            found += self.reached(alias.target) if alias else [pointer]
        return found

    def endpoint(self, operation: Operation, shadowed: frozenset[str]) -> str:
        function = self.names.operations[operation.key][1]
        result = self.annotation(operation.result, sent=False, shadowed=shadowed)
        return (
            f"async def {function}({self.signature(operation, shadowed)}) -> {result}:\n"
            f"{textwrap.indent(docstring(self.endpoint_doc(operation)), '    ')}\n"
            f"    return await client.send({self.construction(operation, result)})\n"
        )

    def signature(self, operation: Operation, shadowed: frozenset[str]) -> str:
        positional = ["client: Client"]
        optional = list[str]()
        for p in operation.parameters:
            kind = self.annotation(p.type, sent=True, shadowed=shadowed)
            name = self.names.argument(operation, p)
            if p.place == "path":
                positional.append(f"{name}: {kind}")
            else:
                optional.append(f"{name}: {kind}" + ("" if p.required else " | UnsetType = UNSET"))
        if operation.body:
            kind = self.annotation(operation.body.type, sent=True, shadowed=shadowed)
            positional.append(f"body: {kind}" + ("" if operation.body.required else " | None = None"))
        return ", ".join([*positional, *(["*", *optional] if optional else [])])

    def construction(self, operation: Operation, result: str) -> str:
        arguments = [
            f"id={'.'.join(self.names.operations[operation.key])!r}",
            f"method={operation.method!r}",
            f"path={operation.path!r}",
        ]
        for place, argument in (("path", "path_values"), ("query", "query"), ("header", "headers")):
            chosen = [p for p in operation.parameters if p.place == place]
            if chosen:
                items = ", ".join(f"{p.wire!r}: {self.names.argument(operation, p)}" for p in chosen)
                arguments.append(f"{argument}={{{items}}}")
        if operation.body:
            arguments.append("body=body")
            if operation.body.media_type != "application/json":
                arguments.append(f"media_type={operation.body.media_type!r}")
        arguments.append(f"result={'type(None)' if result == 'None' else result}")
        if operation.auth != "bearer":
            arguments.append(f"auth={operation.auth!r}")
        return f"Operation({', '.join(arguments)},)"

    def endpoint_doc(self, operation: Operation) -> str:
        summary = operation.summary or operation.doc.partition("\n")[0] or operation.key
        parts = [summary.rstrip(".") + "."]
        if operation.deprecated:
            parts.append("Deprecated by the server.")
        if operation.doc and operation.doc.rstrip(".") != summary.rstrip("."):
            parts.append(operation.doc)
        arguments = self.arguments_doc(operation)
        if arguments:
            parts.append("Args:\n" + "\n".join(arguments))
        failures = [f"{_ERRORS[f.status]} ({f.status})" for f in operation.failures if f.status in _ERRORS]
        parts.append(
            (f"Errors: {', '.join(failures)}.\n" if failures else "") + f"Source: {_DOCUMENTATION}#{operation.anchor}"
        )
        return "\n\n".join(parts)

    def arguments_doc(self, operation: Operation) -> list[str]:
        """Describe the arguments of which there is something to say."""
        docs = [
            (self.names.argument(operation, p), " ".join(_sentences(p.doc, self.values_doc(p.type)).split()))
            for p in operation.parameters
        ]
        if operation.body:
            docs.append(("body", " ".join(operation.body.doc.split())))
        return [f"    {name}: {doc}" for name, doc in docs if doc]


def docstring(text: str) -> str:
    """Return *text* as a docstring literal that says just that, whatever it contains.

    Lines are wrapped; a list item keeps its own line.
    """
    if not text.strip():
        return ""
    lines = list[str]()
    for line in text.strip().splitlines():
        clean = "".join(c if c.isprintable() else " " for c in line.rstrip())
        indent = " " * (len(clean) - len(clean.lstrip()))
        hang = indent + ("    " if indent else "")
        fits = len(clean) <= _WIDTH or " " not in clean.strip().removeprefix("Source: ")
        wrapped = (
            [clean]
            if fits
            else textwrap.wrap(clean, _WIDTH, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)
        )
        lines += wrapped or [""]
    body = "\n".join(lines).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if body.endswith('"'):
        body = body[:-1] + '\\"'
    return f'"""{body}"""' if "\n" not in body else f'"""{body}\n"""'


def _sentences(*parts: str) -> str:
    """Join what is not empty, each ending as a sentence does."""
    return " ".join(p if p.endswith((".", ":", "!")) or p == parts[-1] else f"{p}." for p in parts if p)


def _origin(pointer: str) -> str:
    """Name a model's place in the description: `tag`, or `image, items of layers`."""
    parts = [p.replace("~1", "/").replace("~0", "~") for p in pointer.split("/")[1:]]
    return f"`{parts[2]}`" if parts[:2] == ["components", "schemas"] else f"`{'.'.join(parts[1:3])}`"


def _is_secret(kind: Type) -> bool:
    match kind:
        case Nullable(of):
            return _is_secret(of)
        case _:
            return kind == Prim("secret")


def _builtin(name: str, shadowed: frozenset[str]) -> str:
    return f"builtins.{name}" if name in shadowed else name


def _words(body: str) -> list[str]:
    return [node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)]


_ALLOWED = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.AsyncFunctionDef, ast.Assign, ast.AnnAssign)


def _check(path: str, text: str) -> None:
    """Refuse a module that does more than define things: nothing of a description may ever run."""
    for node in ast.parse(text, path).body:
        documentation = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        lazy = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        if not (isinstance(node, _ALLOWED) or documentation or lazy):
            raise AssertionError(f"{path}:{node.lineno}: a generated module may not hold a {type(node).__name__}")
