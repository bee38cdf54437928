"""Stage 4c: the models that operations reach, the direction of each, and the inline shapes that are equal.

An operation reaches what its body, its successful response and those of its error responses that have a model mention,
directly or through the properties of a model. All others are left out. `allOf` copies properties, so it
reaches the types of the properties but not the schema that they come from. Error responses have no model, unless the
description marks them with `x-model`: the client turns every error body into one `StatusError`, whatever its shape.

A request has to distinguish "not set" from null and needs what is required; a response may lack anything. So it matters
whether a model is sent, received or both.
"""

from collections import defaultdict
from collections.abc import Callable

from attrs import evolve

from scripts.generate.ir import Api, Model, Operation, Ref, Type, refs, resolved, rewrite
from scripts.generate.load import Document


def reached(api: Api) -> Api:
    """Return the description with the models that operations reach, aliases resolved and equal shapes merged."""
    api = _without_unused(_marked(api))
    api = _rewritten(api, lambda pointer: resolved(Ref(pointer), api.aliases))
    while twins := _twins(api):
        models = {pointer: model for pointer, model in api.models.items() if pointer not in twins}
        api = _marked(_rewritten(evolve(api, models=models), lambda p: Ref(twins.get(p, p))))
    return api


def check_required(document: Document, api: Api) -> None:
    """Check that requests declare the properties that they require; in a response `required` is only a hint."""
    for model in api.models.values():
        for name in sorted(model.required - {f.wire for f in model.fields}):
            if model.requests:
                document.add_problem(model.pointer, f"requires {name!r}, which it does not declare")


def _marked(api: Api) -> Api:
    """Record which operations use each model and alias, and in which direction."""
    sent: dict[str, set[str]] = defaultdict(set)
    received: dict[str, set[str]] = defaultdict(set)
    for operation in api.operations:
        if operation.body:
            _spread(api, operation.body.type, operation, sent)
        for kind in (operation.result, *operation.errors.values()):
            _spread(api, kind, operation, received)

    def users(pointer: str) -> frozenset[str]:
        return frozenset(sent[pointer] | received[pointer])

    models = {
        p: evolve(m, requests=bool(sent[p]), responses=bool(received[p]), operations=users(p))
        for p, m in api.models.items()
    }
    aliases = {p: evolve(a, operations=a.operations | users(p)) for p, a in api.aliases.items()}
    return evolve(api, models=models, aliases=aliases)


def _without_unused(api: Api) -> Api:
    """Return the description without the models and aliases that no operation uses."""
    models = {pointer: model for pointer, model in api.models.items() if model.operations}
    aliases = {pointer: alias for pointer, alias in api.aliases.items() if alias.operations}
    return evolve(api, models=models, aliases=aliases)


def _spread(api: Api, kind: Type, operation: Operation, users: dict[str, set[str]]) -> None:
    for pointer in refs(kind):
        if operation.key in users[pointer]:
            continue
        users[pointer].add(operation.key)
        if pointer in api.aliases:
            _spread(api, api.aliases[pointer].target, operation, users)
        if pointer in api.models:
            for f in api.models[pointer].fields:
                _spread(api, f.type, operation, users)


def _shape(model: Model) -> object:
    return model.fields, model.required if model.requests else frozenset[str]()


def _twins(api: Api) -> dict[str, str]:
    """Return the inline models that equal another, with the one to use instead: a component if there is one."""
    first: dict[object, str] = {}
    for pointer, model in sorted(api.models.items(), key=lambda item: not item[1].component):
        first.setdefault(_shape(model), pointer)
    return {
        pointer: first[_shape(model)]
        for pointer, model in api.models.items()
        if not model.component and first[_shape(model)] != pointer
    }


def _rewritten(api: Api, new: Callable[[str], Type]) -> Api:
    """Return the description with each pointer in its types replaced."""

    def operation(old: Operation) -> Operation:
        body = evolve(old.body, type=rewrite(old.body.type, new)) if old.body else None
        errors = {status: rewrite(kind, new) for status, kind in old.errors.items()}
        return evolve(old, body=body, result=rewrite(old.result, new), errors=errors)

    def model(old: Model) -> Model:
        return evolve(old, fields=tuple(evolve(f, type=rewrite(f.type, new)) for f in old.fields))

    return Api(
        tuple(map(operation, api.operations)),
        {pointer: model(old) for pointer, old in api.models.items()},
        {pointer: evolve(old, target=rewrite(old.target, new)) for pointer, old in api.aliases.items()},
    )
