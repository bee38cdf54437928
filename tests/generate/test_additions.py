"""Additions: the operations of `additions.yaml`, merged into the description."""

from scripts.generate.__main__ import ROOT
from scripts.generate.load import load
from scripts.generate.merge import merge
from tests.generate.inline import Generate

OPENAPI = ROOT / "openapi"
EVIDENCE = 'x-evidence: ["https://example.com"]'
DONE = "responses: { 204: { description: Done } }"
PATHS = f"""\
  /things:
    get:
      tags: [things]
      {DONE}
"""


def test_an_operation_can_be_added_to_a_path(generate: Generate) -> None:
    """The operations that the description has of that path stay."""
    api = generate(PATHS, additions=f"paths:\n  /things:\n    delete: {{ tags: [things], {EVIDENCE}, {DONE} }}\n")

    assert "GET" == api.call("things.list_things").method
    assert "DELETE" == api.call("things.delete_things").method


def test_a_path_can_be_added_with_its_parameters_and_components(generate: Generate) -> None:
    """Also to a description without components."""
    additions = f"""\
paths:
  /more/{{id}}:
    parameters: [{{ name: id, in: path, required: true, schema: {{ type: integer }} }}]
    get:
      tags: [more]
      {EVIDENCE}
      responses:
        200:
          description: OK
          content: {{ application/json: {{ schema: {{ $ref: "#/components/schemas/more" }} }} }}
components:
  schemas:
    more: {{ type: object, properties: {{ name: {{ type: string }} }} }}
"""
    api = generate(PATHS, additions=additions)

    call = api.call("more.get_more", 3)

    assert ({"id": "3"}, api.models.More) == (call.path_values, call.result)


def test_fixes_correct_additions_too(generate: Generate) -> None:
    """They are applied to the merged description."""
    additions = f"paths:\n  /things:\n    post: {{ tags: [things], {EVIDENCE}, {DONE} }}\n"
    fixes = '- { at: "#/paths/~1things/post/tags/0", was: things, now: others, why: A test. }\n'

    assert "POST" == generate(PATHS, additions=additions, fixes=fixes).call("others.create_thing").method


def test_evidence_is_not_part_of_the_merged_description() -> None:
    """It is for readers of the additions; other tools would not know the keyword."""
    merged = merge(load(OPENAPI / "latest.yaml"), load(OPENAPI / "additions.yaml"))
    operation = merged.resolve("#/paths/~1v2~1auth~1token/post")

    assert operation is not None
    assert operation.child("x-evidence") is None
    assert "additions.yaml:" in merged.where(operation.pointer)


def test_merging_leaves_both_files_alone() -> None:
    """The merged description is a copy."""
    description, additions = load(OPENAPI / "latest.yaml"), load(OPENAPI / "additions.yaml")

    merge(description, additions)

    assert load(OPENAPI / "latest.yaml") == description
    assert load(OPENAPI / "additions.yaml") == additions
