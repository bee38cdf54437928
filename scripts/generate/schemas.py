"""Stage 3a: schemas to types and models.

A component or inline object becomes a `Model` known by its pointer; `allOf` flattens into one; everything else becomes
a type in place.
"""

from attrs import define, evolve, field, frozen

from scripts.generate.ir import ANY, Alias, Enum, Field, List, Map, Model, Nullable, Prim, PrimKind, Ref, Type
from scripts.generate.load import Node, Value
from scripts.generate.vocabulary import check_keywords

_PREFIX = "#/components/schemas/"
_PRIMITIVES: dict[tuple[str, str], PrimKind] = {
    ("string", ""): "str",
    ("string", "date-time"): "datetime",
    ("string", "password"): "secret",
    ("string", "byte"): "bytes",
    ("string", "uuid"): "str",
    ("string", "uri"): "str",
    ("string", "email"): "str",
    ("integer", ""): "int",
    ("integer", "int32"): "int",
    ("integer", "int64"): "int",
    ("number", ""): "float",
    ("number", "float"): "float",
    ("number", "double"): "float",
    ("boolean", ""): "bool",
}
_TYPES = {"object", "array"} | {kind for kind, _ in _PRIMITIVES}
# Which keywords only make sense on which type; elsewhere they are a slip worth refusing.
_ONLY_ON = {
    "properties": {"object"},
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
}
_LIMITS = {
    "minLength": "At least {} characters long.",
    "maxLength": "At most {} characters long.",
    "minItems": "At least {} items.",
    "maxItems": "At most {} items.",
    "minimum": "At least {}.",
    "maximum": "At most {}.",
    "pattern": "Matches `{}`.",
}


@frozen
class _Object:
    """The properties gathered from one schema or several."""

    fields: dict[str, Field] = field(factory=dict[str, Field])
    required: frozenset[str] = frozenset()
    bases: frozenset[str] = frozenset()


