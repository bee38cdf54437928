"""The corrections in `openapi/fixes.yaml`: each is needed, and together they make the description true."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS30Validator

from scripts.generate import emit, lower, names
from scripts.generate.__main__ import ROOT
from scripts.generate.load import Document, SpecError, child_pointer, load
from scripts.generate.merge import merge
from scripts.generate.patch import patch

OPENAPI = ROOT / "openapi"
SAMPLES = sorted((ROOT / "tests" / "samples").glob("*.json"))
AS_IT_CAME, ADDITIONS, FIXES = (load(OPENAPI / f"{name}.yaml") for name in ("latest", "additions", "fixes"))
SPEC = merge(AS_IT_CAME, ADDITIONS)
ENTRIES = {f"{n} {entry.text('at')}": n for n, entry in enumerate(FIXES.root.sequence())}


def corrected(without: int | None = None) -> Document:
    """Return the corrected description, one entry left out."""
    assert isinstance(FIXES.value, list)
    kept = [entry for n, entry in enumerate(FIXES.value) if n != without]
    marks = dict(FIXES.marks) | {child_pointer("#", n): FIXES.marks["#"] for n in range(len(kept))}
    return patch(SPEC, Document(FIXES.name, kept, marks)).document


def emitted(document: Document) -> dict[str, str]:
    """Return the modules that come of a description, before they are formatted."""
    api = lower.lower(document)
    resolved = names.resolve(api, load(OPENAPI / "names.yaml"), document)
    return emit.emit(api, resolved, package="hubapi._generated", header="")


@cache
def committed() -> dict[str, str]:
    """Return the modules that come of every entry together."""
    return emitted(corrected())


def complaints(document: Document, sample: Path) -> list[str]:
    """Say how a sample breaks the schema it is named after; an independent validator judges."""
    value: Any = document.value
    schema = {"$ref": f"#/components/schemas/{sample.name.partition('.')[0]}", "components": value["components"]}
    return [error.message for error in OAS30Validator(schema).iter_errors(json.loads(sample.read_text()))]


def is_noticed(without: int) -> bool:
    """Whether the generator, its output or the samples show that an entry is missing."""
    try:
        document = corrected(without)
        if emitted(document) != committed():
            return True
    except SpecError:
        return True
    return any(complaints(document, sample) for sample in SAMPLES)


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_is_needed(entry: str) -> None:
    """Without it the generator refuses, other code comes out, or an answer of the server's is no longer valid."""
    assert is_noticed(ENTRIES[entry])


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_samples_are_valid_against_the_corrected_description(sample: Path) -> None:
    """What the server sends is what the description says, once corrected."""
    assert complaints(corrected(), sample) == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_samples_are_invalid_against_the_description_as_it_came(sample: Path) -> None:
    """Else it would prove nothing."""
    assert complaints(SPEC, sample) != []


def test_the_description_as_it_came_is_refused() -> None:
    """It can't be read without being corrected."""
    with pytest.raises(SpecError, match="bearerSCIMAuth"):
        lower.lower(patch(SPEC, Document("none.yaml", [], dict(FIXES.marks))).document)


def test_fixes_leave_the_description_alone() -> None:
    """They work on a copy."""
    corrected()

    assert merge(AS_IT_CAME, ADDITIONS).value == SPEC.value


def test_no_entry_corrects_the_same_place_twice() -> None:
    """The last would silently win over the first."""
    places = [entry.text("at") for entry in FIXES.root.sequence()]

    assert sorted(set(places)) == sorted(places)
