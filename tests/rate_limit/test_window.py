"""The model of the server's window, driven by hand, and what it knows of the server's clock."""

import math

import pytest

from hubapi._datetimes import from_epoch
from hubapi._rate_limit.contention import Contention
from hubapi._rate_limit.headers import Reading
from hubapi._rate_limit.window import COLD, FORGET_S, Reservation, ServerClock, Window

EPOCH = 1_700_000_000.0


def make_reading(remaining: int, *, at: float = 0.0, reset_s: float = 58.0, limit: int = 10) -> Reading:
    """Return the reading of a response made at a time of our clock; the server's clock is `EPOCH` ahead."""
    date = float(math.floor(EPOCH + at))
    return Reading(limit=limit, remaining=remaining, reset=date + reset_s, date=date)


def take(window: Window, number: int, now: float) -> list[Reservation]:
    return [window.take(now) for _ in range(number)]


def rolling() -> Window:
    """Return a window known to be a rolling one of ten, with two requests long ago."""
    window = Window()
    for at in (-1000.0, -990.0):
        window.update(window.take(at), at + 0.1, make_reading(9, at=at))
    assert window._kind == "rolling"
    return window


def test_before_the_first_response_a_few_requests_may_be_sent() -> None:
    """The limit is not known yet, and one response is enough to learn it."""
    window = Window()
    take(window, COLD, 0)

    assert window.wait(0) == math.inf
    window.update(Reservation(0, 0, 0, 1, -1), 0.1, make_reading(9))
    assert window.available(0.1) == 2


def test_a_lost_first_request_is_replaced() -> None:
    """No request waits for a response that will not come."""
    window = Window()
    permits = take(window, COLD, 0)
    window.lose(permits[0], 1)

    assert window.wait(1) == 0


def test_a_server_without_rate_limit_headers_has_no_limit() -> None:
    """From its first response on, any number may be in flight."""
    window = Window()
    window.update(window.take(0), 0.1, None)
    take(window, 1000, 1)

    assert window.wait(1) == 0


def test_requests_in_flight_may_not_have_been_counted() -> None:
    """Every request without a response when this one was sent is subtracted from what remains."""
    window = Window()
    permits = take(window, 4, 0)
    window.update(permits[0], 0.1, make_reading(6))

    assert window.available(0.1) == 3


def test_responses_may_come_in_any_order() -> None:
    """Four requests were counted; the responses of the fourth, the first, the third and the second come."""
    known = []
    window = Window()
    permits = take(window, 4, 0)
    for permit, remaining in zip(permits, (6, 9, 7, 8), strict=True):
        window.update(permit, 0.1, make_reading(remaining))
        known.append(window.available(0.1))

    assert known == [3, 6, 6, 6]


def test_of_overlapping_responses_the_lowest_was_counted_last() -> None:
    """When all have come, it tells exactly what remains."""
    window = Window()
    permits = take(window, 4, 0)
    for permit, remaining in zip(permits, (9, 8, 7, 6), strict=True):
        window.update(permit, 0.1, make_reading(remaining))

    assert window.available(0.1) == 6


def test_a_later_response_replaces_an_earlier_one() -> None:
    """Other clients have taken four places in between."""
    window = Window()
    window.update(window.take(0), 0.1, make_reading(9))
    window.update(window.take(1), 1.1, make_reading(4, at=1))

    assert window.available(1.1) == 4


def test_a_late_response_is_used_until_the_next_one() -> None:
    """Of two responses that overlap either may be the newer one; the response of the next request decides."""
    window = Window()
    late = window.take(0)
    window.update(window.take(1), 1.1, make_reading(3, at=1))
    window.update(late, 1.2, make_reading(9))
    assert window.available(1.2) == 8
    window.update(window.take(2), 2.1, make_reading(2, at=2))
    assert window.available(2.1) == 2


def test_a_place_is_free_again_a_window_after_the_response() -> None:
    """The server counted the request no later than that: the place is free neither before nor later."""
    window = rolling()
    first, second = take(window, 2, 0)
    window.update(first, 0.5, make_reading(1))
    window.update(second, 0.8, make_reading(0))

    assert window.wait(1) == 59.5
    assert (window.available(60.49), window.available(60.5), window.available(60.8)) == (0, 1, 2)


