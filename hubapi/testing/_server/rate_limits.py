"""Rate limits as pure classes over a clock's readings, and the headers that tell of them."""

from collections import deque
from email.utils import formatdate
from math import ceil
from typing import Literal, Protocol

from attrs import field, frozen, validators

__all__ = ["Budgets", "RateLimitPolicy", "Reading", "RetryAfter", "retry_header"]

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
    """How many requests are answered in how long.

    Args:
        limit: Requests a window holds; at least 1.
        window_s: The window's length in seconds.
        kind: ``"rolling"`` as the server does it: the window is always the last *window_s* seconds, refused
            requests count too, ``remaining`` may fall below zero, and ``reset`` is told as two seconds short
            of a window from now (docker/hub-feedback#2459, badges/shields#9342). ``"fixed"`` as the
            documentation has it: a window begins with the first request and ends *window_s* later.
    """

    limit: int = field(default=600, validator=validators.ge(1))
    window_s: float = field(default=60.0, validator=validators.gt(0))
    kind: Literal["rolling", "fixed"] = field(
        default="rolling", kw_only=True, validator=validators.in_(("rolling", "fixed"))
    )


@frozen
class Reading:
    """What one request meets: whether it passes, and what the headers say of the window after it."""

    passes: bool
    limit: int
    remaining: int
    reset: int
    free_at: float
    """When a request would pass again; only meaningful for one that did not."""


class Window(Protocol):
    """One budget's state."""

    def take(self, now: float) -> Reading:
        """Count a request at *now*, in seconds; readings must not go back."""
        ...


class RollingWindow:
    """The last so many seconds, refused requests included."""

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
            # One more than the excess must age out before there is room for another.
            free_at=now if passes else taken[-remaining] + window_s,
        )


class FixedWindow:
    """Windows side by side, each begun by the first request after the one before ended."""

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


class Budgets:
    """One window for each account, and for each address that comes without one."""

    def __init__(self, account: RateLimitPolicy, anonymous: RateLimitPolicy) -> None:
        self._account = account
        self._anonymous = anonymous
        self._windows: dict[tuple[str, str], Window] = {}

    def take(self, account: str | None, address: str, now: float) -> Reading:
        """Count a request of *account*, or of *address* when it names none."""
        key = ("address", address) if account is None else ("account", account)
        window = self._windows.get(key)
        if window is None:
            policy = self._anonymous if account is None else self._account
            window = RollingWindow(policy) if policy.kind == "rolling" else FixedWindow(policy)
            self._windows[key] = window
        return window.take(now)


def retry_header(form: RetryAfter, *, now: float, free_at: float) -> tuple[bytes, bytes] | None:
    """Tell when to come back, in one of the forms that the server has used over time.

    ``X-Retry-After`` as an epoch is the documented one; ``Retry-After`` was seconds in 2024, an epoch in 2025
    (docker/hub-feedback#2459), and seconds again since (docker/terraform-provider-docker#99). The time
    is the true one, rounded up to whole seconds: who waits for it gets through.
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
