"""A page of an audit log: its events as the bytes that came, with their times and identities."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeAlias

import msgspec
from attrs import define, field

from hubapi._datetimes import SECOND_NS, parse_ns
from hubapi.errors import DecodeError

PAGE_SIZE = 100
"""The most events that the server puts on a page (D14)."""

LATE_NS = 600 * SECOND_NS
"""The longest delay of an event: so much of the time that was read before is read again."""

Line: TypeAlias = bytes | msgspec.Raw
"""An event in the bytes that came. Until it is written to the disk, a view of the response."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
"""The errors of an event that is not as described: msgspec checks the encoding of a text only when it reads it."""


class RawPage(msgspec.Struct):
    """A page as msgspec reads it: checked to be well-formed JSON, its events left as they came."""

    logs: list[msgspec.Raw] | None | msgspec.UnsetType = msgspec.UNSET


class _Known(msgspec.Struct):
    event_id: str | None = None
    timestamp: str | None = None


_known = msgspec.json.Decoder(_Known).decode


@define(eq=False)
class Page:
    """Some events in the order of the server, newest first. An event is parsed only if something depends on it.

    Attributes:
        first_ns: The time of the newest event, in nanoseconds since the epoch; None if it has none.
        last_ns: The time of the oldest event.
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
        """The identity of each event."""
        if self._identities is None:
            self._identities = [identity_of(line) for line in self.lines]
        return self._identities


def split_page(page: RawPage, content: bytes) -> Page:
    """Split a page into its events, each on one line. Line breaks between JSON tokens are removed.

    Args:
        page: The page.
        content: The bytes it was read from.

    Raises:
        DecodeError: it has no events, not even none: something else came with a status of success.
    """
    if page.logs is msgspec.UNSET and content.strip() != b"{}":  # protobuf's JSON of an empty message
        raise DecodeError("this is not a page of audit events: it has no `logs`", path="$.logs", expected="events")
    logs = page.logs or []
    if b"\n" in content or b"\r" in content:
        return Page([msgspec.json.format(bytes(raw), indent=-1) for raw in logs])
    return Page(logs)


def identity_of(line: Line) -> str:
    """Return the `event_id` of an event; if it has none, `=` and a digest of the whole event (D21)."""
    try:
        known = _known(line).event_id
    except UNREADABLE:
        known = None
    return known or "=" + blake2b(line, digest_size=16).hexdigest()


def is_digest(identity: str) -> bool:
    """Return whether an identity is a digest of the whole event. Two different events can have the same."""
    return identity.startswith("=")


def time_of(line: Line) -> int | None:
    """Return the time of an event in nanoseconds since the epoch; None if it has none that can be read."""
    try:
        text = _known(line).timestamp
    except UNREADABLE:
        return None
    return None if text is None else parse_ns(text)
