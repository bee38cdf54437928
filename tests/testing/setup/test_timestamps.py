"""Timestamps on the wire."""

from datetime import UTC, datetime

import pytest

from hubapi.testing._setup import timestamps


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T01:00:00.03+01:00", 30_000_000),
    ],
)
def test_parses_fractions_of_any_length(text: str, time_ns: int) -> None:
    """Times are parsed to the nanosecond, in any zone."""
    assert time_ns == timestamps.parse_rfc3339(text)


@pytest.mark.parametrize("text", ["", "2025-01-01", "2025-01-01T00:00:00", "2025-13-01T00:00:00Z", "now"])
def test_rejects_other_formats(text: str) -> None:
    """A time without a zone, or out of range, is rejected."""
    with pytest.raises(ValueError, match=r"."):
        timestamps.parse_rfc3339(text)


@pytest.mark.parametrize(
    ("time_ns", "protobuf", "go"),
    [
        (0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        (500_000_000, "1970-01-01T00:00:00.500Z", "1970-01-01T00:00:00.5Z"),
        (120_000, "1970-01-01T00:00:00.000120Z", "1970-01-01T00:00:00.00012Z"),
        (123_456_780, "1970-01-01T00:00:00.123456780Z", "1970-01-01T00:00:00.12345678Z"),
    ],
)
def test_formats_as_protobuf_and_as_go(time_ns: int, protobuf: str, go: str) -> None:
    """Events have 0, 3, 6 or 9 fractional digits, tags any number; both can be parsed."""
    assert (protobuf, go) == (timestamps.format_protobuf(time_ns), timestamps.format_go(time_ns))
    assert time_ns == timestamps.parse_rfc3339(protobuf) == timestamps.parse_rfc3339(go)


def test_accepts_aware_datetimes_only() -> None:
    """A naive datetime is rejected, an aware one is exact to the microsecond."""
    moment = datetime(2025, 1, 1, 0, 0, 0, 123_457, tzinfo=UTC)

    assert timestamps.parse_rfc3339("2025-01-01T00:00:00.123457Z") == timestamps.datetime_to_ns(moment)
    with pytest.raises(ValueError, match="time zone"):
        timestamps.datetime_to_ns(moment.replace(tzinfo=None))
