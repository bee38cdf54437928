"""The retry rules: pure functions over plain values.

- After a 429 the request is sent again when the wait that the server asks for is over, never sooner, and the attempt
  does not count. If that wait is longer than allowed, the call fails at once.
- A request that was not sent can always be repeated. One that may have been processed (no response, 5xx, a success that
  is not JSON) is repeated only if the operation is idempotent.
- Waits have full jitter, so that clients that failed together do not retry together.
- A budget for all calls of a client keeps retries from multiplying the traffic during an outage.
"""

import math
import random
from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

RETRIED_STATUSES = frozenset({500, 502, 503, 504})
"""The statuses of transient failures: https://github.com/docker/hub-feedback/issues/2258 (D11)."""


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """The limits on repeating a call.

    Args:
        max_attempts: The maximum number of times a call is sent; 429s don't count.
        max_retry_after_s: The longest wait, in seconds, that the server may ask for.
        first_s: The upper bound of the first back-off, in seconds; it doubles with each attempt.
        cap_s: The upper bound of any back-off, in seconds.

    Example:
        >>> settings = Settings(options=Options(retry=RetryPolicy(max_attempts=2, max_retry_after_s=10.0)))
    """

    max_attempts: int = 4
    max_retry_after_s: float = 300.0
    first_s: float = 0.5
    cap_s: float = 20.0


class Outcome(Struct, frozen=True, kw_only=True):
    """The outcome of one attempt: the part of its result that the rules need.

    Attributes:
        status: The response's status; None if there was no response.
        sent: False if the request certainly did not reach the server.
        readable: False if a success is not JSON, or is truncated, as happens during an outage (D10).
        wait_s: The seconds that a 429 asks to wait; None for a lock-out and for any other response.
    """

    status: int | None
    sent: bool = True
    readable: bool = True
    wait_s: float | None = None


class Attempt(Struct, frozen=True, kw_only=True):
    """The attempt that had the outcome.

    Attributes:
        number: The number of the attempt within its call, from 1.
        idempotent: True if processing the operation twice has the same effect as once.
        can_refresh: True if another token can be obtained.
        left_s: The seconds until the call's deadline.
    """

    number: int
    idempotent: bool
    can_refresh: bool = False
    left_s: float = math.inf


class Return(Struct, frozen=True):
    """The response is the call's result."""


class Refresh(Struct, frozen=True):
    """Send the request again with another token."""


class Retry(Struct, frozen=True):
    """Send the request again after *wait_s* seconds."""

    wait_s: float


class Pause(Struct, frozen=True):
    """Wait the *wait_s* seconds that a 429 asks for, then send the request again, as the same attempt."""

    wait_s: float


class Fail(Struct, frozen=True):
    """The call fails with this outcome."""


Decision: TypeAlias = Return | Refresh | Retry | Pause | Fail


def decide(
    outcome: Outcome,
    attempt: Attempt,
    policy: RetryPolicy,
    uniform: Callable[[float, float], float] = random.uniform,
) -> Decision:
    """Return the next step after an attempt.

    Example:
        >>> decide(Outcome(status=200), Attempt(number=1, idempotent=True), RetryPolicy())
        Return()
        >>> decide(Outcome(status=503), Attempt(number=1, idempotent=False), RetryPolicy())
        Fail()
        >>> decide(Outcome(status=503), Attempt(number=1, idempotent=True), RetryPolicy(), max)
        Retry(wait_s=0.5)
        >>> decide(Outcome(status=429, wait_s=7.0), Attempt(number=1, idempotent=False), RetryPolicy())
        Pause(wait_s=7.0)
    """
    status = outcome.status
    if outcome.wait_s is not None:
        return Fail() if outcome.wait_s > min(policy.max_retry_after_s, attempt.left_s) else Pause(outcome.wait_s)
    if status == 401 and attempt.can_refresh:
        return Refresh()
    if status is not None and status < 300 and outcome.readable:
        return Return()
    is_transient = status is None or status < 300 or status in RETRIED_STATUSES
    is_safe = attempt.idempotent or not outcome.sent
    if not (is_transient and is_safe and attempt.number < policy.max_attempts):
        return Fail()
    wait_s = backoff(attempt.number, policy, uniform)
    return Fail() if wait_s > attempt.left_s else Retry(wait_s)


def backoff(attempt: int, policy: RetryPolicy, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """Return the seconds to wait after the *attempt*-th failure (1 is the first): full jitter.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return uniform(0.0, min(policy.cap_s, policy.first_s * 2 ** min(attempt - 1, 30)))


class RetryBudget(Struct, eq=False):
    """The retries that the calls of a client may still make, as a token bucket.

    A retry takes one, and a call that ends returns a fifth, whatever its result. So once the reserve is spent, a server
    that fails every request gets at most a fifth more requests than there are calls, instead of four times as many. The
    reserve is enough for all calls in flight, 32 by default, to make their three retries during a short outage. A 429
    is not a retry: the rate limiter handles it.

    Args:
        reserve: The capacity, and the initial content.
        per_call: The part of a retry that a call returns.

    Source: the proportions are those of the AWS SDKs' standard mode (capacity 500, 5 for a retry, 1 returned).
        https://github.com/boto/botocore/blob/develop/botocore/retries/standard.py
    """

    reserve: float = 100.0
    per_call: float = 0.2
    left: float = 0.0

    def __post_init__(self) -> None:
        self.left = self.reserve

    def spend(self) -> bool:
        """Take a retry; return False if there is none left."""
        if self.left < 1:
            return False
        self.left -= 1
        return True

    def earn(self) -> None:
        """Register the end of a call."""
        self.left = min(self.reserve, self.left + self.per_call)
