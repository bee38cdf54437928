"""The corrections in `openapi/fixes.yaml`: each is needed, and together they make the description correct."""

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
ORIGINAL, ADDITIONS, FIXES = (load(OPENAPI / f"{name}.yaml") for name in ("latest", "additions", "fixes"))
SPEC = merge(ORIGINAL, ADDITIONS)
ENTRIES = {f"{n} {entry.text('at')}": n for n, entry in enumerate(FIXES.root.sequence())}


def corrected(without: int | None = None) -> Document:
    """Return the corrected description, without one of the entries."""
    assert isinstance(FIXES.value, list)
    kept = [entry for n, entry in enumerate(FIXES.value) if n != without]
    marks = dict(FIXES.marks) | {child_pointer("#", n): FIXES.marks["#"] for n in range(len(kept))}
    return patch(SPEC, Document(FIXES.name, kept, marks)).document


def emitted(document: Document) -> dict[str, str]:
    """Return the modules of a description, before formatting."""
    api = lower.lower(document)
    resolved = names.resolve(api, load(OPENAPI / "names.yaml"), document)
    return emit.emit(api, resolved, package="hubapi._generated", header="")


@cache
def committed() -> dict[str, str]:
    """Return the modules of the corrected description."""
    return emitted(corrected())


def schema_errors(document: Document, sample: Path) -> list[str]:
    """Return the errors that an independent validator finds in a sample; its name is that of its schema."""
    value: Any = document.value
    schema = {"$ref": f"#/components/schemas/{sample.name.partition('.')[0]}", "components": value["components"]}
    return [error.message for error in OAS30Validator(schema).iter_errors(json.loads(sample.read_text()))]


def is_noticed(without: int) -> bool:
    """Return whether the generator, its output or the samples show that an entry is missing."""
    try:
        document = corrected(without)
        if emitted(document) != committed():
            return True
    except SpecError:
        return True
    return any(schema_errors(document, sample) for sample in SAMPLES)


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_is_needed(entry: str) -> None:
    """Without it the generator fails, the output differs, or a recorded response is no longer valid."""
    assert is_noticed(ENTRIES[entry])


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_samples_are_valid_against_the_corrected_description(sample: Path) -> None:
    """They are recorded responses of the server."""
    assert schema_errors(corrected(), sample) == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_samples_are_invalid_against_the_description_without_fixes(sample: Path) -> None:
    """Otherwise the test above would prove nothing."""
    assert schema_errors(SPEC, sample) != []


def test_the_description_without_fixes_is_refused() -> None:
    """The generator can't read it."""
    with pytest.raises(SpecError, match="bearerSCIMAuth"):
        lower.lower(patch(SPEC, Document("none.yaml", [], dict(FIXES.marks))).document)


def test_fixes_do_not_change_the_description() -> None:
    """They are applied to a copy."""
    corrected()

    assert merge(ORIGINAL, ADDITIONS).value == SPEC.value


def test_no_entry_corrects_the_same_place_twice() -> None:
    """The last entry would silently replace the first."""
    places = [entry.text("at") for entry in FIXES.root.sequence()]

    assert sorted(set(places)) == sorted(places)
