"""Stage 3c: which way each model travels, who uses it, and which inline shapes are one and the same.

A request must tell "not set" from null and needs what is required; an answer may lack anything. So it matters whether
a model is sent, received or both.
"""

from attrs import evolve

from scripts.generate.ir import Alias, Api, Field, Model, Operation, Ref, Type, refs, replace_refs
from scripts.generate.load import Document


def share(api: Api) -> Api:
    """Mark the direction of every model, and let equal inline shapes be one model."""
    api = _mark(api)
    while twins := _twins(api):
        api = _mark(_without(api, twins))
    return api


def check_required(document: Document, api: Api) -> None:
    """Refuse a request that requires a property it doesn't declare; on an answer `required` is only a hint."""
    for model in api.models.values():
        for name in sorted(model.required - {f.wire for f in model.fields}):
            if model.requests:
                document.add_problem(model.pointer, f"requires {name!r}, which it does not declare")


def _mark(api: Api) -> Api:
    sent, received = dict[str, set[str]](), dict[str, set[str]]()
    for operation in api.operations:
        if operation.body:
            _spread(api, operation.body.type, operation, sent)
        for kind in (operation.result, *(f.type for f in operation.failures if f.type)):
            _spread(api, kind, operation, received)
    nobody = set[str]()
    models = {
        pointer: evolve(
            model,
            requests=pointer in sent,
            answers=pointer in received,
            operations=frozenset(sent.get(pointer, nobody) | received.get(pointer, nobody)),
        )
        for pointer, model in api.models.items()
    }
    aliases = {
        pointer: evolve(alias, operations=frozenset(sent.get(pointer, nobody) | received.get(pointer, nobody)))
        for pointer, alias in api.aliases.items()
    }
    return evolve(api, models=models, aliases=aliases)


def _spread(api: Api, kind: Type, operation: Operation, users: dict[str, set[str]]) -> None:
    for pointer in refs(kind):
        known = users.setdefault(pointer, set())
        if operation.key in known:
            continue
        known.add(operation.key)
        if pointer in api.aliases:
            _spread(api, api.aliases[pointer].target, operation, users)
        if pointer in api.models:
            model = api.models[pointer]
            for reached in (*(f.type for f in model.fields), *map(Ref, model.bases)):
                _spread(api, reached, operation, users)


def _shape(model: Model) -> object:
    required = model.required if model.requests else frozenset[str]()
    return tuple((f.wire, f.type) for f in model.fields), required


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


def _without(api: Api, twins: dict[str, str]) -> Api:
    def changed(kind: Type) -> Type:
        return replace_refs(kind, twins)

    def field(old: Field) -> Field:
        return evolve(old, type=changed(old.type))

    operations = tuple(
        evolve(
            operation,
            body=evolve(operation.body, type=changed(operation.body.type)) if operation.body else None,
            result=changed(operation.result),
            failures=tuple(evolve(f, type=changed(f.type)) if f.type else f for f in operation.failures),
        )
        for operation in api.operations
    )
    models = {
        pointer: evolve(model, fields=tuple(field(f) for f in model.fields))
        for pointer, model in api.models.items()
        if pointer not in twins
    }
    aliases = {p: Alias(p, changed(a.target), a.doc, a.operations) for p, a in api.aliases.items()}
    return Api(operations, models, aliases)
