"""Stage 3b: the whole document to the IR: operations, and every component whether reached or not."""

import re
from typing import cast

from attrs import frozen

from scripts.generate import reach
from scripts.generate.ir import (
    ANY,
    NONE,
    Api,
    Auth,
    Body,
    Failure,
    List,
    Nullable,
    Operation,
    Parameter,
    Place,
    Prim,
    Ref,
    Type,
)
from scripts.generate.load import Document, Node, child_pointer
from scripts.generate.schemas import Schemas, documentation
from scripts.generate.vocabulary import METHODS, check_keywords

_JSON = {"application/json", "application/scim+json"}
# Which of the core's bearers a security scheme stands for.
_SCHEMES: dict[str, Auth] = {"bearerAuth": "bearer", "bearerSCIMAuth": "scim"}
_TEMPLATE = re.compile(r"\{([^{}]*)\}")


def lower(document: Document) -> Api:
    """Turn a corrected description into the IR.

    Raises:
        SpecError: something in it is not understood; every such place is named.

    """
    root = document.root
    check_keywords(root, "description")
    version = root.text("openapi")
    if not version.startswith("3.0."):
        root.problem(f"openapi is {version!r}; this generator reads 3.0")
    schemas = Schemas()
    lowering = _Lowering(root, schemas)
    lowering.surroundings()
    operations = tuple(lowering.operations())
    lowering.unreached()
    document.raise_problems()
    api = reach.share(Api(operations, schemas.models, schemas.aliases))
    reach.check_required(document, api)
    document.raise_problems()
    return api


