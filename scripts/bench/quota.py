"""Row 7: the use of a rate limit's quota, the 429s, and the requests spent, in virtual time."""

import heapq
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import product
from math import ceil
from pathlib import Path
from random import Random
from typing import TypeVar
from unittest import mock

import anyio

from hubapi import AsyncHub, Password
from hubapi.testing import FakeHub, RateLimitPolicy, VirtualClock
from scripts.bench.measure import Plan, Result, Row
from tests.rate_limit.quota_simulation import Kind, Setting, Simulation, efficiency
from tests.transport.distant import Distant

T = TypeVar("T")

_KINDS: tuple[Kind, ...] = ("rolling", "fixed")
_SKEWS = (-30.0, 0.0, 30.0)
_CASES = tuple(product(_KINDS, _SKEWS))
_LIMIT, _WINDOW_S, _LATENCY_S, _WIDTH = 180, 60.0, 0.15, 16


def _simulated(plan: Plan) -> list[Result]:
    settings = [
        Setting(jobs=windows * limit, kind=kind, limit=limit, workers=workers, skew_s=skew_s, phase=seed / 7, seed=seed)
        for kind in _KINDS
        for skew_s in _SKEWS
        for limit in (_LIMIT, 600)
        for windows in (3, 10)
        for workers in (8, 32)
        for seed in range(plan.size(plan.rounds, 1))
    ]
    runs = [Simulation(setting).run() for setting in (settings[::12] if plan.quick else settings)]
    what = f"{len(runs)} jobs longer than a window, skews 0 and 30 s, rolling and fixed windows"
    return [
        Result(
            what=f"quota: ideal time over time, {what}",
            samples=tuple(map(efficiency, runs)),
            target=0.99,
            better="more",
            judged="worst",
        ),
        Result(
            what="429s in 1000 responses, the same jobs",
            samples=tuple(run.refused_per_1000 for run in runs),
            target=1.0,
            judged="worst",
            unit="",
        ),
    ]


async def _export(kind: Kind, skew_s: float, sizes: Sequence[int]) -> tuple[float, float, float]:
    """Export logs of these sizes; return ideal time over time, 429s in 1000 responses, and requests over pages."""
    async with VirtualClock(wall_offset_s=skew_s) as clock:
        fake = FakeHub(clock=clock, limit=RateLimitPolicy(_LIMIT, _WINDOW_S, kind=kind))
        fake.add_user("moby", password="hunter2-hunter2")  # noqa: S106 - not a real account
        accounts = [f"org-{number:02}" for number in range(len(sizes))]
        for account, size in zip(accounts, sizes, strict=True):
            fake.add_org(account, owners=["moby"], events=size, until=datetime(2024, 12, 1, tzinfo=UTC))
        credentials, transport = Password("moby", "hunter2-hunter2"), Distant(fake.transport(), clock, _LATENCY_S)
        began = clock.monotonic()
        async with AsyncHub(credentials, transport=transport, clock=clock) as hub:
            with tempfile.TemporaryDirectory(prefix="hubapi-bench-") as folder, _INSTANT_DISK:
                report = await hub.audit_logs.export(accounts, to=Path(folder), concurrency=_WIDTH)
        took_s = clock.monotonic() - began
    if (report.events, report.failed) != (sum(sizes), ()):
        raise RuntimeError(f"{report.events} events were exported, not {sum(sizes)}: {report.failed}")
    pages = sum(max(1, ceil(size / 100)) for size in sizes)
    # The requests that read the server's clock count as sent, but not as pages needed.
    return _ideal_s(sizes) / took_s, 1000 * report.rate_limited / report.requests, report.requests / pages


def _ideal_s(sizes: Sequence[int]) -> float:
    """Return the time of an ideal client that only logs in and reads pages, each as soon as the window permits.

    It takes the logs in the order given, `_WIDTH` at once, and the pages of each in sequence: whether there is a next
    page is only known from the last one (D22). So towards the end there are fewer logs than it could read, which costs
    any client the same. It knows exactly when the server's window ends, so it wastes no round trip on that.
    """
    logs = (max(1, ceil(size / 100)) for size in sizes)
    readers = [(_LATENCY_S, next(logs, 0)) for _ in range(_WIDTH)]  # when each is free, and its remaining pages
    sent, took_s = 0, 0.0
    heapq.heapify(readers)
    while readers:
        free, pages = heapq.heappop(readers)
        pages = pages or next(logs, 0)
        if pages:
            done = max(free, _LATENCY_S + sent // _LIMIT * _WINDOW_S) + _LATENCY_S
            sent, took_s = sent + 1, max(took_s, done)
            heapq.heappush(readers, (done, pages - 1))
    return took_s


async def _at_once(work: Callable[[], T], **_: object) -> T:
    return work()


# Virtual time does not wait for threads: it would advance the more, the slower this machine is.
_INSTANT_DISK = mock.patch("anyio.to_thread.run_sync", _at_once)


def _sizes(seed: int, number: int) -> list[int]:
    random = Random(seed)  # noqa: S311 - meant to repeat
    return [random.randint(400, 3600) for _ in range(number)]


def _exported(plan: Plan) -> list[Result]:
    # Each case has other logs: the end of an export depends on which are left last.
    logs = [_sizes(seed, plan.size(60, 6)) for seed in range(plan.size(len(_CASES), 1))]
    runs = [anyio.run(partial(_export, *case, sizes)) for case, sizes in zip(_CASES, logs, strict=False)]
    used, refused, asked = zip(*runs, strict=True)
    what = f"an export of {len(logs[0])} organisations, {sum(map(sum, logs)) // len(logs):,} events"
    return [
        Result(
            what=f"quota: ideal time over time, {what}",
            samples=used,
            target=0.99,
            better="more",
            judged="worst",
        ),
        Result(what="429s in 1000 responses, the same exports", samples=refused, target=1.0, judged="worst", unit=""),
        Result(what="requests a page needed, the same exports", samples=asked, target=1.02, judged="worst"),
    ]


def under_a_quota(plan: Plan) -> list[Result]:
    """Row 7."""
    return [*_simulated(plan), *_exported(plan)]


ROWS = [
    Row(
        number=7,
        explains=(
            "In virtual time, so not measured but computed. First the model of the window alone, against servers "
            "that count a rolling or a fixed one, then whole exports from a FakeHub 150 ms away. The ideal is a client "
            "that knows the server's window and wastes none of it; that of an export reads as many logs at once as "
            "hubapi does, and the pages of each in sequence."
        ),
        measure=under_a_quota,
    )
]
