"""Timestamps as the server reads and writes them, kept as whole nanoseconds since the epoch.

The parser is FakeHub's own: it accepts what the server accepts, while `hubapi._datetimes` accepts whatever the server
was ever seen to send.
"""

import re
from datetime import datetime

from hubapi._datetimes import SECOND_NS, from_ns, to_ns

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


def parse_rfc3339(text: str) -> int:
    """Return an RFC 3339 time with up to nine fractional digits in nanoseconds.

    Raises:
        ValueError: *text* is anything else.
    """
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    whole, fraction, zone = found.groups()
    # `fromisoformat` would cut the fraction to microseconds.
    return to_ns(datetime.fromisoformat(whole + zone)) + int((fraction or "").ljust(9, "0"))


def datetime_to_ns(value: datetime) -> int:
    """Return an aware datetime in nanoseconds.

    Raises:
        ValueError: *value* is naive.
    """
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return to_ns(value)


def seconds_to_ns(seconds: float) -> int:
    """Return a reading of a clock in nanoseconds, rounded to the microsecond, which is all that a float holds."""
    return round(seconds * 1e6) * 1000


def format_protobuf(time_ns: int) -> str:
    """Format a time as audit events have it: with 0, 3, 6 or 9 fractional digits, the fewest that hold it (D6).

    Source: the JSON form of `google.protobuf.Timestamp`, https://protobuf.dev/reference/protobuf/google.protobuf/#timestamp
    """
    fraction = time_ns % SECOND_NS
    if fraction == 0:
        return f"{_whole(time_ns)}Z"
    if fraction % 10**6 == 0:
        return f"{_whole(time_ns)}.{fraction // 10**6:03d}Z"
    if fraction % 10**3 == 0:
        return f"{_whole(time_ns)}.{fraction // 10**3:06d}Z"
    return f"{_whole(time_ns)}.{fraction:09d}Z"


def format_go(time_ns: int) -> str:
    """Format a time as tags, tokens and profiles have it: without trailing zeros in the fraction (D6).

    Source: `time.RFC3339Nano`, https://pkg.go.dev/time#pkg-constants
    """
    digits = f"{time_ns % SECOND_NS:09d}".rstrip("0")
    return f"{_whole(time_ns)}.{digits}Z" if digits else f"{_whole(time_ns)}Z"


def _whole(time_ns: int) -> str:
    return from_ns(time_ns).isoformat()[:19]