@define
class Schemas:
    """Every model and alias met so far, by pointer."""

    models: dict[str, Model] = field(factory=dict[str, Model])
    aliases: dict[str, Alias] = field(factory=dict[str, Alias])
    _under_way: set[str] = field(factory=set[str])

    def component(self, node: Node) -> None:
        """Lower one entry of `components/schemas`."""
        pointer = node.pointer
        if pointer in self.models or pointer in self.aliases or pointer in self._under_way:
            return  # known, or a model that mentions itself
        self._under_way.add(pointer)
        kind = self.lower(node)
        if pointer in self.models:
            self.models[pointer] = evolve(self.models[pointer], component=True)
        elif self._is_circle(pointer, kind):
            node.problem("is only another name for itself")
            self.aliases[pointer] = Alias(pointer, ANY)
        else:
            self.aliases[pointer] = Alias(pointer, kind, node.text("description"))
        self._under_way.discard(pointer)

    def _is_circle(self, pointer: str, kind: Type) -> bool:
        while isinstance(kind, Ref) and kind.pointer in self.aliases:
            kind = self.aliases[kind.pointer].target
        return isinstance(kind, Ref) and kind.pointer == pointer

    def lower(self, node: Node) -> Type:
        """Return the type of a schema; models it defines are noted."""
        if node.child("$ref"):
            return self._reference(node)
        check_keywords(node, "schema")
        self._check_places(node)
        kind = self._lower_plain(node)
        nullable = node.child("nullable")
        if nullable and nullable.boolean():
            return Nullable(kind)
        return kind

    def _lower_plain(self, node: Node) -> Type:
        if node.child("allOf"):
            part = self._flatten(node)
            return self._model(node, part) if isinstance(part, _Object) else part
        if node.child("enum"):
            return self._enum(node)
        kind = self._type_name(node)
        if kind == "object":
            return self._object(node)
        if kind == "array":
            items = node.child("items")
            if items is None:
                node.problem("an array without items")
                return List(ANY)
            return List(self.lower(items))
        if not kind:
            return ANY
        primitive = _PRIMITIVES.get((kind, node.text("format")))
        if primitive is None:
            node.problem(f"unknown format {node.text('format')!r} of type {kind}")
            return ANY
        return Prim(primitive)

    def _type_name(self, node: Node) -> str:
        name = node.text("type")
        if not name and (node.child("properties") or node.child("additionalProperties")):
            return "object"
        if name and name not in _TYPES:
            node.problem(f"unknown type {name!r}")
            return ""
        return name

    def _check_places(self, node: Node) -> None:
        name = self._type_name(node)
        for keyword, types in _ONLY_ON.items():
            child = node.child(keyword)
            if child and name and name not in types:
                child.problem(f"{keyword!r} has no meaning on type {name}")
        form = node.child("format")
        if form and name in {"", "object", "array"}:
            form.problem(f"'format' has no meaning on type {name or 'anything'}")

    def _reference(self, node: Node) -> Type:
        for key, sibling in node.mapping().items():
            if key != "$ref":
                sibling.problem(f"{key!r} beside a $ref is ignored by OpenAPI 3.0: say what is meant in a fix")
        target = self.target(node)
        if target is None:
            return ANY
        self.component(target)
        return Ref(target.pointer)

    def target(self, node: Node) -> Node | None:
        """Return the schema a `$ref` leads to, or None after noting why it can't."""
        reference = node.text("$ref")
        if not reference.startswith(_PREFIX):
            node.problem(f"a schema may only refer to {_PREFIX}…, not to {reference!r}")
            return None
        target = node.document.resolve(reference)
        if target is None:
            node.problem(f"{reference} leads nowhere")
        return target

    def _enum(self, node: Node) -> Type:
        values: list[str] = []
        null = False
        for item in node.mapping()["enum"].sequence():
            if item.value is None:
                null = True
            elif isinstance(item.value, str):
                values.append(item.value)
            else:
                item.problem("an enum may only list strings and null")
        if node.text("type") != "string":
            node.problem("an enum must be of type string")
        if len(set(values)) != len(values) or not values:
            node.problem("an enum must list each value once, and at least one")
        kind = Enum(tuple(values))
        return Nullable(kind) if null else kind

    def _object(self, node: Node) -> Type:
        extra = node.child("additionalProperties")
        closed = extra is not None and extra.value is False
        if node.child("properties"):
            if extra and not closed:
                extra.problem("'additionalProperties' beside 'properties' is not supported")
            return self._model(node, self._properties(node))
        if extra is None or extra.value is True:
            return Map(ANY)
        if closed:
            node.problem("an object with neither properties nor additional ones")
            return ANY
        return Map(self.lower(extra))

    def _model(self, node: Node, gathered: _Object) -> Ref:
        fields = tuple(gathered.fields.values())
        doc = node.text("description")
        self.models[node.pointer] = Model(node.pointer, fields, gathered.required, doc, gathered.bases)
        return Ref(node.pointer)

    def _properties(self, node: Node) -> _Object:
        properties = node.child("properties")
        fields: dict[str, Field] = {}
        lifted: set[str] = set()
        for name, schema in (properties.mapping() if properties else {}).items():
            # `required: true` on a property is not OpenAPI 3.0, but what it means is plain.
            flag = schema.child("required")
            plain = schema
            if flag and isinstance(flag.value, bool):
                lifted |= {name} if flag.value else set()
                plain = Node(schema.document, schema.pointer, _without(schema, {"required"}))
            fields[name] = Field(schema.pointer, name, self.lower(plain), documentation(schema))
        return _Object(fields, self._required(node) | lifted)

    def _required(self, node: Node) -> frozenset[str]:
        required = node.child("required")
        return frozenset(item.string() for item in required.sequence()) if required else frozenset()

    def _flatten(self, node: Node) -> "_Object | Type":
        """Merge the members of an allOf, in order, the schema's own keywords last."""
        own = _without(node, {"allOf", "nullable", "description"})
        members = [*node.mapping()["allOf"].sequence(), Node(node.document, node.pointer, own)]
        gathered, plain = _Object(), list[Type]()
        for member in members:
            part = self._part(member)
            if isinstance(part, _Object):
                gathered = self._merge(member, gathered, part)
            else:
                plain.append(part)
        if len(plain) > 1 or (plain and gathered.fields):
            node.problem("allOf of types that can't be merged")
        if plain:
            return plain[0]
        if not gathered.fields:
            node.problem("allOf without any property or type")
        return gathered

    def _part(self, node: Node) -> "_Object | Type":
        """Return what one member of an allOf brings: properties (maybe none), or a type that is no object."""
        if node.child("$ref"):
            return self._behind(node, self._reference(node))
        check_keywords(node, "schema")
        if node.child("allOf"):
            return self._flatten(node)
        name = self._type_name(node)
        if name in {"", "object"} and not (node.child("additionalProperties") or node.child("enum")):
            self._check_places(node)
            return self._properties(node)
        return self.lower(node)

    def _behind(self, node: Node, kind: Type) -> "_Object | Type":
        """Return the properties of the model a reference leads to, or the type where it is no model."""
        while isinstance(kind, Ref) and kind.pointer in self.aliases:
            kind = self.aliases[kind.pointer].target
        if not isinstance(kind, Ref):
            return kind
        model = self.models.get(kind.pointer)
        if model is None:
            node.problem(f"allOf needs {kind.pointer}, which in turn needs this: a circle")
            return _Object()
        return _Object({f.wire: f for f in model.fields}, model.required, model.bases | {model.pointer})

    def _merge(self, member: Node, base: _Object, extra: _Object) -> _Object:
        fields = dict(base.fields)
        for name, new in extra.fields.items():
            old = fields.get(name)
            if old is None:
                fields[name] = new
            elif new.type in {ANY, old.type}:  # it only annotates
                fields[name] = evolve(old, doc=new.doc or old.doc)
            else:
                member.document.add_problem(new.pointer, f"allOf gives {name!r} two types: {old.type}, {new.type}")
        return _Object(fields, base.required | extra.required, base.bases | extra.bases)


def _without(node: Node, keys: set[str]) -> dict[str, Value]:
    return {key: child.value for key, child in node.mapping().items() if key not in keys}


def documentation(node: Node) -> str:
    """Return a schema's prose, followed by its limits."""
    if node.child("$ref"):
        target = node.document.resolve(node.text("$ref"))
        return documentation(target) if target and not target.child("$ref") else ""
    parts = [node.text("description")]
    for key, sentence in _LIMITS.items():
        child = node.child(key)
        if child:
            parts.append(sentence.format(child.value))
    return "\n".join(part for part in parts if part)
