"""The rate-limit headers of a response, as numbers."""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from msgspec import Struct

from hubapi._datetimes import from_epoch, parse_http_date

RETRY_HEADERS = ("x-retry-after", "retry-after", "x-ratelimit-reset")

_NUMBER = re.compile(r"\s*([+-]?\d{1,18}(?:\.\d{1,9})?)\s*(?:[,;]|$)", re.ASCII)

# A bare number (D7) from here on is a Unix timestamp, as documented, in seconds or milliseconds; below, it is a wait.
_EPOCH_S, _EPOCH_MS = 1e9, 1e12


class RateLimit(Struct, frozen=True, kw_only=True):
    """The rate limit as the last response reported it.

    Attributes:
        limit: The number of requests that a window allows.
        remaining: The number of requests left in it; negative if other clients, or refused requests, exceeded it (D8).
        reset_at: When the window resets, by the server's clock; None if the response did not have it.
    """

    limit: int
    remaining: int
    reset_at: datetime | None


class Reading(Struct, frozen=True, kw_only=True):
    """The rate limit of one response. `reset` and `date` are seconds since the epoch; None if it does not have them."""

    limit: int
    remaining: int
    reset: float | None
    date: float | None

    @property
    def rate_limit(self) -> RateLimit:
        """The public form."""
        return RateLimit(limit=self.limit, remaining=self.remaining, reset_at=from_epoch(self.reset))


def read_headers(headers: Mapping[str, str]) -> Reading | None:
    """Return the rate limit of a response, or None if it has no readable one.

    Args:
        headers: The response's headers, names in lower case.

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
    elif reset is not None and reset < _EPOCH_S:  # seconds from now, as other servers send it
        reset = None if date is None or reset < 0 else date + reset
    return Reading(limit=int(limit), remaining=math.floor(min(remaining, limit)), reset=reset, date=date)


def parse_retry_after(headers: Mapping[str, str], local_now: float) -> float | None:
    """Return the seconds that the server asks to wait from now on, or None if it does not ask for a wait.

    `X-Retry-After` is read first, then `Retry-After`, then `X-RateLimit-Reset`. Timestamps are relative to the `Date`
    of the same response, so that a wrong local clock has no effect.

    Args:
        headers: The response's headers, names in lower case.
        local_now: The local clock in seconds since the epoch, used only if the response has no `Date`.

    Example:
        >>> parse_retry_after({"x-retry-after": "1700000030", "date": "Tue, 14 Nov 2023 22:13:20 GMT"}, 0)
        30.0
        >>> parse_retry_after({"retry-after": "7"}, 0)
        7.0
    """
    server_now = parse_http_date(headers.get("date"))
    now = local_now if server_now is None else server_now
    for name in RETRY_HEADERS:
        text = headers.get(name, "")
        date = parse_http_date(text)
        # A repeated header is joined to "5, 10": take the longer wait, which is never too short.
        waits = [_seconds(part, now) for part in text.split(",")] if date is None else [date - now]
        readable = [seconds for seconds in waits if seconds is not None]
        if readable:
            return max(0.0, *readable)
    return None


def _seconds(text: str, now: float) -> float | None:
    """Return the wait that a bare number asks for, or None if the text is not a valid number."""
    try:
        number = float(text)
    except ValueError:
        return None
    if not 0 <= number < math.inf:
        return None
    if number >= _EPOCH_MS:
        return number / 1000 - now
    return number - now if number >= _EPOCH_S else number


@lru_cache(maxsize=1024)  # many responses have the same values
def _number(text: str | None) -> float | None:
    """Return the first number of a header such as `180` or `180;w=60`."""
    found = _NUMBER.match(text or "")
    return float(found[1]) if found else None
