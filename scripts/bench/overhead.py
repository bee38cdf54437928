"""Row 4: the CPU time that the pipeline adds to each request of its transport."""

import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import anyio

from hubapi import AsyncHub, Password
from hubapi._codec.request import build_request
from hubapi._generated.models.audit_logs import GetAuditLogsResponse
from hubapi._operation import Operation
from hubapi._transport.transport import Request, Response
from scripts.bench import events
from scripts.bench.measure import Plan, Result, Row, stopwatch
from scripts.bench.server import serving

_BLOCK = 64  # calls before the other subject runs
_SMALL: Operation[GetAuditLogsResponse] = Operation(
    id="audit_logs.list",
    method="GET",
    path="/v2/auditlogs/{account}",
    path_values={"account": events.account(1)},
    query={"to": events.END, "page": 1, "page_size": events.PAGE},
    result=GetAuditLogsResponse,
)


async def _no_login(operation: Operation[Any]) -> Response:
    raise RuntimeError(f"{operation!r}: the hub has a token already")


async def _measured(url: str, width: int, rounds: int, blocks: int) -> Result:
    """Measure in each round the microseconds that a call of the pipeline takes beyond one of its transport."""
    async with AsyncHub(Password("moby", "hunter2-hunter2"), base_url=url) as hub:
        pipeline = hub._pipeline  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        session = pipeline.session
        await pipeline.send(_SMALL)
        bearer = (await session.authentication.providers["bearer"].token(_no_login)).secret
        with_headers = build_request(session.base_url, _SMALL, session.user_agent)
        bare = Request(method="GET", url=with_headers.url, headers=with_headers.headers, bearer=bearer)

        async def ours() -> object:
            return await pipeline.send(_SMALL)

        async def theirs() -> object:
            return await session.transport.send(bare)

        await _cpu_s(ours, width)
        await _cpu_s(theirs, width)
        samples: list[float] = []
        alone: list[float] = []
        for _ in range(rounds):
            costs = [(await _cpu_s(ours, width), await _cpu_s(theirs, width)) for _ in range(blocks)]
            whole_us, bare_us = (sum(cost) / (blocks * _BLOCK) * 1e6 for cost in zip(*costs, strict=True))
            samples.append(whole_us - bare_us)
            alone.append(bare_us)
    return Result(
        what=f"the pipeline on top of its transport, a request at {width} in flight",
        samples=tuple(samples),
        target=60.0,
        unit="us",
        note=f"the transport alone: {median(alone):.0f} us",
    )


async def _cpu_s(call: Callable[[], Awaitable[object]], width: int) -> float:
    """Return the CPU time of a block of calls, with `width` in flight."""

    async def work() -> None:
        for _ in range(_BLOCK // width):
            await call()

    began = time.process_time()
    if width == 1:
        await work()
    else:
        async with anyio.create_task_group() as tasks:
            for _ in range(width):
                tasks.start_soon(work)
    return time.process_time() - began


def overhead(plan: Plan) -> list[Result]:
    """Row 4."""
    blocks = plan.size(40, 1)
    with serving() as url:
        return [anyio.run(_measured, url, width, plan.rounds, blocks) for width in (1, 32)]


def _profile(plan: Plan) -> None:
    async def calls(url: str) -> None:
        async with AsyncHub(Password("moby", "hunter2-hunter2"), base_url=url) as hub:
            for _ in range(plan.size(3000, 10)):
                await hub._pipeline.send(_SMALL)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

    with serving() as url, stopwatch():
        anyio.run(calls, url)


ROWS = [
    Row(
        number=4,
        explains=(
            "A request for one event through the pipeline (building the request, rate limiter, token, retry, hooks, "
            "codec), less the same request sent by the same transport on the same connections. CPU time."
        ),
        measure=overhead,
        subject=_profile,
    )
]