@frozen
class _Lowering:
    root: Node
    schemas: Schemas

    def operations(self) -> list[Operation]:
        for schema in _members(self.root.child("components"), "schemas").values():
            self.schemas.component(schema)
        paths = self.root.child("paths")
        result: list[Operation] = []
        for path, item in (paths.mapping() if paths else {}).items():
            if not path.startswith("/"):
                item.problem("a path must begin with '/'")
            check_keywords(item, "path")
            result += [self.operation(path, m, n) for m, n in item.mapping().items() if m in METHODS]
        if not result:
            self.root.problem("no operations")
        return result

    def surroundings(self) -> None:
        """Hold what stands around the operations against the vocabulary."""
        for kind in ("info", "components"):
            node = self.root.child(kind)
            if node:
                check_keywords(node, kind)
        for kind, member in (("tag", "tags"), ("server", "servers")):
            node = self.root.child(member)
            for item in node.sequence() if node else ():
                check_keywords(item, kind)
        for name, scheme in _members(self.root.child("components"), "securitySchemes").items():
            check_keywords(scheme, "security scheme")
            if name not in _SCHEMES:
                scheme.problem(f"unknown security scheme; known are {', '.join(sorted(_SCHEMES))}")

    def unreached(self) -> None:
        """Hold the components no operation refers to against the vocabulary too."""
        components = self.root.child("components")
        for node in _members(components, "responses").values():
            self.response(node)
        for node in _members(components, "parameters").values():
            self.parameter(node)
        for node in _members(components, "requestBodies").values():
            self.body(node)

    def operation(self, path: str, method: str, node: Node) -> Operation:
        check_keywords(node, "operation")
        deprecated = node.child("deprecated")
        result, result_doc, failures = self.responses(node)
        request = node.child("requestBody")
        if request and method in {"get", "head", "delete"}:
            request.problem(f"a {method.upper()} has no body")
        return Operation(
            method=method.upper(),
            path=path,
            pointer=node.pointer,
            tag=self.tag(node),
            parameters=self.parameters(path, node),
            body=self.body(self.component(request, "requestBodies")) if request else None,
            result=NONE if method == "head" else result,
            result_doc=result_doc,
            failures=failures,
            auth=self.auth(node),
            deprecated=bool(deprecated and deprecated.boolean()),
            summary=node.text("summary"),
            doc=node.text("description"),
            anchor=self.anchor(path, method, node),
        )

    def tag(self, node: Node) -> str:
        tags = node.child("tags")
        names = [item.string() for item in tags.sequence()] if tags else []
        if len(names) != 1:
            node.problem("an operation needs exactly one tag: it names the module")
            return ""
        return names[0]

    def anchor(self, path: str, method: str, node: Node) -> str:
        """Return the documentation's fragment for an operation, as Redoc forms it."""
        identity = node.text("operationId")
        place = f"operation/{identity}" if identity else f"paths/{child_pointer('', path)[1:]}/{method}"
        return f"tag/{self.tag(node)}/{place}"

    def auth(self, node: Node) -> Auth:
        security = node.child("security") or self.root.child("security")
        if security is None:
            return "none"
        found: list[Auth] = []
        declared = _members(self.root.child("components"), "securitySchemes")
        for item in security.sequence():
            names = list(item.mapping())
            if len(names) > 1:
                item.problem("more than one scheme at a time is not supported")
            for name in names:
                if name not in declared:
                    item.problem(f"the security scheme {name!r} is not declared")
            found.append(_SCHEMES.get(names[0], "bearer") if names else "none")
        if not found or found == ["none"]:
            return "none"
        if set(found) == {"none", "bearer"}:
            return "optional"
        if len(set(found)) > 1:
            security.problem("a choice of schemes is not supported")
        return found[0]

    def component(self, node: Node, section: str) -> Node:
        """Follow a reference to `components/<section>`."""
        if node.child("$ref") is None:
            return node
        reference = node.text("$ref")
        for key, sibling in node.mapping().items():
            if key != "$ref":
                sibling.problem(f"{key!r} beside a $ref is ignored by OpenAPI 3.0: say what is meant in a fix")
        if not reference.startswith(f"#/components/{section}/"):
            node.problem(f"expected a reference to #/components/{section}/…, not {reference!r}")
            return Node(node.document, node.pointer, {})
        target = node.document.resolve(reference)
        if target is None:
            node.problem(f"{reference} leads nowhere")
            return Node(node.document, node.pointer, {})
        return target

    def parameters(self, path: str, node: Node) -> tuple[Parameter, ...]:
        """Return the path's parameters in the template's order, then the others as declared."""
        item = node.document.resolve(node.pointer.rpartition("/")[0])
        declared: dict[tuple[Place, str], Parameter] = {}
        for owner in (item, node):  # an operation's own parameters override the path's
            listed = owner.child("parameters") if owner else None
            names: set[tuple[Place, str]] = set()
            for entry in listed.sequence() if listed else ():
                parameter = self.parameter(self.component(entry, "parameters"))
                key = (parameter.place, parameter.wire)
                if key in names:
                    entry.problem(f"the {parameter.place} parameter {parameter.wire!r} is declared twice")
                names.add(key)
                declared[key] = parameter
        template = _TEMPLATE.findall(path)
        if len(set(template)) != len(template) or "" in template:
            node.problem(f"the template {path!r} repeats a name or leaves one empty")
        # The template is what a path's parameters come from; a declaration only refines them.
        ordered = [declared.pop(("path", n), Parameter(n, "path", Prim("str"), required=True)) for n in template]
        for key in [key for key in declared if key[0] == "path"]:
            node.problem(f"the path parameter {key[1]!r} is not in the template {path!r}")
        return (*ordered, *declared.values())

    def parameter(self, node: Node) -> Parameter:
        check_keywords(node, "parameter")
        place, required, schema = node.text("in"), node.child("required"), node.child("schema")
        if place not in {"path", "query", "header"}:
            node.problem(f"a parameter in {place!r} is not supported")
        if place == "path" and not (required and required.value is True):
            node.problem("a path parameter must say `required: true`")
        kind: Type = self.schemas.lower(schema) if schema else Prim("str")
        if schema is None:
            node.problem("a parameter without a schema")
        elif not _fits_in_text(self.resolved(kind)):
            schema.problem("a parameter must be a string, a number, a boolean, or a list of them")
        doc = [node.text("description"), documentation(schema) if schema else ""]
        return Parameter(
            wire=node.text("name"),
            place=cast("Place", place),
            type=self.resolved(kind),
            required=bool(required and required.boolean()),
            doc="\n".join(part for part in doc if part),
        )

    def resolved(self, kind: Type) -> Type:
        """Follow aliases."""
        while isinstance(kind, Ref) and kind.pointer in self.schemas.aliases:
            kind = self.schemas.aliases[kind.pointer].target
        return kind

    def body(self, node: Node) -> Body:
        check_keywords(node, "request body")
        required = node.child("required")
        media = self.media(node, _JSON)
        media_type, kind = media or ("application/json", ANY)
        if media is None:
            node.problem("a request body without content")
        return Body(media_type, kind, bool(required and required.boolean()), node.text("description"))

    def media(self, node: Node, known: set[str]) -> tuple[str, Type] | None:
        """Return the one media type of a body or an answer and its type, or None without content."""
        content = node.child("content")
        entries = content.mapping() if content else {}
        if len(entries) > 1:
            node.problem("more than one media type is not supported")
        for media_type, entry in entries.items():
            if media_type not in known:
                entry.problem(f"unknown media type {media_type!r}")
            check_keywords(entry, "media type")
            schema = entry.child("schema")
            return media_type, self.schemas.lower(schema) if schema else ANY
        return None

    def response(self, node: Node) -> tuple[Type | None, str]:
        check_keywords(node, "response")
        media = self.media(node, {*_JSON, "text/csv"})
        if media is None:
            return None, node.text("description")
        media_type, kind = media
        return (kind if media_type in _JSON else Prim("bytes")), node.text("description")

    def responses(self, node: Node) -> tuple[Type, str, tuple[Failure, ...]]:
        """Return the type of success with its description, and the failures."""
        listed = node.child("responses")
        found: list[tuple[Type, str]] = []
        failures: list[Failure] = []
        for status, entry in (listed.mapping() if listed else {}).items():
            if not re.fullmatch(r"[1-5]\d\d|default", status):
                entry.problem(f"{status!r} is no status")
            kind, doc = self.response(self.component(entry, "responses"))
            if status.startswith("2"):
                found.append((kind or NONE, doc))
            else:
                failures.append(Failure(status, doc, kind))
        if not found:
            node.problem("an operation without an answer that means success")
            found.append((NONE, ""))
        if len({kind for kind, _ in found}) > 1:
            node.problem("answers of different types that all mean success")
        return *found[0], tuple(failures)


def _members(node: Node | None, name: str) -> dict[str, Node]:
    child = node.child(name) if node else None
    return child.mapping() if child else {}


def _fits_in_text(kind: Type) -> bool:
    match kind:
        case List(inner) | Nullable(inner):
            return _fits_in_text(inner)
        case Prim(name):
            return name not in {"any", "none", "bytes"}
        case Ref():
            return False
        case _:
            return True
