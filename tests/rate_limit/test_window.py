"""The model of the server's window, driven by hand, and what it knows of the server's clock."""

import math

import pytest

from hubapi._datetimes import from_epoch
from hubapi._rate_limit.contention import Contention
from hubapi._rate_limit.headers import Reading
from hubapi._rate_limit.window import COLD, FORGET_S, Reservation, ServerClock, Window

EPOCH = 1_700_000_000.0


def says(remaining: int, *, at: float = 0.0, resets: float = 58.0, limit: int = 10) -> Reading:
    """What an answer says that is made at a moment of our clock, the server's being `EPOCH` ahead."""
    date = float(math.floor(EPOCH + at))
    return Reading(limit=limit, remaining=remaining, reset=date + resets, date=date)


def take(window: Window, number: int, now: float) -> list[Reservation]:
    return [window.take(now) for _ in range(number)]


def rolling() -> Window:
    """A window that is known to be a rolling one of ten, with nothing taken but two long ago."""
    window = Window()
    for at in (-1000.0, -990.0):
        window.update(window.take(at), at + 0.1, says(9, at=at))
    assert window._kind == "rolling"
    return window


def test_before_the_first_answer_a_few_may_go() -> None:
    """What is allowed is not known yet, and one answer will tell."""
    window = Window()
    take(window, COLD, 0)

    assert window.wait(0) == math.inf
    window.update(Reservation(0, 0, 0, 1, -1), 0.1, says(9))
    assert window.available(0.1) == 2


def test_a_first_request_that_is_lost_makes_way_for_another() -> None:
    """Nobody waits for an answer that will not come."""
    window = Window()
    permits = take(window, COLD, 0)
    window.lose(permits[0], 1)

    assert window.wait(1) == 0


def test_a_server_that_tells_of_no_limit_has_none() -> None:
    """From its first answer on, any number may be under way."""
    window = Window()
    window.update(window.take(0), 0.1, None)
    take(window, 1000, 1)

    assert window.wait(1) == 0


def test_what_is_under_way_may_not_have_been_counted() -> None:
    """Of what remained, everything that was not answered when the answer's request went out is taken off."""
    window = Window()
    permits = take(window, 4, 0)
    window.update(permits[0], 0.1, says(6))

    assert window.available(0.1) == 3


def test_answers_may_come_in_any_order() -> None:
    """Four were counted; the answers that come tell of the fourth, the first, the third and the second."""
    known = []
    window = Window()
    permits = take(window, 4, 0)
    for permit, remaining in zip(permits, (6, 9, 7, 8), strict=True):
        window.update(permit, 0.1, says(remaining))
        known.append(window.available(0.1))

    assert known == [3, 6, 6, 6]


def test_of_overlapping_answers_the_lowest_was_counted_last() -> None:
    """Once all are answered, it says what remains, to the last place."""
    window = Window()
    permits = take(window, 4, 0)
    for permit, remaining in zip(permits, (9, 8, 7, 6), strict=True):
        window.update(permit, 0.1, says(remaining))

    assert window.available(0.1) == 6


def test_a_later_answer_replaces_an_earlier_one() -> None:
    """Contention have taken four places between them."""
    window = Window()
    window.update(window.take(0), 0.1, says(9))
    window.update(window.take(1), 1.1, says(4, at=1))

    assert window.available(1.1) == 4


def test_a_late_answer_brings_the_past_back_for_a_moment_only() -> None:
    """Of answers that overlap either may be the newer one; the next request's answer tells."""
    window = Window()
    late = window.take(0)
    window.update(window.take(1), 1.1, says(3, at=1))
    window.update(late, 1.2, says(9))
    assert window.available(1.2) == 8
    window.update(window.take(2), 2.1, says(2, at=2))
    assert window.available(2.1) == 2


def test_a_place_comes_back_a_window_after_the_answer() -> None:
    """The server counted it no later than that: never before, and no later either."""
    window = rolling()
    first, second = take(window, 2, 0)
    window.update(first, 0.5, says(1))
    window.update(second, 0.8, says(0))

    assert window.wait(1) == 59.5
    assert (window.available(60.49), window.available(60.5), window.available(60.8)) == (0, 1, 2)


