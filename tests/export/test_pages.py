"""Splitting a page into its events, byte for byte; their times and identities."""

from datetime import UTC, datetime

import msgspec
import pytest

from hubapi import DecodeError
from hubapi._datetimes import from_ns, parse_ns, to_ns
from hubapi.export.pages import Page, RawPage, identity_of, is_digest, split_page, time_of

BEGIN_NS = 1_767_225_600 * 10**9  # 2026-01-01


def lines(content: bytes) -> list[bytes]:
    return [bytes(line) for line in split_page(msgspec.json.decode(content, type=RawPage), content).lines]


def test_events_are_the_bytes_that_came() -> None:
    """Spaces, key order, escapes and unknown keys stay."""
    page = b'{"logs": [{"event_id":"1",  "x": "\\u00e9\\n", "new": [1.0]},{"action":"a"}], "more": 1}'

    assert [b'{"event_id":"1",  "x": "\\u00e9\\n", "new": [1.0]}', b'{"action":"a"}'] == lines(page)


def test_an_event_on_several_lines_becomes_one() -> None:
    """Line breaks between tokens are removed, as JSON Lines requires."""
    assert [b'{"a":[1,2]}'] == lines(b'{"logs":[{"a":\n [1,\r\n 2]}]}')


@pytest.mark.parametrize("page", [b'{"logs":null}', b"{}", b" {}\n", b'{"logs":[]}'])
def test_no_events_are_no_events(page: bytes) -> None:
    """Null, absent and empty are the same."""
    assert [] == lines(page)


@pytest.mark.parametrize("page", [b'{"message":"soon"}', b'{"Logs":[]}'])
def test_a_response_without_events_is_a_decode_error(page: bytes) -> None:
    """It must not be taken for the end of a log."""
    with pytest.raises(DecodeError, match="not a page of audit events"):
        lines(page)


def test_an_event_without_an_id_is_known_by_all_of_it() -> None:
    """Equal events have equal identities, others have not; with an id, that is it."""
    first, second, third, named = map(identity_of, [b'{"a":1}', b'{"a":1}', b'{"a":2}', b'{"event_id":"x","a":1}'])

    assert (first, "x") == (second, named)
    assert first != third
    assert [True, False] == [is_digest(first), is_digest(named)]


@pytest.mark.parametrize(
    "line", [b'{"event_id":5}', b'{"event_id":null}', b'{"event_id":""}', b"[]", b'{"event_id":"\xff"}']
)
def test_an_invalid_id_is_ignored(line: bytes) -> None:
    """No event may end an export."""
    assert is_digest(identity_of(line))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-01T00:00:00Z", BEGIN_NS),
        ("2026-01-01T00:00:00.1Z", BEGIN_NS + 10**8),
        ("2026-01-01T00:00:00.123456789Z", BEGIN_NS + 123_456_789),
        ("2026-01-01T00:00:00.1234567899Z", BEGIN_NS + 123_456_789),
        ("2026-01-01t00:00:00z", BEGIN_NS),
        ("2026-01-01T02:00:00+02:00", BEGIN_NS),
        ("2026-01-01T00:00:00", BEGIN_NS),
        ("2026-01-01 00:00:00.5 +0000 UTC", BEGIN_NS + 5 * 10**8),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("0001-01-01T00:00:00Z", -62_135_596_800 * 10**9),
        ("2026-02-30T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times_of_every_form_are_read_to_the_nanosecond(text: str, expected: int | None) -> None:
    """D6."""
    assert expected == parse_ns(text) == time_of(msgspec.json.encode({"timestamp": text}))


@pytest.mark.parametrize("line", [b"{}", b"[]", b'{"timestamp":5}', b'{"timestamp":"\xff"}'])
def test_an_invalid_time_is_none(line: bytes) -> None:
    """It doesn't end an export."""
    assert time_of(line) is None


def test_a_page_knows_its_ends() -> None:
    """Its events are in the order of the server, the newest first."""
    page = Page([b'{"timestamp":"2026-01-01T00:00:00.000000002Z","event_id":"b"}', b'{"event_id":"a"}'])

    assert (BEGIN_NS + 2, None, ["b", "a"]) == (page.first_ns, page.last_ns, page.identities)
    assert (None, None, []) == (Page([]).first_ns, Page([]).last_ns, Page([]).identities)


def test_datetimes_are_converted_both_ways() -> None:
    """Times outside the years 1 to 9999 are cut: a window may begin a second before year 1."""
    moment = datetime(2026, 1, 1, 0, 0, 0, 123456, UTC)

    assert (moment, moment) == (
        from_ns(to_ns(moment)),
        from_ns(to_ns(moment) + 999),
    )
    assert datetime(1, 1, 1, tzinfo=UTC) == from_ns(to_ns(datetime(1, 1, 1, tzinfo=UTC)) - 10**9)
    assert 9999 == from_ns(10**30).year
