"""The known keywords of every kind of OpenAPI object: those that are handled, and those that are deliberately ignored.

Any other keyword is an error, `x-` keys included. An exception is made by name, with its reason.
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
ANNOTATIONS = "example title default deprecated description"  # these don't affect the type of a schema
_IGNORED = {
    # x-tagGroups orders the documentation's menu; externalDocs is prose.
    "description": "x-tagGroups externalDocs",
    "info object": "description x-logo contact license termsOfService",
    "tag": "description x-displayName externalDocs",
    "server": "description",
    "security scheme": "description bearerFormat x-displayName",
    # x-audience marks the intended audience of a route, x-codeSamples is prose.
    "path": "summary description x-audience",
    "operation": "x-audience x-codeSamples externalDocs",
    "parameter": "example examples deprecated",
    # The client reads the headers of responses whether declared or not.
    "response": "headers",
    "media type": "example examples",
    # The server applies its defaults itself: they are not sent, and responses carry the effective value.
    "schema": ANNOTATIONS,
}
_KNOWN = {kind: {*handled.split(), *_IGNORED.get(kind, "").split()} for kind, handled in _HANDLED.items()}


def check_keywords(node: Node, kind: str) -> None:
    """Record a problem for every keyword of *node* that is unknown on this *kind* of object."""
    for key, child in node.mapping().items():
        if key not in _KNOWN[kind]:
            child.problem(f"unknown keyword {key!r} in {'an' if kind[0] in 'aeiou' else 'a'} {kind}")


def follow(node: Node, section: str) -> Node | None:
    """Return the target of a `$ref` to `components/<section>`, or None after recording the problem with it."""
    reference, prefix = node.text("$ref"), f"#/components/{section}/"
    for key, sibling in node.mapping().items():
        if key != "$ref":
            sibling.problem(f"{key!r} next to a $ref is ignored by OpenAPI 3.0: state the intended schema in a fix")
    if not reference.startswith(prefix) or "/" in reference.removeprefix(prefix):
        node.problem(f"expected a reference to {prefix}…, not to {reference!r}")
        return None
    target = node.document.resolve(reference)
    if target is None:
        node.problem(f"{reference} leads nowhere")
    return target
