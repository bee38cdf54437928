"""The rate-limit headers of an answer, as numbers."""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from msgspec import Struct

from hubapi._pipeline.retry import parse_date

_NUMBER = re.compile(r"\s*([+-]?\d{1,18}(?:\.\d{1,9})?)\s*(?:[,;]|$)", re.ASCII)
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
    date = parse_date(headers.get("date"))
    reset = _number(headers.get("x-ratelimit-reset"))
    if reset is not None and reset >= _EPOCH_MS:
        reset /= 1000
    elif reset is not None and reset < _EPOCH_S:  # seconds from now, as other servers tell it
        reset = None if date is None or reset < 0 else date + reset
    return Reading(limit=int(limit), remaining=math.floor(min(remaining, limit)), reset=reset, date=date)


@lru_cache(maxsize=1024)  # each stands in many answers
def _number(text: str | None) -> float | None:
    """Return the first number of a header such as `180` or `180;w=60`."""
    found = _NUMBER.match(text or "")
    return float(found[1]) if found else None
