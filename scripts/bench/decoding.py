"""Rows 1 and 2: pages in memory, to models and to JSON Lines."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import orjson

from hubapi._codec.response import decode
from hubapi._datetimes import to_ns
from hubapi._generated.models.audit_logs import GetAuditLogsResponse
from hubapi._operation import Operation
from hubapi._transport.transport import Response
from hubapi.export.log_walk import LogWalk, LongestPage
from hubapi.export.pages import RawPage, split_page
from hubapi.export.part_file import PartFile
from scripts.bench import events
from scripts.bench.measure import Plan, Result, Row, Subject, ratios, stopwatch

_TYPED: Operation[GetAuditLogsResponse] = Operation(id="", method="GET", path="/", result=GetAuditLogsResponse)
_RAW: Operation[RawPage] = Operation(id="", method="GET", path="/", result=RawPage)
_UNTIL_NS = to_ns(events.END)
_PAGES = 40
_BATCH = 1 << 19  # of an export of sixteen accounts


def _response(content: bytes) -> Response:
    return Response(status=200, headers={"content-type": "application/json"}, content=content)


def _repeated(work: Callable[[], object], times: int) -> Subject:
    def cost() -> float:
        with stopwatch() as watch:
            for _ in range(times):
                work()
        return watch.cpu_s / times

    return cost


_PAGE = events.page(events.PAGE, 1)
_RESPONSE = _response(_PAGE)


def _typed() -> None:
    decode(_RESPONSE, _TYPED)


def typed_page(plan: Plan) -> list[Result]:
    """Row 1."""
    times = plan.size(1000, 20)
    samples = ratios(plan.rounds, _repeated(_typed, times), _repeated(lambda: orjson.loads(_PAGE), times))
    return [Result(what="a page of 100 events to typed models, x of orjson to dicts", samples=samples, target=1.15)]


def _log() -> list[bytes]:
    return [events.page(_PAGES * events.PAGE, number) for number in range(1, _PAGES + 1)]


def _verbatim(log: list[bytes], path: Path) -> None:
    walk, part = LogWalk(None, _UNTIL_NS, LongestPage()), PartFile(path, _BATCH)
    part.open()
    for content in log:
        page = decode(_response(content), _RAW)
        if part.add(walk.take(split_page(page, content))):
            part.flush()
    part.flush()
    assert part.events == _PAGES * events.PAGE  # noqa: S101 - both have to do the same job
    part.remove()


def _parsed(log: list[bytes], path: Path) -> None:
    """Do the same with a fast parser, as a script would."""
    pending: list[bytes] = []
    with path.open("wb") as file:
        for content in log:
            pending += [orjson.dumps(event) for event in orjson.loads(content)["logs"]]
            if len(pending) >= 1600:
                file.write(b"\n".join([*pending, b""]))
                pending.clear()
        file.write(b"\n".join([*pending, b""]))
    path.unlink()


def page_to_lines(plan: Plan) -> list[Result]:
    """Row 2."""
    times, log = plan.size(25, 1), _log()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log")
        ours, theirs = _repeated(lambda: _verbatim(log, path), times), _repeated(lambda: _parsed(log, path), times)
        samples = ratios(plan.rounds, ours, theirs)
        split = ratios(plan.rounds, _repeated(lambda: _split(log), times), theirs)
    note = f"splitting the pages alone: {sorted(split)[len(split) // 2]:.2f}"
    return [Result(what="a page to JSON Lines, x of orjson loads and dumps", samples=samples, target=0.45, note=note)]


def _split(log: list[bytes]) -> None:
    decoder = msgspec.json.Decoder(RawPage)
    for content in log:
        b"\n".join(decoder.decode(content).logs or [])


def _profile_lines(plan: Plan) -> None:
    log = _log()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(plan.size(50, 2)):
            _verbatim(log, Path(folder, "log"))


def _profile_typed(plan: Plan) -> None:
    for _ in range(plan.size(2000, 10)):
        _typed()


ROWS = [
    Row(
        number=1,
        explains=(
            "The bytes of a page of 100 audit events (33 KB) to a list of `AuditLog`, through the codec of every "
            "response, against `orjson.loads` of the same bytes to dicts. CPU time."
        ),
        measure=typed_page,
        subject=_profile_typed,
    ),
    Row(
        number=2,
        explains=(
            "Forty pages in a row to a file, one line per event, by the export's own code (decode, split, the walk's "
            "checks, the part file), against `orjson.loads`, `orjson.dumps` of each event, join and write. CPU time."
        ),
        measure=page_to_lines,
        subject=_profile_lines,
    ),
]