def test_a_request_that_is_no_longer_counted_frees_no_place() -> None:
    """A request of a window ago may have expired before a response was made, which shows it already."""
    window = rolling()
    early = window.take(0)
    late = window.take(1)
    window.update(early, 0.2, make_reading(9))
    window.update(late, 60.1, make_reading(0, at=60))

    assert window.available(60.3) == 0


def test_a_fixed_window_frees_all_places_at_once() -> None:
    """A window after the response to the request that opened it, first for one probe and then for all."""
    window = Window()
    for at, remaining in ((0.0, 9), (5.0, 0)):
        window.update(window.take(at), at + 0.1, make_reading(remaining, at=at, reset_s=60.0 - at))

    assert window.wait(10) == pytest.approx(50.1)
    probe = window.take(60.1)
    assert (probe.probe, window.wait(60.1)) == (True, math.inf)
    window.update(probe, 60.2, make_reading(9, at=60, reset_s=60.0))
    assert window.available(60.2) == 9


def test_a_window_that_another_client_opened_ends_at_its_reset() -> None:
    """By the server's clock, of which several dates are known; never before."""
    window = Window()
    for at, remaining in ((0.3, 5), (0.9, 4), (4.05, 0)):
        date = float(math.floor(EPOCH + at))
        reading = Reading(limit=10, remaining=remaining, reset=EPOCH + 20, date=date)
        window.update(window.take(at), at + 0.1, reading)

    # The third response was read 0.15 s after the server's fourth second began.
    assert window.wait(10) == pytest.approx(10.15)


def test_a_fixed_window_frees_no_single_places() -> None:
    """A request of the previous window holds no place in this one."""
    window = Window()
    for at, remaining in ((0.0, 5), (5.0, 4), (19.0, 3)):
        window.update(window.take(at), at + 0.1, make_reading(remaining, at=at, reset_s=20.0 - at))
    window.update(window.take(20.5), 20.6, make_reading(0, at=20, reset_s=60.0))

    assert (window.available(66.0), window.available(80.0)) == (0, 0)


def test_a_reset_that_moves_back_is_accepted() -> None:
    """The server's clock was set back: its later responses count."""
    window = Window()
    window.update(window.take(0), 0.1, make_reading(9, reset_s=30.0))
    window.update(window.take(4), 4.1, make_reading(8, at=4, reset_s=26.0))
    set_back = Reading(limit=10, remaining=0, reset=EPOCH + 25 - 600, date=EPOCH + 5 - 600)
    window.update(window.take(5), 5.1, set_back)

    assert window.wait(6) == pytest.approx(19.1)


def test_a_lost_request_may_have_been_counted() -> None:
    """Or may be later: only the response of a request sent well after it certainly counts it."""
    window = Window()
    window.update(window.take(0), 0.1, make_reading(9))
    window.lose(window.take(1), 2)
    assert window.available(2) == 8
    window.update(window.take(3), 3.1, make_reading(8, at=3))
    assert window.available(3.1) == 7
    window.update(window.take(9), 9.1, make_reading(6, at=9))
    assert window.available(9.1) == 6


def test_if_all_requests_were_lost_one_probe_is_sent() -> None:
    """They may never have arrived: it does not wait for a whole window."""
    window = Window()
    window.update(window.take(0), 0.1, make_reading(2))
    for permit in take(window, 2, 1):
        window.lose(permit, 2)

    assert (window.available(2), window.wait(2)) == (0, 0)
    assert window.take(2).probe
    assert window.wait(2) == math.inf


def test_a_request_that_was_never_sent_takes_no_place() -> None:
    """Cancelling its reservation undoes it."""
    window = Window()
    window.update(window.take(0), 0.1, make_reading(2))
    for permit in take(window, 2, 1):
        window.cancel(permit)

    assert window.available(1) == 2


