"""Costs, the rounds in which they are measured, and the rows of the table.

Absolute times drift by a factor of two on a busy machine. So the subjects of a comparison run alternately, each round
gives one ratio, and the median ratio counts. On a shared machine, ratios of wall times vary as well.
"""

import gc
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from statistics import median
from typing import Literal, TypeAlias

from attrs import define, field, frozen

Subject: TypeAlias = Callable[[], float]
"""Does some work and returns its cost, usually in seconds per unit of work."""


@frozen(kw_only=True)
class Plan:
    """The amount of work to measure; `quick` only checks that the benchmark runs."""

    rounds: int = 5
    quick: bool = False

    def size(self, full: int, quick: int) -> int:
        """Return the amount of work to do."""
        return quick if self.quick else full


@frozen(kw_only=True)
class Result:
    """One line of the table.

    Attributes:
        what: The quantity that was measured.
        samples: One value for each round or case.
        target: The worst acceptable value.
        better: Whether less is better, or more.
        judged: The value that has to reach the target.
        unit: The unit of the values; `x` for a ratio.
        note: Further information.
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
        """The median of the samples."""
        return median(self.samples)

    @property
    def passes(self) -> bool:
        """Whether the result reaches its target."""
        worst = max if self.better == "less" else min
        value = self.median if self.judged == "median" else worst(self.samples)
        return value <= self.target if self.better == "less" else value >= self.target


@frozen(kw_only=True)
class Row:
    """One part of the benchmark.

    Attributes:
        number: Its number on the command line and in the table.
        explains: The comparison and its conditions, for `docs/performance.md`.
        measure: Takes the measurements.
        subject: hubapi's part alone, for the profiler; None if there is nothing to profile.
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
    """Measure the wall time and the CPU time of a block, all threads included, after a garbage collection."""
    watch = Stopwatch()
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    yield watch
    watch.wall_s, watch.cpu_s = time.perf_counter() - wall, time.process_time() - cpu


def by_turns(rounds: int, *subjects: Subject) -> list[tuple[float, ...]]:
    """Return the cost of each subject in each round, after a warm-up round; the order rotates."""
    costs: list[tuple[float, ...]] = []
    for number in range(-1, rounds):
        order = [(number + place) % len(subjects) for place in range(len(subjects))]
        cost = {place: subjects[place]() for place in order}
        if number >= 0:
            costs.append(tuple(cost[place] for place in range(len(subjects))))
    return costs


def ratios(rounds: int, ours: Subject, theirs: Subject) -> tuple[float, ...]:
    """Return the ratio of our cost to theirs in each round."""
    return tuple(mine / other for mine, other in by_turns(rounds, ours, theirs))
