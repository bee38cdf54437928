"""Costs, the rounds they are measured in, and what a row of the table says of them.

Absolute times drift by a factor of two on a busy machine: so what is compared runs by turns, each round gives one
ratio, and the median of these is what counts. Ratios of wall times spread too where the machine is not ours alone.
"""

import gc
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from statistics import median
from typing import Literal, TypeAlias

from attrs import define, field, frozen

Subject: TypeAlias = Callable[[], float]
"""Does some work, and returns what it cost: seconds a unit of work, mostly."""


@frozen(kw_only=True)
class Plan:
    """How much to measure: `quick` is only to see that it works."""

    rounds: int = 5
    quick: bool = False

    def size(self, full: int, quick: int) -> int:
        """Return how much work to do."""
        return quick if self.quick else full


@frozen(kw_only=True)
class Result:
    """One line of the table.

    Attributes:
        what: What was measured.
        samples: One value for each round, or each case.
        target: What the worst that is taken for good.
        better: Whether less is better, or more.
        judged: Which of the values has to reach the target.
        unit: Of the values; `x` for a ratio.
        note: What else there is to know.
    """

    what: str
    samples: tuple[float, ...]
    target: float
    better: Literal["less", "more"] = "less"
    judged: Literal["median", "worst"] = "median"
    unit: str = "x"
    note: str = ""

    @property
    def median(self) -> float:
        """The one in the middle."""
        return median(self.samples)

    @property
    def passes(self) -> bool:
        """Whether it reaches its target."""
        worst = max if self.better == "less" else min
        value = self.median if self.judged == "median" else worst(self.samples)
        return value <= self.target if self.better == "less" else value >= self.target


@frozen(kw_only=True)
class Row:
    """One part of the benchmark.

    Attributes:
        number: What it is asked for by.
        explains: What is compared with what, and what is fair about it: for `docs/performance.md`.
        measure: Measures it.
        subject: hubapi's part of it alone, to be profiled; None where there is nothing to see.
    """

    number: int
    explains: str
    measure: Callable[[Plan], list[Result]]
    subject: Callable[[Plan], object] | None = None


@define
class Stopwatch:
    """The seconds that a block took."""

    wall_s: float = field(default=0.0, init=False)
    cpu_s: float = field(default=0.0, init=False)


@contextmanager
def stopwatch() -> Generator[Stopwatch]:
    """Measure a block, by the clock and in CPU time of all threads, from a clean heap on."""
    watch = Stopwatch()
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    yield watch
    watch.wall_s, watch.cpu_s = time.perf_counter() - wall, time.process_time() - cpu


def by_turns(rounds: int, *subjects: Subject) -> list[tuple[float, ...]]:
    """Return what each subject cost in each round, after one that doesn't count; each goes first in its turn."""
    costs: list[tuple[float, ...]] = []
    for number in range(-1, rounds):
        order = [(number + place) % len(subjects) for place in range(len(subjects))]
        cost = {place: subjects[place]() for place in order}
        if number >= 0:
            costs.append(tuple(cost[place] for place in range(len(subjects))))
    return costs


def ratios(rounds: int, ours: Subject, theirs: Subject) -> tuple[float, ...]:
    """Return, for each round, what ours cost in theirs."""
    return tuple(mine / other for mine, other in by_turns(rounds, ours, theirs))
