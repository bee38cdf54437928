"""Stage 6: the text of the generated modules, one plain function per construct.

Text of the description reaches a module only through `repr` or through `docstring`. Every module is parsed again before
it leaves this stage, and may hold nothing but imports, classes, functions and assignments. Each module imports whatever
it could need; ruff removes the imports that it does not.
"""

import ast
import textwrap
from collections import defaultdict
from typing import Literal

from attrs import frozen

from scripts.generate.annotations import annotation
from scripts.generate.docstrings import docstring, known_values, origin, prose, sentences
from scripts.generate.ir import Alias, Api, Field, Model, Nullable, Operation, Place, Prim, Type, refs
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


def emit(api: Api, names: Names, *, package: str, header: str) -> dict[str, str]:
    """Return every module of the generated package: relative path to text.

    Args:
        api: The IR.
        names: The name of every operation, argument, model and field.
        package: The import name of the generated package.
        header: The comment that opens each module.

    """
    emitter = _Emitter(api, names, package)
    modules = {
        "__init__.py": docstring("Written by `python -m scripts.generate`, which overwrites every edit."),
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
class _Argument:
    """One argument of an endpoint function, as its signature, its docstring and its `Operation` need it."""

    place: Place | Literal["body"]
    wire: str
    name: str
    annotation: str
    default: str
    """The expression of the default, or nothing if the argument is required."""
    value: str
    """The expression of what is sent."""
    doc: str

    @property
    def keyword_only(self) -> bool:
        """Whether the argument can't be given by its position."""
        return self.place in {"query", "header"}

    @property
    def declaration(self) -> str:
        """The argument as a signature declares it."""
        return f"{self.name}: {self.annotation}" + (f" = {self.default}" if self.default else "")


@frozen
class _Emitter:
    api: Api
    names: Names
    package: str

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
        modules = {
            f"{self.package}.models.{module}": sorted(self.names.models[pointer] for pointer in pointers)
            for module, pointers in self.model_modules().items()
        }
        if not modules:
            return docstring("There are no models.")
        return docstring("Every model under its own name, imported on first use.") + _INDEX.format(
            imports="\n".join(
                f"    from {module} import {', '.join(f'{name} as {name}' for name in names)}"
                for module, names in modules.items()
            ),
            places="\n".join(f"        {module!r}: {' '.join(names)!r}," for module, names in modules.items()),
        )

    def model_module(self, module: str, pointers: list[str]) -> str:
        models = [self.api.models[p] for p in pointers if p in self.api.models]
        aliases = [self.api.aliases[p] for p in pointers if p in self.api.aliases]
        kinds = [*(f.type for m in models for f in m.fields), *(a.target for a in aliases)]
        subject = "that several groups use" if module == SHARED else f"of the group `{module}`"
        return "\n\n".join(
            [
                docstring(f"Models {subject}."),
                self.imports(kinds, module),
                *map(self.model, models),
                *map(self.alias, aliases),
            ]
        )

    def imports(self, kinds: list[Type], module: str = "") -> str:
        """Return every import that a module may need, with those of the models that its types mention."""
        found = {(self.module_of(p), self.names.models[p]) for kind in kinds for p in refs(kind)}
        lines = [f"from {self.package}.models.{owner} import {name}" for owner, name in found if owner != module]
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
        sent = model.requests and not model.responses
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
                self.imports(kinds),
                *(self.endpoint(operation, shadowed) for operation in operations),
            ]
        )

    def endpoint(self, operation: Operation, shadowed: frozenset[str]) -> str:
        function = self.names.operations[operation.key][1]
        arguments = self.arguments(operation, shadowed)
        result = self.annotation(operation.result, sent=False, shadowed=shadowed)
        doc = docstring(_endpoint_doc(operation, arguments))
        body = f"{doc}\nreturn await client.send({self.construction(operation, arguments, result)})"
        signature = f"async def {function}({_signature(arguments)}) -> {result}:"
        return f"{signature}\n{textwrap.indent(body, '    ')}"

    def arguments(self, operation: Operation, shadowed: frozenset[str]) -> list[_Argument]:
        """Return the arguments after the client: the path's in the template's order, the body, the keywords."""
        found = list[_Argument]()
        for p in operation.parameters:
            kind = self.annotation(p.type, sent=True, shadowed=shadowed)
            name = self.names.argument(operation, p)
            default = "" if p.required else "UNSET"
            value = f"f'{{{name}}}'" if p.place == "path" and p.type == Prim("int") else name
            doc = sentences(p.doc, known_values(p.type))
            annotated = kind if p.required else f"{kind} | UnsetType"
            found.append(_Argument(p.place, p.wire, name, annotated, default, value, doc))
        if operation.body:
            kind = self.annotation(operation.body.type, sent=True, shadowed=shadowed)
            annotated, default = (kind, "") if operation.body.required else (f"{kind} | None", "None")
            doc = sentences(operation.body.doc)
            found.append(_Argument("body", "body", "body", annotated, default, "body", doc))
        return sorted(found, key=lambda argument: ("path", "body", "query", "header").index(argument.place))

    def construction(self, operation: Operation, arguments: list[_Argument], result: str) -> str:
        options = [
            f"id={'.'.join(self.names.operations[operation.key])!r}",
            f"method={operation.method!r}",
            f"path={operation.path!r}",
        ]
        for place, option in (("path", "path_values"), ("query", "query"), ("header", "headers")):
            items = [f"{a.wire!r}: {a.value}" for a in arguments if a.place == place]
            options += [f"{option}={{{', '.join(items)}}}"] if items else []
        options += [f"body={a.value}" for a in arguments if a.place == "body"]
        if operation.body and operation.body.media_type != "application/json":
            options.append(f"media_type={operation.body.media_type!r}")
        options.append(f"result={'NoneType' if result == 'None' else result}")
        if operation.auth != "bearer":
            options.append(f"auth={operation.auth!r}")
        if operation.repeatable:
            options.append("repeatable=True")
        return f"Operation({', '.join(options)},)"