def test_remaining_may_be_negative() -> None:
    """Refused requests count too (D8)."""
    window = rolling()
    window.update(window.take(0), 0.1, make_reading(-534), closed_for=7)

    assert (window.available(1), window.state and window.state.remaining) == (-534, -534)


def test_after_a_429_one_probe_is_sent_first() -> None:
    """The rest follow after its response."""
    window = Window()
    first, second = take(window, 2, 0)
    window.update(first, 0.1, make_reading(0), closed_for=5)
    window.update(second, 0.2, make_reading(3))  # sent before: it does not reopen the window

    assert window.wait(1) == pytest.approx(4.1)
    probe = window.take(5.1)
    assert (probe.probe, window.wait(5.1)) == (True, math.inf)
    window.update(probe, 5.2, make_reading(4, at=5))
    assert window.wait(5.2) == 0


def test_429s_without_a_wait_double_the_wait() -> None:
    """This prevents a loop of immediate retries."""
    window, now, waits = Window(), 0.0, []
    for _ in range(9):
        window.update(window.take(now), now, None, closed_for=0)
        waits.append(window.wait(now))
        now += waits[-1]

    assert waits == [0.5, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_a_server_that_no_longer_sends_rate_limit_headers_has_no_limit() -> None:
    """One probe finds out."""
    window = Window()
    window.update(window.take(0), 0.1, make_reading(0))
    probe = window.take(70)
    window.update(probe, 70.1, None)

    assert (probe.probe, window.wait(70.1)) == (True, 0)


def test_the_state_is_that_of_the_newest_response() -> None:
    """By the server's date, unless its clock was set back."""
    window = Window()
    late = window.take(0)
    window.update(window.take(5), 5.1, make_reading(3, at=5))
    window.update(late, 5.2, make_reading(9))
    assert window.state is not None
    assert (window.state.remaining, window.state.reset_at) == (3, from_epoch(EPOCH + 63))
    window.update(window.take(6), 6.1, make_reading(2, at=-600))
    assert window.state.remaining == 2


def test_the_servers_clock_is_bounded_by_all_dates_together() -> None:
    """Dates are whole seconds; one written just after a full second is the most precise."""
    clock = ServerClock()
    for second in range(10):
        sent = second * 1.13
        clock.update(math.floor(EPOCH + 0.4 + sent + 0.05), sent, sent + 0.1)

    assert clock.ahead_s is not None
    assert EPOCH + 0.2 <= clock.ahead_s <= EPOCH + 0.4


def test_a_server_clock_that_is_set_back_is_detected() -> None:
    """Its date contradicts the previous bound."""
    clock = ServerClock()
    clock.update(EPOCH, 0, 0.1)
    clock.update(EPOCH + 1 - 30, 1, 1.1)

    assert clock.ahead_s == pytest.approx(EPOCH - 30 - 0.1)


def test_the_bound_of_a_drifting_clock_is_renewed() -> None:
    """It loses a second in a thousand: the bound is never off by more than the drift of some minutes."""
    clock, errors = ServerClock(), []
    for now in range(0, 20_000, 7):
        server = EPOCH + now * 0.999
        clock.update(math.floor(server + 1e-4), now, now + 0.1)
        assert clock.ahead_s is not None
        errors.append(clock.ahead_s - (server - now))

    assert max(errors[200:]) <= 2 * FORGET_S * 0.001


def test_contention_causes_caution_that_fades() -> None:
    """The more places other clients took, the more caution; without them it fades to none."""
    contention = Contention()
    assert contention.width(room=5, limit=160, age_s=0) == math.inf
    contention.update(taken=19, limit=160)
    assert [contention.width(room, 160, 0) for room in (21, 20, 16, 3)] == [math.inf, 2, 2, 1]
    contention.register_refusal(limit=160)
    assert contention.held == 2
    for _ in range(3000):
        contention.update(taken=0, limit=160)
    assert (contention.reserve, contention.held) == (0, 0)


def test_after_a_pause_one_request_goes_first() -> None:
    """If few places are left, the last reading may no longer hold."""
    contention = Contention()

    assert [contention.width(room, 160, 60) for room in (1, 10, 11)] == [1, 1, math.inf]
