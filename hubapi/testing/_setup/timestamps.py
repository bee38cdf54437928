"""Timestamps as the server writes and reads them: RFC 3339, kept as whole nanoseconds since the epoch."""

import re
from datetime import UTC, datetime, timedelta

__all__ = ["from_datetime", "from_seconds", "go_text", "parse", "protobuf_text"]

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 10**9


def parse(text: str) -> int:
    """Read an RFC 3339 time with up to nine digits of fraction; raise ValueError for anything else."""
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    whole, fraction, zone = found.groups()
    # `fromisoformat` would cut the fraction to microseconds.
    return from_datetime(datetime.fromisoformat(whole + zone)) + int((fraction or "").ljust(9, "0"))


def from_datetime(moment: datetime) -> int:
    """Turn an aware datetime into nanoseconds; raise ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"a datetime with a time zone is needed: {moment!r}")
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def from_seconds(seconds: float) -> int:
    """Turn a clock's reading into nanoseconds, to the microsecond that a float can still hold."""
    return round(seconds * 1e6) * 1000


def protobuf_text(time_ns: int) -> str:
    """Write a time with 0, 3, 6 or 9 digits of fraction, the least that hold it (protobuf's JSON form)."""
    seconds, fraction = divmod(time_ns, _SECOND)
    if fraction == 0:
        return f"{_whole(seconds)}Z"
    if fraction % 10**6 == 0:
        return f"{_whole(seconds)}.{fraction // 10**6:03d}Z"
    if fraction % 10**3 == 0:
        return f"{_whole(seconds)}.{fraction // 10**3:06d}Z"
    return f"{_whole(seconds)}.{fraction:09d}Z"


def go_text(time_ns: int) -> str:
    """Write a time without trailing zeros in the fraction (Go's RFC3339Nano): any number of digits to 9."""
    seconds, fraction = divmod(time_ns, _SECOND)
    digits = f"{fraction:09d}".rstrip("0")
    return f"{_whole(seconds)}.{digits}Z" if digits else f"{_whole(seconds)}Z"


def _whole(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
