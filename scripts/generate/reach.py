"""Stage 4c: which way each model travels, who uses it, and which inline shapes are one and the same.

A request must tell "not set" from null and needs what is required; an answer may lack anything. So it matters whether
a model is sent, received or both.
"""

from collections import defaultdict
from collections.abc import Callable

from attrs import evolve

from scripts.generate.ir import Api, Model, Operation, Ref, Type, refs, resolved, rewrite
from scripts.generate.load import Document


def share(api: Api) -> Api:
    """Mark the direction of every model, resolve the aliases, and let equal inline shapes be one model."""
    api = _marked(api)
    api = _rewritten(api, lambda pointer: resolved(Ref(pointer), api.aliases))
    while twins := _twins(api):
        models = {pointer: model for pointer, model in api.models.items() if pointer not in twins}
        api = _marked(_rewritten(evolve(api, models=models), lambda p: Ref(twins.get(p, p))))
    return api


def check_required(document: Document, api: Api) -> None:
    """Refuse a request that requires a property it doesn't declare; on an answer `required` is only a hint."""
    for model in api.models.values():
        for name in sorted(model.required - {f.wire for f in model.fields}):
            if model.requests:
                document.add_problem(model.pointer, f"requires {name!r}, which it does not declare")


def _marked(api: Api) -> Api:
    """Note who uses each model and alias, and which way it travels."""
    sent: dict[str, set[str]] = defaultdict(set)
    received: dict[str, set[str]] = defaultdict(set)
    for operation in api.operations:
        if operation.body:
            _spread(api, operation.body.type, operation, sent)
        for kind in (operation.result, *operation.failures.values()):
            _spread(api, kind, operation, received)

    def users(pointer: str) -> frozenset[str]:
        return frozenset(sent[pointer] | received[pointer])

    models = {
        p: evolve(m, requests=bool(sent[p]), answers=bool(received[p]), operations=users(p))
        for p, m in api.models.items()
    }
    aliases = {p: evolve(a, operations=a.operations | users(p)) for p, a in api.aliases.items()}
    return evolve(api, models=models, aliases=aliases)


def _spread(api: Api, kind: Type, operation: Operation, users: dict[str, set[str]]) -> None:
    for pointer in refs(kind):
        if operation.key in users[pointer]:
            continue
        users[pointer].add(operation.key)
        if pointer in api.aliases:
            _spread(api, api.aliases[pointer].target, operation, users)
        if pointer in api.models:
            model = api.models[pointer]
            for reached in (*(f.type for f in model.fields), *map(Ref, model.bases)):
                _spread(api, reached, operation, users)


def _shape(model: Model) -> object:
    return model.fields, model.required if model.requests else frozenset[str]()


def _twins(api: Api) -> dict[str, str]:
    """Return inline models that have the shape of another, with the one to use instead: a component if there is one."""
    first: dict[object, str] = {}
    for pointer, model in sorted(api.models.items(), key=lambda item: not item[1].component):
        first.setdefault(_shape(model), pointer)
    return {
        pointer: first[_shape(model)]
        for pointer, model in api.models.items()
        if not model.component and first[_shape(model)] != pointer
    }


def _rewritten(api: Api, new: Callable[[str], Type]) -> Api:
    """Return the description with each pointer in its types exchanged."""

    def operation(old: Operation) -> Operation:
        body = evolve(old.body, type=rewrite(old.body.type, new)) if old.body else None
        failures = {status: rewrite(kind, new) for status, kind in old.failures.items()}
        return evolve(old, body=body, result=rewrite(old.result, new), failures=failures)

    def model(old: Model) -> Model:
        return evolve(old, fields=tuple(evolve(f, type=rewrite(f.type, new)) for f in old.fields))

    return Api(
        tuple(map(operation, api.operations)),
        {pointer: model(old) for pointer, old in api.models.items()},
        {pointer: evolve(old, target=rewrite(old.target, new)) for pointer, old in api.aliases.items()},
    )
