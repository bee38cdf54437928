"""Stage 4b: the whole document to the IR: operations, and every component, used or not."""

import re
from typing import cast

from attrs import frozen

from scripts.generate import reach
from scripts.generate.docstrings import sentences
from scripts.generate.ir import (
    ANY,
    NONE,
    Api,
    Auth,
    Body,
    Enum,
    List,
    Nullable,
    Operation,
    Parameter,
    Place,
    Prim,
    Type,
    resolved,
)
from scripts.generate.keywords import METHODS, check_keywords, follow
from scripts.generate.load import Document, Node, child_pointer
from scripts.generate.schemas import Schemas, documentation

_JSON = {"application/json", "application/scim+json"}
# The kind of token that a security scheme stands for.
_SCHEMES: dict[str, Auth] = {"bearerAuth": "bearer", "bearerSCIMAuth": "scim"}
_NO_AUTH: Auth = "none"
_TEMPLATE = re.compile(r"\{([^{}]*)\}")


def lower(document: Document) -> Api:
    """Turn a corrected description into the IR.

    Raises:
        SpecError: Something in it is not understood; every such place is named.

    """
    root = document.root
    check_keywords(root, "description")
    document.raise_problems()
    version = root.text("openapi")
    if not version.startswith("3.0."):
        (root.child("openapi") or root).problem(f"openapi is {version!r}; this generator reads 3.0")
    schemas = Schemas()
    lowering = _Lowering(root, schemas)
    lowering.check_top_level()
    operations = tuple(lowering.operations())
    lowering.check_components()
    document.raise_problems()
    api = reach.reached(Api(operations, schemas.models, schemas.aliases))
    reach.check_required(document, api)
    document.raise_problems()
    return api


