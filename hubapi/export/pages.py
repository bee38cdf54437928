"""One page of a log as the bytes that came, and the identity of each event on it."""

import hashlib
from datetime import datetime

import msgspec
from attrs import frozen

from hubapi._core.operation import Operation
from hubapi.errors import DecodeError

PAGE_SIZE = 100


@frozen
class RawEvent:
    """An event as it came, on one line, and what makes it one and the same (D21)."""

    line: bytes
    identity: str


class _Lines(msgspec.Struct):
    logs: list[msgspec.Raw] | None = None


class _Identity(msgspec.Struct):
    event_id: str | None = None


class _Identities(msgspec.Struct):
    logs: list[_Identity] | None = None


_LINES = msgspec.json.Decoder(_Lines)
_IDENTITIES = msgspec.json.Decoder(_Identities)


def page_operation(account: str, number: int, since: datetime | None, until: datetime) -> Operation[bytes]:
    """Return the request for one page of a log, asking for its bytes."""
    return Operation(
        id="audit_logs.export",
        method="GET",
        path="/v2/auditlogs/{account}",
        path_values={"account": account},
        query={"from": since, "to": until, "page": number, "page_size": PAGE_SIZE},
        result=bytes,
    )


def split(page: bytes, operation: str) -> list[RawEvent]:
    """Cut a page into its events, byte for byte; a line break inside one is taken out.

    Raises:
        DecodeError: it is no page of audit events.
    """
    try:
        lines = _LINES.decode(page).logs or []
        identities = _IDENTITIES.decode(page).logs or []
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(f"not a page of audit events: {error}", expected="logs", operation=operation) from None
    events = [_one_line(bytes(raw)) for raw in lines]
    return [
        RawEvent(line, known.event_id or hashlib.sha256(line).hexdigest())
        for line, known in zip(events, identities, strict=True)
    ]


def _one_line(event: bytes) -> bytes:
    return msgspec.json.format(event, indent=-1) if b"\n" in event or b"\r" in event else event
