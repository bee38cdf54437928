"""Cutting a page into its events, byte for byte."""

import pytest

from hubapi import DecodeError
from hubapi.export.pages import split


def test_events_are_the_bytes_that_came() -> None:
    """Spaces, key order, escapes and unknown keys stay."""
    page = b'{"logs": [{"event_id":"1",  "x": "\\u00e9\\n", "new": [1.0]},{"action":"a"}], "more": 1}'

    assert [b'{"event_id":"1",  "x": "\\u00e9\\n", "new": [1.0]}', b'{"action":"a"}'] == [
        e.line for e in split(page, "x")
    ]


def test_an_event_on_several_lines_becomes_one() -> None:
    """A line break between tokens is taken out, or JSON Lines would not be."""
    assert [b'{"a":[1,2]}'] == [e.line for e in split(b'{"logs":[{"a":\n [1,\r\n 2]}]}', "x")]


def test_an_event_without_an_id_is_known_by_all_of_it() -> None:
    """Equal events have equal identities, others have not."""
    first, second, third = split(b'{"logs":[{"a":1},{"a":1},{"a":2}]}', "x")

    assert first.identity == second.identity != third.identity


@pytest.mark.parametrize("page", [b'{"logs":null}', b"{}", b'{"logs":[]}'])
def test_no_events_are_no_events(page: bytes) -> None:
    """Null, absent and empty are the same."""
    assert [] == split(page, "x")


@pytest.mark.parametrize("page", [b"", b"<html>", b"[]", b'{"logs":{}}', b'{"logs":[1]}', b'{"logs":[{"a":', b"\xff"])
def test_what_is_no_page_is_a_decode_error(page: bytes) -> None:
    """Nothing but a page passes."""
    with pytest.raises(DecodeError, match="not a page of audit events"):
        split(page, "audit_logs.export")
