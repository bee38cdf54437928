"""The corrected description: the responses of every operation by status, and their validation."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen
from openapi_schema_validator import OAS30ReadValidator, oas30_format_checker

from hubapi import models
from scripts.generate.__main__ import Sources, correct
from scripts.generate.load import child_pointer, load, steps

OPENAPI = Path(__file__).resolve().parents[3] / "openapi"
DOCUMENT: dict[str, Any] = json.loads(json.dumps(correct(Sources.of(OPENAPI)).document.value))
_NAMES: Any = load(OPENAPI / "names.yaml").value


def at(pointer: str) -> Any:
    """Return the value at a JSON pointer."""
    node: Any = DOCUMENT
    for step in steps(pointer):
        node = node[int(step)] if isinstance(node, list) else node[step]
    return node


def _followed(pointer: str) -> str:
    """Return the pointer that a reference leads to in the end."""
    node = at(pointer)
    return _followed(node["$ref"]) if isinstance(node, dict) and "$ref" in node else pointer


@frozen
class Schema:
    """The schema at a pointer of the description."""

    pointer: str

    def problems(self, value: object) -> list[str]:
        """Return the errors that an independent validator finds in a value, formats included."""
        # The components stand in the schema itself, where its references look for them.
        whole = {"allOf": [{"$ref": self.pointer}], "components": DOCUMENT["components"], "paths": DOCUMENT["paths"]}
        validator = OAS30ReadValidator(whole, format_checker=oas30_format_checker)
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]

    def unknown_keys(self, value: object, path: str = "$") -> Iterator[str]:
        """Yield the keys of a value that the description does not have, which validators accept."""
        parts = list(self._parts())
        if isinstance(value, list):
            for part in parts:
                if "items" in at(part.pointer):
                    for number, item in enumerate(value):
                        yield from part._child("items").unknown_keys(item, f"{path}[{number}]")
        elif isinstance(value, dict):
            for key, inner in value.items():
                known = [found for part in parts if (found := part._property(key)) is not None]
                if not known:
                    yield f"{path}.{key}"
                for schema in known:
                    yield from schema.unknown_keys(inner, f"{path}.{key}")

    @property
    def model(self) -> Any:
        """The model that the generator made of it; `Any` if it made none."""
        pinned = _NAMES["models"].get(self.pointer)
        if pinned is not None:
            return getattr(models, pinned)
        schema = at(self.pointer)
        if "$ref" in schema:
            return Schema(schema["$ref"]).model
        return self._child("allOf")._child("0").model if "allOf" in schema else Any

    def _parts(self) -> "Iterator[Schema]":
        schema = at(self.pointer)
        if "$ref" in schema:
            yield from Schema(schema["$ref"])._parts()
            return
        yield self
        for number in range(len(schema.get("allOf", ()))):
            yield from self._child("allOf")._child(str(number))._parts()

    def _property(self, key: str) -> "Schema | None":
        schema = at(self.pointer)
        if key in schema.get("properties", {}):
            return self._child("properties")._child(key)
        if "additionalProperties" in schema:
            return self._child("additionalProperties")
        return self if schema == {} else None

    def _child(self, key: str) -> "Schema":
        return Schema(child_pointer(self.pointer, key))


@frozen
class Described:
    """One operation."""

    name: str
    method: str
    path: str
    pointer: str

    @property
    def definition(self) -> dict[str, Any]:
        found: dict[str, Any] = at(self.pointer)
        return found

    @property
    def statuses(self) -> set[str]:
        return set(self.definition["responses"])

    def schemas(self, status: int | str) -> dict[str, Schema] | None:
        """Return the schemas of a status, or of the default, by media type; None if it is not described."""
        known = str(status) if str(status) in self.statuses else "default"
        if known not in self.statuses:
            return None
        pointer = _followed(f"{self.pointer}/responses/{known}")
        kinds = [] if self.method == "HEAD" else at(pointer).get("content", {})
        return {kind: Schema(f"{child_pointer(f'{pointer}/content', kind)}/schema") for kind in kinds}


def _operations() -> Iterator[Described]:
    for path, item in DOCUMENT["paths"].items():
        for method in item.keys() & {"get", "put", "post", "delete", "options", "head", "patch", "trace"}:
            name = _NAMES["operations"][f"{method.upper()} {path}"]
            yield Described(name, method.upper(), path, f"{child_pointer('#/paths', path)}/{method}")


OPERATIONS = {operation.name: operation for operation in sorted(_operations(), key=lambda found: found.name)}
