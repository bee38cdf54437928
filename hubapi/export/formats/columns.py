"""An event as a row of a table. Whatever has no column, or doesn't fit into its column, is in `other`."""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

TEXTS = ("timestamp", "account", "action", "name", "actor", "action_description", "event_id")
COLUMNS = (*TEXTS, "data", "other")

Row: TypeAlias = tuple[str | None, ...]
"""A cell for each column, None if the event has no value for it.

`data` and `other` are compact JSON, their values spelled as they came. `other` is an object of the values without a
column; or the whole line, if that is not an object or not UTF-8.
"""


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    """A usual event: every value has a column."""

    timestamp: str | None = None
    account: str | None = None
    action: str | None = None
    name: str | None = None
    actor: str | None = None
    action_description: str | None = None
    event_id: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


_event = msgspec.json.Decoder(_Event).decode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text = msgspec.json.Decoder(str | None).decode
_NOT_READ = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def row_of(line: bytes, unfit: Sequence[str] = ()) -> Row:
    r"""Return an event as a row.

    Args:
        line: The event, in the bytes that came.
        unfit: Columns that can't hold this event's value, which goes to `other`.

    Example:
        >>> row_of(b'{"action": "repo.tag.push", "name": 5, "data": {"tag": "v1"}, "new": [1.0]}')
        (None, None, 'repo.tag.push', None, None, None, None, '{"tag":"v1"}', '{"name":5,"new":[1.0]}')
    """
    try:
        if unfit:
            return _unusual(line, unfit)
        try:
            event = _event(line)
        except msgspec.ValidationError:
            return _unusual(line, unfit)
        return (
            event.timestamp,
            event.account,
            event.action,
            event.name,
            event.actor,
            event.action_description,
            event.event_id,
            _compact(event.data),
            None,
        )
    except _NOT_READ:
        return (*(None for _ in COLUMNS[1:]), line.decode(errors="backslashreplace"))


def _unusual(line: bytes, unfit: Sequence[str]) -> Row:
    rest = _object(line)
    texts: list[str | None] = []
    for column in TEXTS:
        try:
            texts.append(None if column in unfit else _text(rest.get(column, b"null")))
        except msgspec.ValidationError:
            texts.append(None)
        else:
            if column not in unfit:
                rest.pop(column, None)
    data = _compact(rest.pop("data", msgspec.Raw(b"null")))
    return (*texts, data, _compact(msgspec.json.encode(rest)) if rest else None)


def _compact(raw: msgspec.Raw | bytes) -> str | None:
    text = msgspec.json.format(bytes(raw), indent=-1).decode()
    return None if text == "null" else text
