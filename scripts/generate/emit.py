"""Stage 6: text, one plain function per construct.

Text of the description reaches a module only through `repr` or through `docstrings.docstring`. Every module is parsed
again before it leaves this stage, and may hold nothing but imports, classes, functions and assignments. Which of its
imports a module needs is left to ruff, which takes the others away.
"""

import ast
import textwrap
from collections import defaultdict

from attrs import frozen

from scripts.generate.annotations import annotation, known_values, origin
from scripts.generate.docstrings import docstring, prose, sentences
from scripts.generate.ir import Alias, Api, Field, Model, Nullable, Operation, Parameter, Prim, Type, refs
from scripts.generate.names import SHARED, Names

_DOCUMENTATION = "https://docs.docker.com/reference/api/hub/latest/"
_ERRORS = {
    "400": "BadRequest",
    "401": "Unauthorized",
    "403": "Forbidden",
    "404": "NotFound",
    "409": "Conflict",
    "429": "RateLimited",
    "500": "ServerError",
}
_IMPORTS = """\
from __future__ import annotations
import builtins
from collections.abc import Sequence
from types import NoneType
from typing import Any, Literal, TypeAlias
from attrs import define
from hubapi._operation import Client, Operation
from hubapi._codec.wire import UNSET, Timestamp, UnsetType, wire
"""
_INDEX = """
from typing import TYPE_CHECKING
from hubapi._lazy import attach

if TYPE_CHECKING:
{imports}

__getattr__, __dir__ = attach(
    __name__,
    {{
{places}
    }},
)
"""


def emit(api: Api, names: Names, header: str) -> dict[str, str]:
    """Return every module of the generated package: relative path to text.

    Args:
        api: The IR.
        names: What everything is called.
        header: The comment that opens each module.

    """
    emitter = _Emitter(api, names)
    modules = {
        "__init__.py": docstring("Written by `python -m scripts.generate`; every edit here is lost."),
        "models/__init__.py": emitter.models_index(),
        "endpoints/__init__.py": docstring("One async function per operation, one module per group."),
    }
    for module, pointers in emitter.model_modules().items():
        modules[f"models/{module}.py"] = emitter.model_module(module, pointers)
    groups: dict[str, list[Operation]] = defaultdict(list)
    for operation in api.operations:
        groups[names.group(operation.key)].append(operation)
    for group, operations in groups.items():
        modules[f"endpoints/{group}.py"] = emitter.endpoint_module(group, operations)
    result = {path: f"{header}\n{text}\n" for path, text in sorted(modules.items())}
    for path, text in result.items():
        _check(path, text)
    return result


