"""Stage 4a: schemas to types and models.

A component or an inline object becomes a `Model`, identified by its pointer. `allOf` is flattened into one. Any other
schema becomes a type in place.
"""

from attrs import define, evolve, field, frozen

from scripts.generate.docstrings import sentences
from scripts.generate.ir import (
    ANY,
    Alias,
    Enum,
    Field,
    List,
    Map,
    Model,
    Nullable,
    Prim,
    PrimKind,
    Ref,
    Type,
    is_component,
    refs,
    resolved,
)
from scripts.generate.keywords import ANNOTATIONS, check_keywords, follow
from scripts.generate.load import Node

_PRIMITIVES: dict[str, dict[str, PrimKind]] = {  # type to format to kind
    "string": {
        "": "str",
        "date-time": "datetime",
        "password": "secret",
        "byte": "bytes",
        "uuid": "str",
        "uri": "str",
        "email": "str",
    },
    "integer": {"": "int", "int32": "int", "int64": "int"},
    "number": {"": "float", "float": "float", "double": "float"},
    "boolean": {"": "bool"},
}
# The types on which a keyword has a meaning; on any other it is an error of the description.
_ONLY_ON = {
    "properties": {"object"},
    "required": {"object"},
    "additionalProperties": {"object"},
    "items": {"array"},
    "minItems": {"array"},
    "maxItems": {"array"},
    "minLength": {"string"},
    "maxLength": {"string"},
    "pattern": {"string"},
    "enum": {"string"},
    "minimum": {"integer", "number"},
    "maximum": {"integer", "number"},
    "format": set(_PRIMITIVES),
}
_LIMITS = {
    "minLength": ("At least {} character long.", "At least {} characters long."),
    "maxLength": ("At most {} character long.", "At most {} characters long."),
    "minItems": ("At least {} item.", "At least {} items."),
    "maxItems": ("At most {} item.", "At most {} items."),
    "minimum": ("At least {}.",),
    "maximum": ("At most {}.",),
    "pattern": ("Matches `{}`.",),
}


@frozen
class _Object:
    """The properties of one schema, or of several that are merged."""

    fields: dict[str, Field] = field(factory=dict[str, Field])
    required: frozenset[str] = frozenset()


