"""Whether and when to send again: pure functions over plain values.

- Never before the time the server names; longer than allowed is an error at once, not a nap.
- Not sent: always safe. Maybe processed (a lost answer, 5xx): only what is idempotent.
- Full jitter, so that clients that failed together don't come back together.
- A budget for all calls of a hub, so that an outage doesn't multiply the traffic.
"""

import math
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Literal, TypeAlias

from msgspec import Struct

from hubapi._rate_limit.server_clock import moment

RETRY_HEADERS = ("x-retry-after", "retry-after", "x-ratelimit-reset")

# Readings of a bare number (D7): the documented form is a unix timestamp, the usual one seconds.
_EPOCH_MS = 1e12
_EPOCH_S = 1e9

Verdict: TypeAlias = Literal["return", "refresh", "rate limited", "again", "fail"]


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How patient a call is.

    Args:
        max_attempts: How often one call is sent at most; 429s don't count.
        max_retry_after_s: The longest wait, in seconds, that the server may ask for.
        first_s: The upper bound of the first back-off, in seconds; it doubles with each attempt.
        cap_s: The upper bound of any back-off, in seconds.
    """

    max_attempts: int = 4
    max_retry_after_s: float = 300.0
    first_s: float = 0.5
    cap_s: float = 20.0


def backoff(attempt: int, policy: RetryPolicy, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """Return the seconds to wait after the *attempt*-th failure (1 is the first): full jitter.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return uniform(0.0, min(policy.cap_s, policy.first_s * 2 ** min(attempt - 1, 30)))


class RetryBudget(Struct, eq=False):
    """How many retries all calls of a hub may still make: a bucket of tokens.

    A retry takes one, and a call that comes to its end gives back a fifth, whatever it came to. So a server that fails
    everything gets at most a fifth more requests than there are calls once the reserve is spent, where four attempts
    each would be three times more. The reserve lets everything that is under way, at the usual width of 32, make its
    three retries through a failure that passes. A 429 is not a retry: the gate sees to those.

    Args:
        reserve: How many it holds at most, and at first.
        per_call: What a call gives back.

    Source: the proportions are those of the AWS SDKs' standard mode (500 held, 5 for a retry, 1 given back).
        https://github.com/boto/botocore/blob/develop/botocore/retries/standard.py
    """

    reserve: float = 100.0
    per_call: float = 0.2
    left: float = 0.0

    def __post_init__(self) -> None:
        self.left = self.reserve

    def spend(self) -> bool:
        """Take a retry, and return whether there was one to take."""
        if self.left < 1:
            return False
        self.left -= 1
        return True

    def earn(self) -> None:
        """Hear that a call came to its end."""
        self.left = min(self.reserve, self.left + self.per_call)


def classify(status: int, *, idempotent: bool, readable: bool = True) -> Verdict:
    """Say what an answer's status means for the call.

    Args:
        status: The HTTP status.
        idempotent: Whether the operation may safely be processed twice.
        readable: False where a success came as something else than JSON (D10: HTML with status 200).
    """
    if status == 429:
        return "rate limited"
    if status == 401:
        return "refresh"
    if status in {500, 502, 503, 504} or (status < 300 and not readable):
        return "again" if idempotent else "fail"
    return "return" if status < 300 else "fail"


@lru_cache(maxsize=64)  # every answer has a date, and many have the same
def parse_date(text: str | None) -> float | None:
    """Return an HTTP date as seconds since the epoch, or None where it is not one."""
    if not text:
        return None
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


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
    server_now = parse_date(headers.get("date"))
    now = wall_now if server_now is None else server_now
    for name in RETRY_HEADERS:
        text = headers.get(name, "")
        date = parse_date(text)
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


def retry_at(seconds: float, server_now: float) -> datetime | None:
    """Return the moment a wait ends, or None where no calendar reaches it."""
    return moment(server_now + seconds)