def test_what_an_answer_no_longer_counted_frees_no_place() -> None:
    """A request of a window ago may have left before the answer was made: it says so itself."""
    window = rolling()
    early = window.take(0)
    late = window.take(1)
    window.update(early, 0.2, says(9))
    window.update(late, 60.1, says(0, at=60))

    assert window.available(60.3) == 0


def test_a_fixed_window_gives_all_places_back_at_once() -> None:
    """A window after the answer to the request that opened it, one goes to see; then all."""
    window = Window()
    for at, remaining in ((0.0, 9), (5.0, 0)):
        window.update(window.take(at), at + 0.1, says(remaining, at=at, resets=60.0 - at))

    assert window.wait(10) == pytest.approx(50.1)
    probe = window.take(60.1)
    assert (probe.probe, window.wait(60.1)) == (True, math.inf)
    window.update(probe, 60.2, says(9, at=60, resets=60.0))
    assert window.available(60.2) == 9


def test_a_window_that_somebody_else_opened_ends_when_it_says() -> None:
    """By the server's clock, of which several dates are known; never before."""
    window = Window()
    for at, remaining in ((0.3, 5), (0.9, 4), (4.05, 0)):
        date = float(math.floor(EPOCH + at))
        reading = Reading(limit=10, remaining=remaining, reset=EPOCH + 20, date=date)
        window.update(window.take(at), at + 0.1, reading)

    # The third answer was read 0.15 s after the server's fourth second had begun.
    assert window.wait(10) == pytest.approx(10.15)


def test_a_fixed_window_frees_no_single_places() -> None:
    """A request of the window before holds no place in this one."""
    window = Window()
    for at, remaining in ((0.0, 5), (5.0, 4), (19.0, 3)):
        window.update(window.take(at), at + 0.1, says(remaining, at=at, resets=20.0 - at))
    window.update(window.take(20.5), 20.6, says(0, at=20, resets=60.0))

    assert (window.available(66.0), window.available(80.0)) == (0, 0)


def test_a_reset_that_moves_back_is_believed() -> None:
    """The server's clock was set back: what it says from then on holds."""
    window = Window()
    window.update(window.take(0), 0.1, says(9, resets=30.0))
    window.update(window.take(4), 4.1, says(8, at=4, resets=26.0))
    set_back = Reading(limit=10, remaining=0, reset=EPOCH + 25 - 600, date=EPOCH + 5 - 600)
    window.update(window.take(5), 5.1, set_back)

    assert window.wait(6) == pytest.approx(19.1)


def test_what_was_lost_may_have_been_counted() -> None:
    """Or may be yet: only an answer to a request that is sent well after it counts it for certain."""
    window = Window()
    window.update(window.take(0), 0.1, says(9))
    window.lose(window.take(1), 2)
    assert window.available(2) == 8
    window.update(window.take(3), 3.1, says(8, at=3))
    assert window.available(3.1) == 7
    window.update(window.take(9), 9.1, says(6, at=9))
    assert window.available(9.1) == 6


def test_when_everything_was_lost_one_goes_to_see() -> None:
    """They may never have arrived: nobody waits for a whole window."""
    window = Window()
    window.update(window.take(0), 0.1, says(2))
    for permit in take(window, 2, 1):
        window.lose(permit, 2)

    assert (window.available(2), window.wait(2)) == (0, 0)
    assert window.take(2).probe
    assert window.wait(2) == math.inf


def test_what_was_never_sent_takes_no_place() -> None:
    """As if it had not been."""
    window = Window()
    window.update(window.take(0), 0.1, says(2))
    for permit in take(window, 2, 1):
        window.cancel(permit)

    assert window.available(1) == 2


