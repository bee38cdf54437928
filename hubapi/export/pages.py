"""One page of a log: its events as the bytes that came, when they happened, and what makes each one and the same."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeAlias

import msgspec
from attrs import define, field

from hubapi._datetimes import SECOND_NS, from_ns, parse_ns
from hubapi._operation import Operation
from hubapi.errors import DecodeError

PAGE_SIZE = 100
"""Events on a page at most (D14)."""

Line: TypeAlias = bytes | msgspec.Raw
"""An event in the bytes that came, as long as they are not on the disk a view of the answer."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
"""What an event fails with that is not as it should be: msgspec looks into text only where it is asked for."""

OVERLAP_NS = 600 * SECOND_NS
"""How far back what was read before is read again, for events that come late."""


class RawPage(msgspec.Struct):
    """A page as msgspec reads it: well-formed JSON, its events left as they came."""

    logs: list[msgspec.Raw] | None | msgspec.UnsetType = msgspec.UNSET


class _Known(msgspec.Struct):
    event_id: str | None = None
    timestamp: str | None = None


_known = msgspec.json.Decoder(_Known).decode


@define(eq=False)
class Page:
    """Some events in the order of the server, the newest first. They are looked into only where it matters.

    Attributes:
        first_ns: When the newest happened, in nanoseconds since 1970; None where it doesn't say.
        last_ns: When the oldest happened.
    """

    lines: Sequence[Line]
    first_ns: int | None = field(init=False)
    last_ns: int | None = field(init=False)
    _identities: list[str] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.first_ns = time_of(self.lines[0]) if self.lines else None
        self.last_ns = time_of(self.lines[-1]) if self.lines else None

    @property
    def identities(self) -> list[str]:
        """What makes each event one and the same."""
        if self._identities is None:
            self._identities = [identity_of(line) for line in self.lines]
        return self._identities


def page_operation(account: str, number: int, since_ns: int | None, until_ns: int) -> Operation[RawPage]:
    """Return the request for one page of a log."""
    return Operation(
        id="audit_logs.export",
        method="GET",
        path="/v2/auditlogs/{account}",
        path_values={"account": account},
        query={
            "from": None if since_ns is None else from_ns(since_ns),
            "to": from_ns(until_ns),
            "page": number,
            "page_size": PAGE_SIZE,
        },
        result=RawPage,
    )


def actions_operation(account: str) -> Operation[bytes]:
    """Return a request that costs the server little, and whose answer tells its time."""
    return Operation(
        id="audit_logs.export",
        method="GET",
        path="/v2/auditlogs/{account}/actions",
        path_values={"account": account},
        result=bytes,
    )


def lines_of(page: RawPage, content: bytes) -> Page:
    """Return a page's events, each on one line: a line break between two keys is taken out, none else can be.

    Args:
        page: The page.
        content: What it was read from.

    Raises:
        DecodeError: it is no page: some other answer came with a status of success.
    """
    if page.logs is msgspec.UNSET and content.strip() != b"{}":  # which is how protobuf writes an empty message
        raise DecodeError("this is no page of audit events: it has no `logs`", path="$.logs", expected="events")
    logs = page.logs or []
    if b"\n" in content or b"\r" in content:
        return Page([msgspec.json.format(bytes(raw), indent=-1) for raw in logs])
    return Page(logs)


def identity_of(line: Line) -> str:
    """Return an event's `event_id`; of one without, a digest of the whole event after a `=` (D21)."""
    try:
        known = _known(line).event_id
    except UNREADABLE:
        known = None
    return known or "=" + blake2b(line, digest_size=16).hexdigest()


def is_digest(identity: str) -> bool:
    """Say whether an identity is that of a whole event: two events may well have the same."""
    return identity.startswith("=")


def time_of(line: Line) -> int | None:
    """Return when an event happened, in nanoseconds since 1970; None where it doesn't say."""
    try:
        text = _known(line).timestamp
    except UNREADABLE:
        return None
    return None if text is None else parse_ns(text)