@frozen
class _Emitter:
    api: Api
    names: Names

    def annotation(self, kind: Type, *, sent: bool, shadowed: frozenset[str] = frozenset()) -> str:
        return annotation(kind, self.names.models, sent=sent, shadowed=shadowed)

    # --- models

    def model_modules(self) -> dict[str, list[str]]:
        """Return the models of each module: that of the group that uses them, or `shared` if several do."""
        modules: dict[str, list[str]] = defaultdict(list)
        for pointer in self.names.models:
            modules[self.module_of(pointer)].append(pointer)
        return dict(sorted(modules.items()))

    def module_of(self, pointer: str) -> str:
        owner = self.api.models.get(pointer) or self.api.aliases[pointer]
        groups = {self.names.group(key) for key in owner.operations}
        return SHARED if len(groups) > 1 else groups.pop()

    def models_index(self) -> str:
        modules = {m: sorted(self.names.models[p] for p in ps) for m, ps in self.model_modules().items()}
        if not modules:
            return docstring("There are no models.")
        return docstring("Every model under its own name, imported when first asked for.") + _INDEX.format(
            imports="\n".join(
                f"    from .{m} import {', '.join(f'{n} as {n}' for n in ns)}" for m, ns in modules.items()
            ),
            places="\n".join(f"        f'{{__name__}}.{m}': {' '.join(ns)!r}," for m, ns in modules.items()),
        )

    def model_module(self, module: str, pointers: list[str]) -> str:
        models = [self.api.models[p] for p in pointers if p in self.api.models]
        aliases = [self.api.aliases[p] for p in pointers if p in self.api.aliases]
        kinds = [*(f.type for m in models for f in m.fields), *(a.target for a in aliases)]
        subject = "that several groups use" if module == SHARED else f"of the group `{module}`"
        return "\n\n".join(
            [
                docstring(f"Models {subject}."),
                self.imports(".", kinds, module),
                *map(self.model, models),
                *map(self.alias, aliases),
            ]
        )

    def imports(self, package: str, kinds: list[Type], module: str = "") -> str:
        """Return all that a module may need, the models its types mention among it."""
        pointers = {p for kind in kinds for p in refs(kind) if self.module_of(p) != module}
        lines = [f"from {package}{self.module_of(p)} import {self.names.models[p]}" for p in pointers]
        return _IMPORTS + "\n".join(sorted(lines))

    def alias(self, alias: Alias) -> str:
        target = self.annotation(alias.target, sent=False)
        doc = docstring(prose(sentences(alias.doc or origin(alias.pointer))))
        return f"{self.names.models[alias.pointer]}: TypeAlias = {target}\n{doc}"

    def model(self, model: Model) -> str:
        doc = docstring(prose(sentences(model.doc or origin(model.pointer))))
        body = "\n".join([doc, *(self.field(model, f) for f in model.fields)])
        return f"@define(kw_only=True)\nclass {self.names.models[model.pointer]}:\n{textwrap.indent(body, '    ')}"

    def field(self, model: Model, f: Field) -> str:
        sent = model.requests and not model.answers
        kind, name = self.annotation(f.type, sent=sent), self.names.fields[f.pointer]
        default = ""
        if sent and f.wire not in model.required:
            kind, default = f"{kind} | UnsetType", "UNSET"
        elif not sent:
            kind = kind if isinstance(f.type, Nullable) or kind == "Any" else f"{kind} | None"
            default = "None"
        special = [repr(f.wire)] if name != f.wire else []
        special += [f"default={default}"] if default else []
        special += ["secret=True"] if Prim("secret") in (f.type, getattr(f.type, "of", None)) else []
        if special not in ([], [f"default={default}"]):
            default = f"wire({', '.join(special)})"
        doc = sentences(f.doc, "" if sent else known_values(f.type))
        line = f"{name}: {kind}" + (f" = {default}" if default else "")
        return f"{line}\n{docstring(prose(doc))}" if doc else line

    # --- endpoints

    def endpoint_module(self, group: str, operations: list[Operation]) -> str:
        shadowed = frozenset(self.names.operations[o.key][1] for o in operations)
        kinds = [kind for o in operations for kind in (o.result, *([o.body.type] if o.body else []))]
        return "\n\n".join(
            [
                docstring(f"Operations of the group `{group}`."),
                self.imports("..models.", kinds),
                *(self.endpoint(operation, shadowed) for operation in operations),
            ]
        )

    def endpoint(self, operation: Operation, shadowed: frozenset[str]) -> str:
        function = self.names.operations[operation.key][1]
        result = self.annotation(operation.result, sent=False, shadowed=shadowed)
        doc = docstring(self.endpoint_doc(operation))
        body = f"{doc}\nreturn await client.send({self.construction(operation, result)})"
        signature = f"async def {function}({self.signature(operation, shadowed)}) -> {result}:"
        return f"{signature}\n{textwrap.indent(body, '    ')}"

    def signature(self, operation: Operation, shadowed: frozenset[str]) -> str:
        positional, optional = ["client: Client"], list[str]()
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
                items = ", ".join(f"{p.wire!r}: {self.value(operation, p)}" for p in chosen)
                arguments.append(f"{argument}={{{items}}}")
        if operation.body:
            arguments.append("body=body")
            if operation.body.media_type != "application/json":
                arguments.append(f"media_type={operation.body.media_type!r}")
        arguments.append(f"result={'NoneType' if result == 'None' else result}")
        if operation.auth != "bearer":
            arguments.append(f"auth={operation.auth!r}")
        if operation.repeatable:
            arguments.append("repeatable=True")
        return f"Operation({', '.join(arguments)},)"

    def value(self, operation: Operation, parameter: Parameter) -> str:
        name = self.names.argument(operation, parameter)
        return f"f'{{{name}}}'" if parameter.place == "path" and parameter.type == Prim("int") else name

    def endpoint_doc(self, operation: Operation) -> str:
        summary = sentences(operation.summary or operation.key)
        parts = [prose(summary)]
        if operation.deprecated:
            parts.append("Deprecated by the server.")
        if sentences(operation.doc) != summary:
            parts.append(prose(operation.doc))
        arguments = [
            (self.names.argument(operation, p), sentences(p.doc, known_values(p.type))) for p in operation.parameters
        ]
        arguments += [("body", sentences(operation.body.doc))] if operation.body else []
        lines = [
            prose(f"{name}: {' '.join(doc.split())}", indent=" " * 4, hang=" " * 8) for name, doc in arguments if doc
        ]
        parts.append("\n".join(["Args:", *lines]) if lines else "")
        failures = [f"{_ERRORS[status]} ({status})" for status in operation.failures if status in _ERRORS]
        source = f"Source: {_DOCUMENTATION}#{operation.anchor}"
        errors = prose(f"Errors: {', '.join(failures)}.", hang=" " * 4) if failures else ""
        parts.append(f"{errors}\n{source}".strip())
        return "\n\n".join(part for part in parts if part)


_ALLOWED = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.AsyncFunctionDef, ast.Assign, ast.AnnAssign)


def _check(path: str, text: str) -> None:
    """Refuse a module that does more than define things: nothing of a description may ever run."""
    for node in ast.parse(text, path).body:
        documentation = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        lazy = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        if not (isinstance(node, _ALLOWED) or documentation or lazy):
            raise AssertionError(f"{path}:{node.lineno}: a generated module may not hold a {type(node).__name__}")
