"""A simulation of workers, a `Window` and a server, without an event loop: hours in milliseconds."""

import heapq
import math
from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from typing import Literal

from attrs import define, field, frozen

from hubapi._rate_limit.headers import Reading
from hubapi._rate_limit.window import Reservation, Window
from hubapi.testing import RateLimitPolicy
from hubapi.testing._server.rate_limits import FixedWindow, RollingWindow
from hubapi.testing._server.rate_limits import Reading as ServerReading

EPOCH = 1_735_689_600.0

Kind = Literal["rolling", "fixed"]


@frozen(kw_only=True)
class Setting:
    """The parameters of one simulation.

    `phase` is the fraction of a second of the server's clock at the start, `skew_s` the error of that clock. Another
    client opened the window `opened_s` seconds ago, with `used` requests; `other_client` holds the times when it sends.
    """

    jobs: int
    kind: Kind = "rolling"
    limit: int = 180
    workers: int = 8
    latency_s: float = 0.15
    jitter: float = 0.2
    window_s: float = 60.0
    seed: int = 0
    phase: float = 0.37
    skew_s: float = 0.0
    dated: bool = True
    opened_s: float = 30.0
    used: int = 0
    other_client: Sequence[float] = ()


@define
class Simulation:
    """Runs one simulation to its end."""

    setting: Setting
    window: Window = field(init=False)
    server: RollingWindow | FixedWindow = field(init=False)
    now: float = 0.0
    took_s: float = 0.0
    responses: int = 0
    refused: int = 0
    done: int = 0
    waiting: int = 0
    unstarted: int = 0
    _wakes: float = -math.inf
    largest: int = 0  # number of bounds or responses that the window has kept
    _events: list[tuple[float, int, Callable[[], None]]] = field(factory=list[tuple[float, int, Callable[[], None]]])
    _numbers: "count[int]" = field(factory=count)
    _random: Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        setting = self.setting
        self._random = Random(setting.seed)  # noqa: S311 - reproducible on purpose
        self.window = Window(setting.window_s)
        policy = RateLimitPolicy(setting.limit, setting.window_s, kind=setting.kind)
        self.server = RollingWindow(policy) if setting.kind == "rolling" else FixedWindow(policy)
        for _ in range(setting.used):
            self.server.take(self._server_time() - setting.opened_s)
        for moment in setting.other_client:
            self._at(moment, self._other_client_sends)
        self.unstarted = setting.jobs

    def run(self) -> "Simulation":
        for _ in range(min(self.setting.workers, self.setting.jobs)):
            self._next_job()
        self._pump()
        while self.done < self.setting.jobs:
            assert self._events, "a deadlock: no request can be sent, and none is in flight"
            self.now, _, action = heapq.heappop(self._events)
            action()
            self._pump()
            self.largest = max(self.largest, len(self.window._bounds), len(self.window._responses))
        return self

    @property
    def refused_per_1000(self) -> float:
        return 1000 * self.refused / self.responses

    def _server_time(self) -> float:
        return EPOCH + self.setting.phase + self.setting.skew_s + self.now

    def _at(self, moment: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), action))

    def _after_travel(self, action: Callable[[], None]) -> None:
        spread = 1 + self._random.uniform(-self.setting.jitter, self.setting.jitter)
        self._at(self.now + self.setting.latency_s / 2 * spread, action)

    def _next_job(self) -> None:
        if self.unstarted > 0:
            self.unstarted -= 1
            self.waiting += 1

    def _pump(self) -> None:
        while self.waiting:
            wait = self.window.wait(self.now)
            if wait == math.inf:
                return
            if wait > 0:
                due = max(self.now + wait, math.nextafter(self.now, math.inf))
                if due < self._wakes or self._wakes <= self.now:
                    self._wakes = due
                    self._at(due, lambda: None)
                return
            self.waiting -= 1
            permit = self.window.take(self.now)
            self._after_travel(lambda permit=permit: self._arrive(permit))  # type: ignore[misc]

    def _arrive(self, permit: Reservation) -> None:
        state = self.server.take(self._server_time())
        date = float(math.floor(self._server_time()))
        self._after_travel(lambda: self._respond(permit, state, date))

    def _respond(self, permit: Reservation, state: ServerReading, date: float) -> None:
        reading = Reading(
            limit=state.limit,
            remaining=state.remaining,
            reset=float(state.reset),
            date=date if self.setting.dated else None,
        )
        closed_for = None if state.passes else math.ceil(state.free_at) - date
        self.window.update(permit, self.now, reading, closed_for)
        self.responses += 1
        if state.passes:
            self.done += 1
            self.took_s = self.now
            self._next_job()
        else:
            self.refused += 1
            self.waiting += 1

    def _other_client_sends(self) -> None:
        self.server.take(self._server_time())


def efficiency(simulation: Simulation) -> float:
    """Return the time that an omniscient client with the same workers and latency needs, over the time it took."""
    return ideal_s(simulation.setting) / simulation.took_s


def ideal_s(setting: Setting) -> float:
    """Return the time if each window is used as soon as it opens, and the last one as fast as the workers can.

    A window that another client opened ends, as far as a client can know, at the whole second of its `reset`.
    """
    first, jobs = 0.0, setting.jobs
    if setting.used:
        first = setting.window_s - setting.opened_s
        first += -(setting.phase + setting.skew_s + first) % 1
        jobs -= setting.limit - setting.used
    windows = math.ceil(jobs / setting.limit)
    last = jobs - (windows - 1) * setting.limit
    return first + (windows - 1) * setting.window_s + math.ceil(last / setting.workers) * setting.latency_s


def another_client(pattern: Literal["at random", "in bursts"], share: float, setting: Setting) -> list[float]:
    """Return the times at which another client sends, one request or half a window of its share at a time."""
    random = Random(setting.seed + 1)  # noqa: S311 - reproducible on purpose
    size = 1 if pattern == "at random" else max(1, int(share * setting.limit / 2))
    rate = share * setting.limit / setting.window_s / size
    moments: list[float] = []
    moment = 0.0
    while moment < 40 * setting.window_s:
        moment += random.expovariate(rate)
        moments += [moment + number * 0.01 for number in range(size)]
    return moments
