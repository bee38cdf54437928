"""What is asked of the server: a page of a log, and what time it is there."""

from collections.abc import Mapping
from typing import Any

from hubapi._datetimes import parse_http_date
from hubapi._operation import Operation
from hubapi._pipeline.pipeline import Pipeline
from hubapi.errors import DecodeError, StatusError
from hubapi.export.pages import RawPage


async def read_page(pipeline: Pipeline, operation: Operation[RawPage]) -> tuple[RawPage, bytes]:
    """Return a page, and the bytes it was read from: what `lines_of` takes.

    Raises:
        HubError: whatever the request fails with.
    """
    page, response = await pipeline.send_and_keep(operation)
    return page, response.content


async def server_time(pipeline: Pipeline, operation: Operation[Any]) -> float | None:
    """Return the server's time in seconds since the epoch: ours may be wrong. None where its answers don't tell.

    Args:
        pipeline: What to ask with.
        operation: What to ask, where no answer has told it yet. A refusal tells it as well.

    Raises:
        HubError: no answer came, or one that is none of the server's.
    """
    gate = pipeline.line.gate
    known = gate.knows_time
    if known is not None:
        return known
    headers: Mapping[str, str] = {}
    try:
        _, response = await pipeline.send_and_keep(operation)
        headers = response.headers
    except StatusError as error:
        headers = error.headers
    except DecodeError:
        if gate.knows_time is None:
            raise
    known = gate.knows_time
    return parse_http_date(headers.get("date")) if known is None else known
