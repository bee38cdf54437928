"""Whether and when to send again: pure functions over plain values.

- Never before the time the server names; longer than allowed is an error at once, not a nap.
- Not sent: always safe. Maybe processed (a lost answer, 5xx): only what is idempotent.
- Full jitter, so that clients that failed together don't come back together.
- A budget for all calls of a hub, so that an outage doesn't multiply the traffic.
"""

import random
from collections.abc import Callable
from typing import Literal, TypeAlias

from msgspec import Struct

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
