"""The rate limiter: it gives out permits to send requests, first come, first served, as the window has room."""

import math
from collections import deque
from collections.abc import Mapping
from typing import Self

import anyio
from attrs import define, field
from msgspec import Struct

from hubapi._clock import Clock, SystemClock
from hubapi._datetimes import from_epoch
from hubapi._rate_limit.headers import RateLimit, read_headers
from hubapi._rate_limit.window import Reservation, Window
from hubapi.errors import RateLimited


@define(eq=False, repr=False)
class _Waiter:
    """One request in the queue."""

    max_wait_s: float  # the longest wait after a 429 that it accepts
    deadline: float  # on the monotonic clock
    woken: anyio.Event = field(factory=anyio.Event)  # set when it is first in the queue, or refused
    refused: bool = False

    def accepts(self, seconds: float, now: float) -> bool:
        return seconds <= self.max_wait_s and now + seconds <= self.deadline


@define(eq=False)
class RateLimiter:
    """Keeps all requests of one account at one host within its rate limit.

    Hubs of the same account in one event loop can share a limiter.

    - Permits are given first come, first served: only the first waiter in the queue asks the window for room, and wakes
      the next when it leaves the queue for any reason. There is no checkpoint between a permit and the block that
      releases it.
    - If a 429 closes the window for longer than a waiter accepts, that waiter fails at once, wherever it is in the
      queue. So does a request that arrives while the window is closed.

    Args:
        window_s: The length of the server's window in seconds; Docker Hub's is a minute.
        clock: The source of time.

    Example:
        >>> hub = AsyncHub(PersonalAccessToken("moby", "dckr_pat_example"))
        >>> other = AsyncHub(PersonalAccessToken("moby", "dckr_pat_example"), limiter=hub.limiter)
        >>> other.limiter is hub.limiter
        True
    """

    window_s: float = 60.0
    clock: Clock = field(factory=SystemClock)
    paused_s: float = field(default=0.0, init=False)
    """The total seconds that the requests at the head of the queue have waited for room."""
    _window: Window = field(init=False)
    _queue: deque[_Waiter] = field(factory=deque[_Waiter], init=False)
    _changed: anyio.Event | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._window = Window(self.window_s)

    @property
    def state(self) -> RateLimit | None:
        """The rate limit as the last response reported it; None before the first."""
        return self._window.state

    @property
    def closed_for(self) -> float:
        """The seconds until the next request may be sent; 0 if one may be sent now."""
        wait = self._window.wait(self.clock.monotonic())
        return 0.0 if wait == math.inf else wait

    @property
    def known_server_time(self) -> float | None:
        """The server's clock in seconds since the epoch; None before the first response with a date."""
        ahead_s = self._window.clock.ahead_s
        return None if ahead_s is None else self.clock.monotonic() + ahead_s

    def server_time(self) -> float:
        """Return the server's clock in seconds since the epoch; the local clock if it is not known."""
        known = self.known_server_time
        return self.clock.time() if known is None else known

    async def acquire(self, *, max_wait_s: float = math.inf, deadline: float = math.inf) -> "Permit":
        """Wait for a permit to send one request. Use it in a `with` block, which releases it.

        Args:
            max_wait_s: The longest wait, in seconds, that the server may ask for.
            deadline: The caller's deadline, on the clock's monotonic time.

        Raises:
            RateLimited: the server has asked for a longer wait.

        Example:
            >>> async def send_when_there_is_room(limiter):
            ...     with await limiter.acquire() as permit:
            ...         permit.mark_sent()
        """
        now = self.clock.monotonic()
        if self._queue or self._window.wait(now) > 0:
            reservation = await self._wait_in_queue(_Waiter(max_wait_s, deadline))
        else:
            reservation = self._window.take(now)
        return Permit(self, reservation)

    async def _wait_in_queue(self, waiter: _Waiter) -> Reservation:
        window, clock = self._window, self.clock
        self._refuse_if_closed(waiter)
        self._queue.append(waiter)
        try:
            while self._queue[0] is not waiter and not waiter.refused:
                await waiter.woken.wait()
            if waiter.refused:
                raise self._rate_limited()
            while (wait := window.wait(clock.monotonic())) > 0:
                await self._wait_for_room(wait)
                self._refuse_if_closed(waiter)
            return window.take(clock.monotonic())
        finally:
            self._queue.remove(waiter)
            if self._queue:
                self._queue[0].woken.set()

    def mark_sent(self, reservation: Reservation) -> None:
        """Register that a request is sent now: from now on the server may count it."""
        self._window.mark_sent(reservation, self.clock.monotonic())

    def update(self, reservation: Reservation, headers: Mapping[str, str], closed_for: float | None) -> None:
        """Update the window from a response; refuse the waiters that do not accept the wait of a 429."""
        now = self.clock.monotonic()
        self._window.update(reservation, now, read_headers(headers), closed_for)
        if closed_for is not None:
            closed = self._window.closed_for(now)
            for waiter in self._queue:
                if not waiter.accepts(closed, now):
                    waiter.refused = True
                    waiter.woken.set()

    def release(self, reservation: Reservation, *, sent: bool) -> None:
        """Release the place of a request without a response; if it was sent, the server may have counted it."""
        if sent:
            self._window.lose(reservation, self.clock.monotonic())
        else:
            self._window.cancel(reservation)

    def notify(self) -> None:
        """Wake the first waiter: the window has changed."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def _wait_for_room(self, seconds: float) -> None:
        """Wait at the head of the queue for *seconds*, or until the window changes."""
        began = self.clock.monotonic()
        changed = self._changed = anyio.Event()
        try:
            with self.clock.move_on_after(seconds):
                await changed.wait()
        finally:
            if seconds < math.inf:
                self.paused_s += self.clock.monotonic() - began

    def _refuse_if_closed(self, waiter: _Waiter) -> None:
        now = self.clock.monotonic()
        closed = self._window.closed_for(now)
        if closed > 0 and not waiter.accepts(closed, now):
            raise self._rate_limited()

    def _rate_limited(self) -> RateLimited:
        """Return the error of a request that is not sent because the window is closed for too long."""
        seconds = self._window.closed_for(self.clock.monotonic())
        until = from_epoch(self.server_time() + seconds)
        when = f" (until {until:%Y-%m-%d %H:%M:%S} UTC)" if until else ""
        error = RateLimited(
            f"not sent: the server asked to wait {seconds:.0f} s more{when}, longer than allowed",
            status=429,
            message="Rate limit exceeded",
        )
        error.retry_after, error.retry_at = seconds, until
        if self.state is not None:
            error.limit, error.remaining = self.state.limit, self.state.remaining
        return error


class Permit(Struct, eq=False):
    """Permission to send one request, and to update the rate limiter from its response."""

    limiter: RateLimiter
    reservation: Reservation
    sent: bool = False
    settled: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.settled:
            self.limiter.release(self.reservation, sent=self.sent)
        self.limiter.notify()

    def mark_sent(self) -> None:
        """Register that the request is sent now."""
        self.sent = True
        self.limiter.mark_sent(self.reservation)

    def mark_unsent(self) -> None:
        """Register that the request was not sent after all."""
        self.sent = False

    def update(self, headers: Mapping[str, str], closed_for: float | None = None) -> None:
        """Update the rate limiter from the response.

        Args:
            headers: The response's headers, names in lower case.
            closed_for: The seconds to wait that a 429 asked for; None for any other response.
        """
        self.settled = True
        self.limiter.update(self.reservation, headers, closed_for)
