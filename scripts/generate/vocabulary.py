"""The closed world: for every kind of object, the keywords that are handled and those knowingly passed over.

Any other keyword is refused. An exception is made by name, with its reason, never wholesale: `x-` keys included.
"""

from attrs import frozen

from scripts.generate.load import Node

METHODS = ("get", "put", "post", "patch", "delete", "head")


@frozen
class _Words:
    handled: frozenset[str]
    ignored: frozenset[str]


def _words(handled: str, ignored: str = "") -> _Words:
    return _Words(frozenset(handled.split()), frozenset(ignored.split()))


_VOCABULARY = {
    # x-tagGroups orders the documentation's menu; externalDocs is prose.
    "description": _words("openapi info paths servers components security tags", "x-tagGroups externalDocs"),
    "info": _words("title version", "description x-logo contact license termsOfService"),
    "tag": _words("name", "description x-displayName externalDocs"),
    "server": _words("url", "description"),
    "components": _words("schemas responses parameters requestBodies securitySchemes"),
    "security scheme": _words("type scheme", "description bearerFormat x-displayName"),
    "path": _words(" ".join(METHODS) + " parameters", "summary description"),
    # x-audience marks which plan may call a route, x-codeSamples is prose.
    "operation": _words(
        "tags summary operationId description parameters requestBody responses security deprecated",
        "x-audience x-codeSamples externalDocs",
    ),
    "parameter": _words("name in required description schema", "example examples deprecated"),
    "request body": _words("content required description"),
    # Headers of answers are read by the core, whatever is declared.
    "response": _words("description content", "headers"),
    "media type": _words("schema", "example examples"),
    # A default is the server's business: it is not sent, and an answer carries what holds.
    "schema": _words(
        "type format properties required items additionalProperties allOf enum nullable description "
        "minLength maxLength minimum maximum minItems maxItems pattern",
        "example title default deprecated",
    ),
}


def check_keywords(node: Node, kind: str) -> None:
    """Refuse every keyword of *node* that this *kind* of object is not known to have."""
    words = _VOCABULARY[kind]
    for key, child in node.mapping().items():
        if key not in words.handled and key not in words.ignored:
            child.problem(f"unknown keyword {key!r} in a {kind}")
