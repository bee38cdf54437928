"""Rate limits, over readings of a clock."""

from email.utils import parsedate_to_datetime
from typing import get_args

import pytest

from hubapi.testing import RateLimitPolicy, RetryAfter
from hubapi.testing._server.rate_limits import FixedWindow, RateLimits, RollingWindow, retry_header


def test_a_rolling_window_accepts_its_limit() -> None:
    """As many requests pass as the limit allows, and the next does not."""
    window = RollingWindow(RateLimitPolicy(3))

    assert [window.take(100.0).passes for _ in range(4)] == [True, True, True, False]


def test_a_rolling_window_counts_rejected_requests() -> None:
    """Rejected requests count too, so `remaining` is negative."""
    window = RollingWindow(RateLimitPolicy(2))

    assert [window.take(100.0).remaining for _ in range(4)] == [1, 0, -1, -2]


def test_a_rolling_window_frees_one_at_a_time() -> None:
    """Requests leave the window one by one, when they are a window old."""
    window = RollingWindow(RateLimitPolicy(2, 60))
    window.take(100.0)
    window.take(110.0)

    assert not window.take(159.9).passes
    assert not window.take(160.0).passes
    # The one of 110 has left the window, the two rejected ones have not.
    assert not window.take(170.0).passes
    assert window.take(230.0).passes


@pytest.mark.parametrize("extra", [1, 2, 5])
def test_a_rolling_window_names_the_exact_time(extra: int) -> None:
    """A request passes at `free_at`, and not before, however many were rejected."""

    def rejected() -> tuple[RollingWindow, float]:
        window = RollingWindow(RateLimitPolicy(3, 60))
        readings = [window.take(100.0 + number) for number in range(3 + extra)]
        return window, readings[-1].free_at

    window, free_at = rejected()
    assert not window.take(free_at - 0.001).passes
    window, free_at = rejected()
    assert window.take(free_at).passes


def test_a_rolling_window_resets_about_a_window_from_now() -> None:
    """`reset` is two seconds less than a window from each request."""
    window = RollingWindow(RateLimitPolicy(10, 60))

    assert [window.take(now).reset for now in (100.4, 105.9)] == [158, 163]


def test_a_fixed_window_starts_over_at_its_end() -> None:
    """A window begins with a request, ends one length later, and `remaining` is never negative."""
    window = FixedWindow(RateLimitPolicy(2, 60, kind="fixed"))

    readings = [window.take(now) for now in (100.5, 110.0, 120.0, 160.4, 160.5)]

    assert [reading.passes for reading in readings] == [True, True, False, False, True]
    assert [reading.remaining for reading in readings] == [1, 0, 0, 0, 1]
    assert [reading.reset for reading in readings] == [161, 161, 161, 161, 221]
    assert readings[2].free_at == 160.5


def test_accounts_and_addresses_are_limited_separately() -> None:
    """Each account has its own window, and so has each address of anonymous requests."""
    limits = RateLimits(account=RateLimitPolicy(2), anonymous=RateLimitPolicy(1))

    assert limits.take("moby", "10.0.0.1", 0.0).remaining == 1
    assert limits.take("moby", "10.0.0.2", 0.0).remaining == 0
    assert limits.take("octopus", "10.0.0.1", 0.0).remaining == 1
    assert limits.take(None, "10.0.0.1", 0.0).remaining == 0
    assert limits.take(None, "10.0.0.2", 0.0).remaining == 0
    # An account may have the name of an address.
    assert limits.take("10.0.0.1", "10.0.0.1", 0.0).remaining == 1


@pytest.mark.parametrize(
    ("form", "header"),
    [
        ("x-retry-after-epoch", (b"x-retry-after", b"1700000061")),
        ("retry-after-epoch", (b"retry-after", b"1700000061")),
        ("retry-after-epoch-ms", (b"retry-after", b"1700000061000")),
        ("retry-after-seconds", (b"retry-after", b"60")),
        ("retry-after-date", (b"retry-after", b"Tue, 14 Nov 2023 22:14:21 GMT")),
        ("none", None),
    ],
)
def test_retry_headers_round_up(form: RetryAfter, header: tuple[bytes, bytes] | None) -> None:
    """Each form names the time when a request passes, rounded up to whole seconds."""
    assert header == retry_header(form, now=1_700_000_000.5, free_at=1_700_000_060.25)


def test_the_date_form_is_the_time_of_the_others() -> None:
    """The HTTP date and the epoch are the same time."""
    date = retry_header("retry-after-date", now=0.0, free_at=1_700_000_060.25)
    assert date is not None

    assert parsedate_to_datetime(date[1].decode()).timestamp() == 1_700_000_061
    assert len(get_args(RetryAfter)) == 6


def test_invalid_limits_are_rejected() -> None:
    """A limit below 1, a window without length and an unknown kind are errors."""
    with pytest.raises(ValueError, match="limit"):
        RateLimitPolicy(0)
    with pytest.raises(ValueError, match="window_s"):
        RateLimitPolicy(1, 0)
    with pytest.raises(ValueError, match="kind"):
        RateLimitPolicy(1, kind="leaky")  # type: ignore[arg-type]