def test_below_zero_is_no_room() -> None:
    """Refused requests count too (D8)."""
    window = rolling()
    window.update(window.take(0), 0.1, says(-534), closed_for=7)

    assert (window.available(1), window.state and window.state.remaining) == (-534, -534)


def test_after_a_429_one_probe_goes_first() -> None:
    """And the rest when it is answered."""
    window = Window()
    first, second = take(window, 2, 0)
    window.update(first, 0.1, says(0), closed_for=5)
    window.update(second, 0.2, says(3))  # sent before: it opens nothing

    assert window.wait(1) == pytest.approx(4.1)
    probe = window.take(5.1)
    assert (probe.probe, window.wait(5.1)) == (True, math.inf)
    window.update(probe, 5.2, says(4, at=5))
    assert window.wait(5.2) == 0


def test_a_429_that_names_no_time_to_come_doubles_the_wait() -> None:
    """A retry that may come at once must not go round and round."""
    window, now, waits = Window(), 0.0, []
    for _ in range(9):
        window.update(window.take(now), now, None, closed_for=0)
        waits.append(window.wait(now))
        now += waits[-1]

    assert waits == [0.5, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_a_server_that_no_longer_tells_of_a_limit_has_none() -> None:
    """One request that goes ahead finds out."""
    window = Window()
    window.update(window.take(0), 0.1, says(0))
    probe = window.take(70)
    window.update(probe, 70.1, None)

    assert (probe.probe, window.wait(70.1)) == (True, 0)


def test_the_state_is_that_of_the_newest_answer() -> None:
    """By the server's date, unless its clock was set back."""
    window = Window()
    late = window.take(0)
    window.update(window.take(5), 5.1, says(3, at=5))
    window.update(late, 5.2, says(9))
    assert window.state is not None
    assert (window.state.remaining, window.state.reset_at) == (3, from_epoch(EPOCH + 63))
    window.update(window.take(6), 6.1, says(2, at=-600))
    assert window.state.remaining == 2


def test_the_servers_clock_is_bounded_by_all_dates_together() -> None:
    """Dates are whole seconds; the one that was written just after a full one says most."""
    clock = ServerClock()
    for second in range(10):
        sent = second * 1.13
        clock.update(math.floor(EPOCH + 0.4 + sent + 0.05), sent, sent + 0.1)

    assert clock.ahead_s is not None
    assert EPOCH + 0.2 <= clock.ahead_s <= EPOCH + 0.4


def test_a_server_clock_that_is_set_back_is_noticed() -> None:
    """The bound from before contradicts what it says now."""
    clock = ServerClock()
    clock.update(EPOCH, 0, 0.1)
    clock.update(EPOCH + 1 - 30, 1, 1.1)

    assert clock.ahead_s == pytest.approx(EPOCH - 30 - 0.1)


def test_what_is_known_of_a_drifting_clock_is_renewed() -> None:
    """It loses a second in a thousand: the bound is never off by more than some minutes' worth."""
    clock, off = ServerClock(), []
    for now in range(0, 20_000, 7):
        server = EPOCH + now * 0.999
        clock.update(math.floor(server + 1e-4), now, now + 0.1)
        assert clock.ahead_s is not None
        off.append(clock.ahead_s - (server - now))

    assert max(off[200:]) <= 2 * FORGET_S * 0.001


def test_others_call_for_care_that_fades() -> None:
    """The more they took unseen the more care, and none once nothing more is seen of them."""
    others = Contention()
    assert others.width(room=5, limit=160, age_s=0) == math.inf
    others.update(taken=19, limit=160)
    assert [others.width(room, 160, 0) for room in (21, 20, 16, 3)] == [math.inf, 2, 2, 1]
    others.register_refusal(limit=160)
    assert others.held == 2
    for _ in range(3000):
        others.update(taken=0, limit=160)
    assert (others.reserve, others.held) == (0, 0)


def test_after_a_pause_one_goes_ahead() -> None:
    """Where little room is left, what was known may no longer hold."""
    others = Contention()

    assert [others.width(room, 160, 60) for room in (1, 10, 11)] == [1, 1, math.inf]