@define
class Schemas:
    """The models and aliases found so far, by pointer."""

    models: dict[str, Model] = field(factory=dict[str, Model])
    aliases: dict[str, Alias] = field(factory=dict[str, Alias])
    _under_way: set[str] = field(factory=set[str])

    def component(self, node: Node) -> None:
        """Lower one entry of `components/schemas`, unless it is done or in progress."""
        pointer = node.pointer
        if pointer in self.models or pointer in self.aliases or pointer in self._under_way:
            return
        self._under_way.add(pointer)
        kind = self.lower(node)
        if pointer in self.models:
            if kind != Ref(pointer):
                node.problem("a component that is an object can't be nullable: its uses can")
        elif self._mentions(kind, pointer):
            node.problem("is only another name of itself, or of a list or map of itself")
            self.aliases[pointer] = Alias(pointer, ANY)
        else:
            self.aliases[pointer] = Alias(pointer, kind, documentation(node))
        self._under_way.discard(pointer)

    def _mentions(self, kind: Type, pointer: str) -> bool:
        return any(
            p == pointer or (p in self.aliases and self._mentions(self.aliases[p].target, pointer)) for p in refs(kind)
        )

    def lower(self, node: Node) -> Type:
        """Return the type of a schema, and record the models that it defines."""
        if node.child("$ref"):
            return self._reference(node)
        check_keywords(node, "schema")
        kind = self._lower_all_of(node) if node.child("allOf") else self._lower_plain(node)
        return Nullable(kind) if node.flag("nullable") and not isinstance(kind, Nullable) else kind

    def _reference(self, node: Node) -> Type:
        target = follow(node, "schemas")
        return Ref(target.pointer) if target else ANY

    def _resolved(self, node: Node, kind: Type) -> Type:
        """Resolve the aliases of a type at once: `allOf` has to know their targets."""
        for pointer in refs(kind):
            target = node.document.resolve(pointer)
            if target and is_component(pointer):
                self.component(target)
                if pointer in self.aliases:
                    self._resolved(node, self.aliases[pointer].target)
        return resolved(kind, self.aliases)

    def _lower_plain(self, node: Node) -> Type:
        name = _type_name(node)
        for keyword, types in _ONLY_ON.items():
            child = node.child(keyword)
            if child and name not in types:
                child.problem(f"{keyword!r} has no meaning on {f'type {name}' if name else 'a schema without a type'}")
        if name == "object":
            return self._lower_object(node)
        if name == "array":
            items = node.child("items")
            if items is None:
                node.problem("an array without items")
            return List(self.lower(items) if items else ANY)
        if node.child("enum"):
            return _lower_enum(node)
        if not name:
            return ANY
        kind = _PRIMITIVES.get(name, {}).get(node.text("format"))
        if name not in _PRIMITIVES:
            node.problem(f"unknown type {name!r}")
        elif kind is None:
            node.problem(f"unknown format {node.text('format')!r} of type {name}")
        return Prim(kind) if kind else ANY

    def _lower_object(self, node: Node) -> Type:
        extra = node.child("additionalProperties")
        closed = extra is not None and extra.value is False
        if node.child("properties"):
            if extra and not closed:
                extra.problem("'additionalProperties' next to 'properties' is not supported")
            return self._model(node, self._properties(node))
        if closed or node.child("required"):
            node.problem("an object that declares no property can neither require nor exclude any")
        return Map(self.lower(extra) if extra and not isinstance(extra.value, bool) else ANY)

    def _model(self, node: Node, gathered: _Object) -> Ref:
        fields = tuple(gathered.fields.values())
        doc = node.text("description")
        self.models[node.pointer] = Model(node.pointer, fields, gathered.required, doc)
        return Ref(node.pointer)

    def _properties(self, node: Node) -> _Object:
        fields: dict[str, Field] = {}
        required = {item.string() for item in node.items("required")}
        for name, schema in node.members("properties").items():
            plain, flag = schema, schema.child("required")
            if flag and isinstance(flag.value, bool):
                # `required: true` on a property is not OpenAPI 3.0, but its meaning is clear.
                plain = schema.without("required")
                required |= {name} if flag.value else set()
            fields[name] = Field(schema.pointer, name, self.lower(plain), documentation(plain))
        return _Object(fields, frozenset(required))

    # --- allOf

    def _lower_all_of(self, node: Node) -> Type:
        bringing = _bringing(node)
        if len(bringing) == 1 and bringing[0].child("$ref"):
            return self._reference(bringing[0])
        part = self._flatten(node, bringing)
        return self._model(node, part) if isinstance(part, _Object) else part

    def _flatten(self, node: Node, bringing: list[Node]) -> "_Object | Type":
        """Merge the members of an allOf, in order, the schema's own keywords last."""
        gathered, plain = _Object(), list[Type]()
        for member in bringing:
            part = self._part(member)
            if isinstance(part, _Object):
                gathered = self._merge(member, gathered, part)
            elif part not in plain:
                plain.append(part)
        if not (gathered.fields or plain):
            node.problem("allOf without any property or type")
        if len(plain) > 1 or (plain and gathered.fields):
            node.problem("allOf of types that can't be merged")
        return plain[0] if plain else gathered

    def _part(self, node: Node) -> "_Object | Type":
        """Return what one member of an allOf contributes: properties, maybe none, or a type that is not an object."""
        if node.child("$ref"):
            return self._behind(node, self._resolved(node, self._reference(node)))
        check_keywords(node, "schema")
        nullable = node.child("nullable")
        if nullable:
            nullable.problem("'nullable' inside an allOf has no effect: it belongs next to the allOf")
        if node.child("allOf"):
            return self._flatten(node, _bringing(node))
        if _type_name(node) == "object" and not node.child("additionalProperties"):
            return self._properties(node)
        return self._resolved(node, self.lower(node))

    def _behind(self, node: Node, kind: Type) -> "_Object | Type":
        """Return the properties of the model that a type refers to, or the type if it refers to none."""
        if not isinstance(kind, Ref):
            return kind
        model = self.models.get(kind.pointer)
        if model is None:
            node.problem(f"allOf needs {kind.pointer}, which in turn needs this: a circle")
            return _Object()
        return _Object({f.wire: f for f in model.fields}, model.required)

    def _merge(self, member: Node, base: _Object, extra: _Object) -> _Object:
        fields = dict(base.fields)
        for name, new in extra.fields.items():
            old = fields.get(name, new)
            kinds = {self._resolved(member, old.type), self._resolved(member, new.type)} - {ANY}  # it only annotates
            if len(kinds) > 1:
                where = member.document.where(old.pointer)
                member.document.add_problem(new.pointer, f"allOf gives {name!r} a different type than {where} does")
            fields[name] = evolve(new if old.type == ANY else old, doc=new.doc or old.doc)
        return _Object(fields, base.required | extra.required)


def _type_name(node: Node) -> str:
    """Return the type of a schema, declared or implied by its keywords."""
    name = node.text("type")
    if not name and any(node.child(key) for key in ("properties", "additionalProperties", "required")):
        return "object"
    return "string" if not name and node.child("enum") else name


def _lower_enum(node: Node) -> Type:
    values: list[str] = []
    null = False
    for item in node.items("enum"):
        if item.value is None:
            null = True
        elif item.value in values:
            item.problem(f"the enum lists {item.value!r} twice")
        else:
            values.append(item.string())
    if not values:
        node.problem("an enum without any string")
    if node.child("format"):
        node.problem("an enum with a format")
    kind = Enum(tuple(values))
    return Nullable(kind) if null else kind


def _bringing(node: Node) -> list[Node]:
    """Return the members of an allOf that contribute more than prose, and the schema itself if it does."""
    members = [*node.items("allOf"), node.without("allOf", "nullable")]
    prose = set(ANNOTATIONS.split())
    return [m for m in members if m.without(*prose).value not in ({}, {"type": "object"})]


def documentation(node: Node) -> str:
    """Return the prose of a schema, followed by its limits."""
    if node.child("$ref"):
        target = node.document.resolve(node.text("$ref"))
        return documentation(target) if target and not target.child("$ref") else ""
    parts = [node.text("description"), *(member.text("description") for member in node.items("allOf"))]
    for key, texts in _LIMITS.items():
        child = node.child(key)
        if child:
            parts.append(texts[0 if child.value == 1 else -1].format(child.value))
    return sentences(*parts)
