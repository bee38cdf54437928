"""The closed world: for every kind of object, the keywords that are handled and those knowingly passed over.

Any other keyword is refused. An exception is made by name, with its reason, never wholesale: `x-` keys included.
"""

from scripts.generate.load import Node

METHODS = ("get", "put", "post", "patch", "delete", "head")

_HANDLED = {
    "description": "openapi info paths servers components security tags",
    "info object": "title version",
    "tag": "name",
    "server": "url",
    "components object": "schemas responses parameters requestBodies securitySchemes",
    "security scheme": "type scheme",
    "path": " ".join(METHODS) + " parameters",
    "operation": "tags summary operationId description parameters requestBody responses security deprecated "
    "x-repeatable",
    "parameter": "name in required description schema",
    "request body": "content required description",
    "response": "description content x-model",
    "media type": "schema",
    "schema": "type format properties required items additionalProperties allOf enum nullable description "
    "minLength maxLength minimum maximum minItems maxItems pattern",
}
ANNOTATIONS = "example title default deprecated description"  # what says nothing about a schema's type
_IGNORED = {
    # x-tagGroups orders the documentation's menu; externalDocs is prose.
    "description": "x-tagGroups externalDocs",
    "info object": "description x-logo contact license termsOfService",
    "tag": "description x-displayName externalDocs",
    "server": "description",
    "security scheme": "description bearerFormat x-displayName",
    # x-audience marks whom a route is meant for, x-codeSamples is prose.
    "path": "summary description x-audience",
    "operation": "x-audience x-codeSamples externalDocs",
    "parameter": "example examples deprecated",
    # Headers of answers are read by the core, whatever is declared.
    "response": "headers",
    "media type": "example examples",
    # A default is the server's business: it is not sent, and an answer carries what holds.
    "schema": ANNOTATIONS,
}
_KNOWN = {kind: {*handled.split(), *_IGNORED.get(kind, "").split()} for kind, handled in _HANDLED.items()}


def check_keywords(node: Node, kind: str) -> None:
    """Refuse every keyword of *node* that this *kind* of object is not known to have."""
    for key, child in node.mapping().items():
        if key not in _KNOWN[kind]:
            child.problem(f"unknown keyword {key!r} in {'an' if kind[0] in 'aeiou' else 'a'} {kind}")


def follow(node: Node, section: str) -> Node | None:
    """Return what a `$ref` to `components/<section>` leads to, or None after noting why it can't."""
    reference, prefix = node.text("$ref"), f"#/components/{section}/"
    for key, sibling in node.mapping().items():
        if key != "$ref":
            sibling.problem(f"{key!r} beside a $ref is ignored by OpenAPI 3.0: say what is meant in a fix")
    if not reference.startswith(prefix) or "/" in reference.removeprefix(prefix):
        node.problem(f"expected a reference to {prefix}…, not to {reference!r}")
        return None
    target = node.document.resolve(reference)
    if target is None:
        node.problem(f"{reference} leads nowhere")
    return target
