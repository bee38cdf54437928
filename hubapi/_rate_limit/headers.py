"""The rate-limit headers of an answer, as numbers."""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from msgspec import Struct

from hubapi._datetimes import parse_http_date

_NUMBER = re.compile(r"\s*([+-]?\d{1,18}(?:\.\d{1,9})?)\s*(?:[,;]|$)", re.ASCII)
RETRY_HEADERS = ("x-retry-after", "retry-after", "x-ratelimit-reset")

# Readings of a bare number (D7): the documented form is a unix timestamp, the usual one seconds.
_EPOCH_S, _EPOCH_MS = 1e9, 1e12


class RateLimit(Struct, frozen=True, kw_only=True):
    """What the server last said it allows.

    Attributes:
        limit: Requests in a window.
        remaining: Requests left in it; below zero where others, or refused requests, went over (D8).
        reset_at: When the window resets, by the server's clock.
    """

    limit: int
    remaining: int
    reset_at: datetime | None


class Reading(Struct, frozen=True, kw_only=True):
    """What one answer says of the limit. `reset` and `date` are epoch seconds; None where it doesn't say."""

    limit: int
    remaining: int
    reset: float | None
    date: float | None


def read_headers(headers: Mapping[str, str]) -> Reading | None:
    """Return what an answer says of the limit, or None where it says nothing that can be read.

    Args:
        headers: The answer's headers, names in lower case.

    Source: https://docs.docker.com/reference/api/hub/latest/#tag/rate-limiting

    Example:
        >>> read_headers({"x-ratelimit-limit": "180", "x-ratelimit-remaining": "179"})
        Reading(limit=180, remaining=179, reset=None, date=None)
    """
    limit, remaining = _number(headers.get("x-ratelimit-limit")), _number(headers.get("x-ratelimit-remaining"))
    if limit is None or remaining is None or limit < 1:
        return None
    date = parse_http_date(headers.get("date"))
    reset = _number(headers.get("x-ratelimit-reset"))
    if reset is not None and reset >= _EPOCH_MS:
        reset /= 1000
    elif reset is not None and reset < _EPOCH_S:  # seconds from now, as other servers tell it
        reset = None if date is None or reset < 0 else date + reset
    return Reading(limit=int(limit), remaining=math.floor(min(remaining, limit)), reset=reset, date=date)


def parse_retry_after(headers: Mapping[str, str], wall_now: float) -> float | None:
    """Return how many seconds from the answer on the server asks to wait, or None where it doesn't say.

    `X-Retry-After` is read first, then `Retry-After`, then `X-RateLimit-Reset`. Moments are counted from the `Date` of
    the same answer, so that a wrong local clock changes nothing.

    Args:
        headers: The answer's headers, names in lower case.
        wall_now: The local clock, used only where the answer carries no `Date`.

    Example:
        >>> parse_retry_after({"x-retry-after": "1700000030", "date": "Tue, 14 Nov 2023 22:13:20 GMT"}, 0)
        30.0
        >>> parse_retry_after({"retry-after": "7"}, 0)
        7.0
    """
    server_now = parse_http_date(headers.get("date"))
    now = wall_now if server_now is None else server_now
    for name in RETRY_HEADERS:
        text = headers.get(name, "")
        date = parse_http_date(text)
        # A header that came twice reads "5, 10": the later time is the one never too early.
        waits = [_seconds(part, now) for part in text.split(",")] if date is None else [date - now]
        told = [seconds for seconds in waits if seconds is not None]
        if told:
            return max(0.0, *told)
    return None


def _seconds(text: str, now: float) -> float | None:
    """Return the wait that a bare number asks for, or None where it makes no sense."""
    try:
        number = float(text)
    except ValueError:
        return None
    if not 0 <= number < math.inf:
        return None
    if number >= _EPOCH_MS:
        return number / 1000 - now
    return number - now if number >= _EPOCH_S else number


@lru_cache(maxsize=1024)  # each stands in many answers
def _number(text: str | None) -> float | None:
    """Return the first number of a header such as `180` or `180;w=60`."""
    found = _NUMBER.match(text or "")
    return float(found[1]) if found else None