def _signature(arguments: list[_Argument]) -> str:
    positional = [a.declaration for a in arguments if not a.keyword_only]
    keyword_only = [a.declaration for a in arguments if a.keyword_only]
    return ", ".join(["client: Client", *positional, *(["*", *keyword_only] if keyword_only else [])])


def _endpoint_doc(operation: Operation, arguments: list[_Argument]) -> str:
    summary = sentences(operation.summary or operation.key)
    parts = [prose(summary)]
    if operation.deprecated:
        parts.append("Deprecated by the server.")
    if sentences(operation.doc) != summary:
        parts.append(prose(operation.doc))
    lines = [prose(f"{a.name}: {' '.join(a.doc.split())}", indent=" " * 4, hang=" " * 8) for a in arguments if a.doc]
    parts.append("\n".join(["Args:", *lines]) if lines else "")
    failures = [f"{_ERRORS[status]} ({status})" for status in operation.failures if status in _ERRORS]
    source = f"Source: {_DOCUMENTATION}#{operation.anchor}"
    errors = prose(f"Errors: {', '.join(failures)}.", hang=" " * 4) if failures else ""
    parts.append(f"{errors}\n{source}".strip())
    return "\n\n".join(part for part in parts if part)


_ALLOWED = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.AsyncFunctionDef, ast.Assign, ast.AnnAssign)


def _check(path: str, text: str) -> None:
    """Check that a module only defines things: nothing of a description may ever run."""
    for node in ast.parse(text, path).body:
        documentation = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        lazy = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        if not (isinstance(node, _ALLOWED) or documentation or lazy):
            raise AssertionError(f"{path}:{node.lineno}: a generated module may not hold a {type(node).__name__}")