@frozen
class _Lowering:
    root: Node
    schemas: Schemas

    def components(self, section: str) -> dict[str, Node]:
        node = self.root.child("components")
        return node.members(section) if node else {}

    def operations(self) -> list[Operation]:
        for schema in self.components("schemas").values():
            self.schemas.component(schema)
        result: list[Operation] = []
        for path, item in self.root.members("paths").items():
            if not path.startswith("/"):
                item.problem("a path must begin with '/'")
            check_keywords(item, "path")
            result += [self.operation(path, m, n) for m, n in item.mapping().items() if m in METHODS]
        if not result:
            self.root.problem("no operations")
        return result

    def check_top_level(self) -> None:
        """Check the objects that belong to no operation: info, tags, servers and security schemes."""
        for kind in ("info", "components"):
            node = self.root.child(kind)
            if node:
                check_keywords(node, f"{kind} object")
        for kind, section in (("tag", "tags"), ("server", "servers")):
            for item in self.root.items(section):
                check_keywords(item, kind)
        for name, scheme in self.components("securitySchemes").items():
            check_keywords(scheme, "security scheme")
            if name not in _SCHEMES:
                scheme.problem(f"unknown security scheme; known are {', '.join(sorted(_SCHEMES))}")
            if (scheme.text("type"), scheme.text("scheme")) != ("http", "bearer"):
                scheme.problem("a security scheme must be `type: http, scheme: bearer`")

    def check_components(self) -> None:
        """Check the components that no operation refers to as well."""
        for node in self.components("responses").values():
            self.response(node)
        for node in self.components("parameters").values():
            self.parameter(node)
        for node in self.components("requestBodies").values():
            self.body(node)

    def operation(self, path: str, method: str, node: Node) -> Operation:
        check_keywords(node, "operation")
        tag = self.tag(node)
        result, failures, errors = self.responses(node)
        request = node.child("requestBody")
        if request and method in {"get", "head", "delete"}:
            request.problem(f"a {method.upper()} has no body")
        body = self.component(request, "requestBodies") if request else None
        identity = node.text("operationId")
        place = f"operation/{identity}" if identity else f"paths/{child_pointer('', path)[1:]}/{method}"
        return Operation(
            method=method.upper(),
            path=path,
            pointer=node.pointer,
            tag=tag,
            parameters=self.parameters(path, node),
            body=self.body(body) if body else None,
            result=NONE if method == "head" else result,
            failures=failures,
            errors=errors,
            auth=self.auth(node),
            deprecated=node.flag("deprecated"),
            repeatable=self.repeatable(method, node),
            summary=node.text("summary"),
            doc=node.text("description"),
            anchor=f"tag/{tag}/{place}",  # as Redoc forms it
        )

    def tag(self, node: Node) -> str:
        names = [item.string() for item in node.items("tags")]
        if len(names) != 1:
            node.problem("an operation needs exactly one tag: it names the module")
        return names[0] if names else ""

    def auth(self, node: Node) -> Auth:
        security = node.child("security") or self.root.child("security")
        found: set[Auth] = set()
        for item in security.sequence() if security else ():
            names = list(item.mapping())
            if len(names) > 1:
                item.problem("more than one scheme at a time is not supported")
            for name in names:
                if name not in self.components("securitySchemes"):
                    item.problem(f"the security scheme {name!r} is not declared")
            found.add(_SCHEMES.get(names[0], "bearer") if names else _NO_AUTH)
        if security and len(found) > 1 and found != {"none", "bearer"}:
            security.problem("a choice of schemes is not supported")
        return "optional" if len(found) > 1 else (*found, _NO_AUTH)[0]

    def repeatable(self, method: str, node: Node) -> bool:
        """Return whether a request that is not idempotent may be sent again if its response is lost."""
        mark = node.child("x-repeatable")
        if mark and method not in {"post", "patch"}:
            mark.problem(f"a {method.upper()} is idempotent: it needs no x-repeatable")
        return node.flag("x-repeatable")

    def component(self, node: Node, section: str) -> Node | None:
        """Follow a reference to `components/<section>`, if *node* is one; return None if that fails."""
        return follow(node, section) if node.child("$ref") else node

    def parameters(self, path: str, node: Node) -> tuple[Parameter, ...]:
        """Return the path's parameters in the template's order, then the others as declared."""
        item = node.document.resolve(node.pointer.rpartition("/")[0])
        declared: dict[tuple[Place, str], Parameter] = {}
        for owner in (item, node):  # an operation's own parameters override the path's
            names: set[tuple[Place, str]] = set()
            for entry in owner.items("parameters") if owner else ():
                target = self.component(entry, "parameters")
                if target is None:
                    continue
                parameter = self.parameter(target)
                key = (parameter.place, parameter.wire)
                if key in names:
                    entry.problem(f"the {parameter.place} parameter {parameter.wire!r} is declared twice")
                names.add(key)
                declared[key] = parameter
        template = _TEMPLATE.findall(path)
        if len(set(template)) != len(template) or "" in template:
            node.problem(f"the template {path!r} repeats a name or leaves one empty")
        # The template defines the path parameters; a declaration only refines them.
        ordered = [declared.pop(("path", n), Parameter(n, "path", Prim("str"), required=True)) for n in template]
        for place, name in declared:
            if place == "path":
                node.problem(f"the path parameter {name!r} is not in the template {path!r}")
        return (*ordered, *declared.values())

    def parameter(self, node: Node) -> Parameter:
        check_keywords(node, "parameter")
        named, place, required, schema = (
            node.child("name"),
            node.text("in"),
            node.flag("required"),
            node.child("schema"),
        )
        name = named.string() if named else ""
        kind: Type = Prim("str")
        if not name:
            node.problem("a parameter without a name")
        if place not in {"path", "query", "header"}:
            node.problem(f"a parameter in {place!r} is not supported")
        if place == "path" and not required:
            node.problem("a path parameter needs `required: true`")
        if schema is None:
            node.problem("a parameter without a schema")
        else:
            kind = resolved(self.schemas.lower(schema), self.schemas.aliases)
            if not _fits_in_text(kind) or (place == "path" and not _is_segment(kind)):
                texts = "a string or an integer" if place == "path" else "a plain value, or a list of strings"
                schema.problem(f"a {place} parameter must be {texts}")
        doc = sentences(node.text("description"), documentation(schema) if schema else "")
        return Parameter(name, cast("Place", place), kind, required, doc)

    def body(self, node: Node) -> Body:
        check_keywords(node, "request body")
        media = self.media(node, _JSON)
        if media is None:
            node.problem("a request body without content")
        media_type, kind = media or ("application/json", ANY)
        return Body(media_type, kind, node.flag("required"), node.text("description"))

    def media(self, node: Node, known: set[str]) -> tuple[str, Type] | None:
        """Return the media type of a body or a response and its type, or None without content."""
        content = node.members("content")
        if len(content) > 1:
            node.problem("more than one media type is not supported")
        found: tuple[str, Type] | None = None
        for media_type, entry in content.items():
            if media_type not in known:
                entry.problem(f"unknown media type {media_type!r}; known are {', '.join(sorted(known))}")
            check_keywords(entry, "media type")
            schema = entry.child("schema")
            found = media_type, self.schemas.lower(schema) if schema else ANY
        return found

    def response(self, node: Node) -> Type:
        check_keywords(node, "response")
        media_type, kind = self.media(node, {*_JSON, "text/csv"}) or ("", NONE)
        return Prim("bytes") if media_type == "text/csv" else kind

    def responses(self, node: Node) -> tuple[Type, tuple[str, ...], dict[str, Type]]:
        """Return the type of success, the statuses of the failures, and the types of those that have a model."""
        found: list[Type] = []
        failures: list[str] = []
        errors: dict[str, Type] = {}
        for status, entry in node.members("responses").items():
            if not re.fullmatch(r"[1-5]\d\d|default", status):
                entry.problem(f"{status!r} is not a status")
            target = self.component(entry, "responses")
            kind = self.response(target) if target else NONE
            mark = target.child("x-model") if target else None
            if status.startswith("2"):
                found.append(kind)
                if mark:
                    mark.problem("a successful response has a model anyway: x-model is for error responses")
                continue
            failures.append(status)
            if target and target.flag("x-model"):
                errors[status] = kind
        if not found:
            node.problem("an operation without a successful response")
        if len({resolved(kind, self.schemas.aliases) for kind in found}) > 1:
            node.problem("successful responses of different types")
        return (found[0] if found else NONE), tuple(failures), errors


def _is_segment(kind: Type) -> bool:
    return isinstance(kind, Enum) or kind in (Prim("str"), Prim("int"))


def _fits_in_text(kind: Type) -> bool:
    match kind:
        case Nullable(inner):
            return _fits_in_text(inner)
        case List(inner):
            return isinstance(inner, Enum) or inner == Prim("str")
        case Prim(name):
            return name not in {"any", "none", "bytes"}
        case _:
            return isinstance(kind, Enum)
