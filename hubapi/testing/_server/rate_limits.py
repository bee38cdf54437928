"""Rate limits, as pure classes over readings of a clock, and the header that names the time to retry at."""

from collections import deque
from email.utils import formatdate
from math import ceil
from typing import Literal, Protocol

from attrs import field, frozen, validators

RetryAfter = Literal[
    "x-retry-after-epoch",
    "retry-after-epoch",
    "retry-after-epoch-ms",
    "retry-after-seconds",
    "retry-after-date",
    "none",
]


@frozen
class RateLimitPolicy:
    """The number of requests that a window of time holds.

    Args:
        limit: Requests in a window; at least 1.
        window_s: The length of a window, in seconds; more than 0.
        kind: `"rolling"`, as the server does it: the window is always the last *window_s* seconds, rejected requests
            count too, the remaining number may be negative, and the reset is two seconds less than a window from now
            (docker/hub-feedback#2459, badges/shields#9342, D8). `"fixed"`, as the documentation has it: a window
            begins with the first request and ends *window_s* later.

    Raises:
        ValueError: An argument is out of range.
    """

    limit: int = field(default=600, validator=validators.ge(1))
    window_s: float = field(default=60.0, validator=validators.gt(0))
    kind: Literal["rolling", "fixed"] = field(
        default="rolling", kw_only=True, validator=validators.in_(("rolling", "fixed"))
    )


@frozen
class Reading:
    """The state of a window after one request.

    Attributes:
        passes: Whether the request is within the limit.
        limit: The limit.
        remaining: The number of requests that remain; may be negative in a rolling window.
        reset: The time of the reset, in whole seconds since the epoch.
        free_at: The time when a request would pass again; meaningful only if this one did not.
    """

    passes: bool
    limit: int
    remaining: int
    reset: int
    free_at: float


class Window(Protocol):
    """The requests of one account or address."""

    def take(self, now: float) -> Reading:
        """Count a request at *now*, in seconds, which must not decrease."""
        ...


class RollingWindow:
    """The requests of the last seconds, rejected ones included."""

    def __init__(self, policy: RateLimitPolicy) -> None:
        self._policy = policy
        self._taken: deque[float] = deque()

    def take(self, now: float) -> Reading:
        limit, window_s, taken = self._policy.limit, self._policy.window_s, self._taken
        while taken and taken[0] <= now - window_s:
            taken.popleft()
        passes = len(taken) < limit
        taken.append(now)
        remaining = limit - len(taken)
        return Reading(
            passes=passes,
            limit=limit,
            remaining=remaining,
            reset=int(now + max(0.0, window_s - 2)),
            # One more than the excess must leave the window before there is room for another.
            free_at=now if passes else taken[-remaining] + window_s,
        )


class FixedWindow:
    """Windows in sequence, each of which begins with the first request after the end of the previous one."""

    def __init__(self, policy: RateLimitPolicy) -> None:
        self._policy = policy
        self._ends = float("-inf")
        self._taken = 0

    def take(self, now: float) -> Reading:
        if now >= self._ends:
            self._ends = now + self._policy.window_s
            self._taken = 0
        self._taken += 1
        passes = self._taken <= self._policy.limit
        return Reading(
            passes=passes,
            limit=self._policy.limit,
            remaining=max(0, self._policy.limit - self._taken),
            reset=ceil(self._ends),
            free_at=now if passes else self._ends,
        )


class RateLimits:
    """One window for each account, and for each address of anonymous requests."""

    def __init__(self, account: RateLimitPolicy, anonymous: RateLimitPolicy) -> None:
        self._account = account
        self._anonymous = anonymous
        self._windows: dict[tuple[str, str], Window] = {}

    def take(self, account: str | None, address: str, now: float) -> Reading:
        """Count a request of *account*, or of *address* if there is no account."""
        key = ("address", address) if account is None else ("account", account)
        window = self._windows.get(key)
        if window is None:
            policy = self._anonymous if account is None else self._account
            window = RollingWindow(policy) if policy.kind == "rolling" else FixedWindow(policy)
            self._windows[key] = window
        return window.take(now)


def retry_header(form: RetryAfter, *, now: float, free_at: float) -> tuple[bytes, bytes] | None:
    """Return the header that names the time to retry at, in one of the forms that the server has used (D7).

    `X-Retry-After` as an epoch is the documented one; `Retry-After` was in seconds in 2024, an epoch in 2025
    (docker/hub-feedback#2459), and in seconds again since (docker/terraform-provider-docker#99). The time is exact, and
    rounded up to whole seconds: a request at that time passes.
    """
    epoch = ceil(free_at)
    match form:
        case "none":
            return None
        case "x-retry-after-epoch":
            return b"x-retry-after", b"%d" % epoch
        case "retry-after-epoch":
            return b"retry-after", b"%d" % epoch
        case "retry-after-epoch-ms":
            return b"retry-after", b"%d" % (epoch * 1000)
        case "retry-after-seconds":
            return b"retry-after", b"%d" % max(0, ceil(free_at - now))
        case "retry-after-date":
            return b"retry-after", formatdate(epoch, usegmt=True).encode()
