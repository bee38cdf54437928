"""Row 7: under a quota, in virtual time: how much of it is used, how often it is overrun, and on which requests."""

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
            what=f"quota: ideal time by time, {what}",
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
    """Export logs of these sizes; return ideal time by time, 429s in 1000, and requests by pages needed."""
    async with VirtualClock(wall_offset_s=skew_s) as clock:
        fake = FakeHub(clock=clock, limit=RateLimitPolicy(_LIMIT, _WINDOW_S, kind=kind))
        fake.add_user("moby", password="hunter2-hunter2")  # noqa: S106 - of nobody
        accounts = [f"org-{number:02}" for number in range(len(sizes))]
        for account, size in zip(accounts, sizes, strict=True):
            fake.add_org(account, owners=["moby"], events=size, until=datetime(2024, 12, 1, tzinfo=UTC))
        credentials, transport = Password("moby", "hunter2-hunter2"), Distant(fake.transport(), clock, _LATENCY_S)
        began = clock.monotonic()
        async with AsyncHub(credentials, transport=transport, clock=clock) as hub:
            with tempfile.TemporaryDirectory(prefix="hubapi-bench-") as folder, _DISK_IN_NO_TIME:
                report = await hub.audit_logs.export(accounts, to=Path(folder), concurrency=_WIDTH)
        took_s = clock.monotonic() - began
    if (report.events, report.failed) != (sum(sizes), ()):
        raise RuntimeError(f"{report.events} events were exported, not {sum(sizes)}: {report.failed}")
    pages = sum(max(1, ceil(size / 100)) for size in sizes)
    # What it asks the time by is in what it sends, not in what is needed.
    return _ideal_s(sizes) / took_s, 1000 * report.rate_limited / report.requests, report.requests / pages


def _ideal_s(sizes: Sequence[int]) -> float:
    """Return what a client takes that logs in and sends pages only, each the moment the window has a place for it.

    It takes the logs in the order given, so many side by side, the pages of each in sequence: what comes after a page
    is only known from it, and a log's length from its last (D22). So towards the end there are fewer logs than it could
    read, which costs any client the same. Nothing is allowed for the trips at a window's end: it knows to the moment
    when that is, at the server.
    """
    logs = (max(1, ceil(size / 100)) for size in sizes)
    readers = [(_LATENCY_S, next(logs, 0)) for _ in range(_WIDTH)]  # when each is free, and the pages it has to read
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


# Virtual time does not wait for threads: it would pass by as much as this machine is slow.
_DISK_IN_NO_TIME = mock.patch("anyio.to_thread.run_sync", _at_once)


def _sizes(seed: int, number: int) -> list[int]:
    random = Random(seed)  # noqa: S311 - meant to repeat
    return [random.randint(400, 3600) for _ in range(number)]


def _exported(plan: Plan) -> list[Result]:
    # Other logs in each case: which of them are left last decides how it ends.
    logs = [_sizes(seed, plan.size(60, 6)) for seed in range(plan.size(len(_CASES), 1))]
    runs = [anyio.run(partial(_export, *case, sizes)) for case, sizes in zip(_CASES, logs, strict=False)]
    used, refused, asked = zip(*runs, strict=True)
    what = f"an export of {len(logs[0])} organisations, {sum(map(sum, logs)) // len(logs):,} events"
    return [
        Result(
            what=f"quota: ideal time by time, {what}",
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
            "Simulated in virtual time. First the rate limiter alone, against servers with a rolling and a fixed "
            "window, then whole exports from a FakeHub 150 ms away. The ideal is a client that knows the server's "
            "window and uses all of it; for exports it reads as many logs concurrently as ours, and the pages of each "
            "in sequence."
        ),
        measure=under_a_quota,
    )
]
