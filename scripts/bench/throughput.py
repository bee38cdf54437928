"""Rows 3, 5 and 9: events per second against the alternatives, and the growth of the cost with the number of events."""

from collections.abc import Sequence
from functools import partial
from math import log
from statistics import linear_regression, median

from attrs import define, field

from scripts.bench import exporting
from scripts.bench.exporting import Exporter, Job
from scripts.bench.measure import Plan, Result, Row, by_turns
from scripts.bench.server import serving


@define
class _Contestant:
    """One way of exporting a job, and the costs of each run."""

    export: Exporter
    url: str
    job: Job
    rates: list[float] = field(factory=list[float])
    cpu_s: list[float] = field(factory=list[float])

    def __call__(self) -> float:
        """Export once, and return the seconds per event."""
        watch = exporting.run(self.export, self.url, self.job)
        self.rates.append(self.job.events / watch.wall_s)
        self.cpu_s.append(watch.cpu_s)
        return watch.wall_s / self.job.events


def _race(plan: Plan, job: Job, theirs: Exporter, what: str, target: float) -> Result:
    with serving() as url:
        ours, others = _Contestant(exporting.by_hubapi, url, job), _Contestant(theirs, url, job)
        costs = by_turns(plan.rounds, ours, others)
    cpu = median(other / mine for mine, other in zip(ours.cpu_s, others.cpu_s, strict=True))
    rates = f"{median(ours.rates):,.0f} against {median(others.rates):,.0f} events a second"
    return Result(
        what=what,
        samples=tuple(other / mine for mine, other in costs),
        target=target,
        better="more",
        note=f"{rates}; in CPU time {cpu:.2f} x",
    )


def against_httpx(plan: Plan) -> list[Result]:
    """Row 3."""
    return [
        _race(
            plan,
            Job(width, plan.size(size, 150)),
            exporting.by_httpx,
            f"export at {width} in flight, x the events a second of bare httpx and a raw split",
            target,
        )
        for width, size, target in ((8, 4950, 1.5), (32, 2450, 1.5))
    ]


def against_generated(plan: Plan) -> list[Result]:
    """Row 5."""
    what = "export at 8 in flight, x the events a second of a client by openapi-python-client"
    with exporting.generated() as export:
        return [_race(plan, Job(8, plan.size(2450, 150)), export, what, 3.0)]


def growth(plan: Plan) -> list[Result]:
    """Row 9."""
    sizes = (1000, 2000, 3000) if plan.quick else (1000, 10_000, 100_000, 1_000_000)
    widths = (1, 4, 8) if plan.quick else (1, 8, 64, 500)
    return [
        _growth(plan, [Job(1, size) for size in sizes], "10^3 to 10^6 events of one organisation"),
        _growth(plan, [Job(width, 200) for width in widths], "1 to 500 organisations of 200 events"),
    ]


def _growth(plan: Plan, jobs: Sequence[Job], what: str) -> Result:
    least = plan.size(10_000, 0)
    with serving() as url:
        rounds = by_turns(
            plan.rounds, *(partial(_cpu_an_export, url, job, max(1, least // job.events)) for job in jobs)
        )
    more = [job.events - jobs[0].events for job in jobs[1:]]
    costs = [[(cost - smallest) / n for cost, n in zip(larger, more, strict=True)] for smallest, *larger in rounds]
    middle = [median(each) for each in zip(*costs, strict=True)]
    slope, _ = linear_regression(
        [log(n) for n in more], [log(max(cost, 1e-9) * n) for cost, n in zip(middle, more, strict=True)]
    )
    each = ", ".join(f"{cost * 1e6:.1f}" for cost in middle)
    return Result(
        what=f"CPU per additional event, {what}: the highest, x the median of the others",
        samples=tuple(max(some) / median(sorted(some)[:-1]) for some in costs),
        target=1.5,
        note=f"{each} us; time ~ n^{slope:.2f}; the smallest export {1000 * median(r[0] for r in rounds):.0f} ms",
    )


def _cpu_an_export(url: str, job: Job, times: int) -> float:
    """Export repeatedly, and return the mean CPU time."""
    return sum(exporting.run(exporting.by_hubapi, url, job).cpu_s for _ in range(times)) / times


def _profile(plan: Plan) -> None:
    with serving() as url:
        exporting.run(exporting.by_hubapi, url, Job(32, plan.size(4950, 150)))


ROWS = [
    Row(
        number=3,
        explains=(
            "`hub.audit_logs.export` of 8, and of 32, organisations at once, against a default `httpx.AsyncClient` "
            "(100 connections, 20 of them kept: keeping all changed nothing), msgspec into raw events, join and write. "
            "Both log in, request the same pages, and write the same lines; hubapi also checks each page, sorts the "
            "oldest first, and syncs. Wall time."
        ),
        measure=against_httpx,
        subject=_profile,
    ),
    Row(
        number=5,
        explains=(
            "The same against a client that openapi-python-client generates from the corrected description: its "
            "models, and `json.dumps(event.to_dict())` for each line. Wall time."
        ),
        measure=against_generated,
        subject=_profile,
    ),
    Row(
        number=9,
        explains=(
            "The cost of each event beyond those of the smallest export, in exports of growing size; short ones are "
            "repeated. CPU time."
        ),
        measure=growth,
    ),
]
