"""Every conversion of dates and times: what callers pass, the API's timestamps, HTTP dates, epoch seconds.

Inside the package a time is one of three: an aware `datetime`, seconds since the epoch (a clock's `float`), or, where
the server's nanoseconds count, whole nanoseconds since the epoch.
"""

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

import msgspec

from hubapi.errors import ConfigurationError

SECOND_NS = 1_000_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_NS = -62_135_596_800 * SECOND_NS  # year 1
_LATEST_NS = 253_402_300_799 * SECOND_NS  # the last second of year 9999
_UTC_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?[Zz]")
_GO_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) ([+-]\d{4})(?: \w+)?")


def to_aware(value: datetime | date | None) -> datetime | None:
    """Return a caller's datetime or date as an aware datetime; a date becomes midnight UTC.

    Raises:
        ConfigurationError: a datetime has no time zone.
    """
    if value is None:
        return None
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if value.tzinfo is None:
        raise ConfigurationError(f"{value!r} has no time zone; give an aware datetime, for example with tzinfo=UTC")
    return value


def from_epoch(seconds: float | None) -> datetime | None:
    """Return seconds since the epoch as a datetime in UTC, or None if `datetime` can't represent it."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


@lru_cache(maxsize=64)  # every response has a date, and many have the same one
def parse_http_date(text: str | None) -> float | None:
    """Return an HTTP date as seconds since the epoch, or None if it is not one.

    Source: RFC 9110, 5.6.7.
    """
    if not text:
        return None
    try:
        parsed = parsedate_to_datetime(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def parse_timestamp(text: str) -> datetime:
    """Read a timestamp in any form the server is known to send; without a zone it is UTC (D6).

    Raises:
        ValueError: it is none of them.

    Example:
        >>> parse_timestamp("2021-02-19T01:34:35.03746Z").microsecond
        37460
        >>> parse_timestamp("2020-01-01 15:00:51.193355 +0000 UTC").isoformat()
        '2020-01-01T15:00:51.193355+00:00'
    """
    found = _GO_TIME.fullmatch(text.strip())
    if found:
        text = f"{found[1]}T{found[2]}{found[3][:3]}:{found[3][3:]}"
    try:
        # msgspec first, so that nanoseconds are rounded as in the codec's fast path.
        parsed = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        parsed = datetime.fromisoformat(text.strip())
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def format_timestamp(value: datetime) -> str:
    """Return an aware datetime as RFC 3339, in UTC.

    Raises:
        ConfigurationError: it has no time zone, or is not within the years 1 to 9999 in UTC.
    """
    if value.tzinfo is None:
        raise ConfigurationError(f"{value!r} has no time zone; give an aware datetime, for example with tzinfo=UTC")
    try:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        problem = f"{value!r} lies outside the years 1 to 9999 in UTC"
    raise ConfigurationError(problem)


def timestamp_ns(text: str) -> int:
    """Return a timestamp, in any form that the server sends, in nanoseconds since the epoch (D6).

    Raises:
        ValueError: the text is not a timestamp.
    """
    if found := _UTC_TIMESTAMP.fullmatch(text):
        whole, fraction = found.groups()
        return to_ns(datetime.fromisoformat(f"{whole}+00:00")) + int((fraction or "").ljust(9, "0"))
    return to_ns(parse_timestamp(text))


def parse_ns(text: str) -> int | None:
    """Return a timestamp in nanoseconds since the epoch, or None if the text is not a timestamp."""
    try:
        return timestamp_ns(text)
    except ValueError:
        return None


def to_ns(value: datetime) -> int:
    """Return an aware datetime in nanoseconds since the epoch."""
    return (value - _EPOCH) // timedelta(microseconds=1) * 1000


def from_ns(time_ns: int) -> datetime:
    """Return nanoseconds since the epoch as a datetime in UTC, cut to microseconds and to the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=max(_EARLIEST_NS, min(time_ns, _LATEST_NS)) // 1000)


def utc_day(text: str) -> str | None:
    """Return the day of a timestamp in UTC, such as `2026-01-31`; None if the text is not a timestamp.

    Example:
        >>> utc_day("2026-01-31T23:30:00-01:00")
        '2026-02-01'
    """
    if text[-1:] == "Z" and _begins_with_day(text[:11]):
        return text[:10]
    time_ns = parse_ns(text)
    return None if time_ns is None else from_ns(time_ns).date().isoformat()


@lru_cache(maxsize=512)
def _begins_with_day(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]", text, re.ASCII) is not None


def parse_day(text: str) -> date | None:
    """Return a day such as `2026-01-31` as a date; None if the text is not a valid date."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def check_zone(text: str) -> None:
    """Check that a text is a timestamp with a time zone.

    Raises:
        ValueError: it is not.
    """
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
