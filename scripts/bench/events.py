"""A synthetic log of any length: one event a second, so a time is an index and every page can be computed."""

from datetime import UTC, datetime
from functools import lru_cache
from math import ceil, floor

END = datetime(2026, 1, 1, tzinfo=UTC)
"""The end of every log: long ago, so that an export leaves no recent event to its next run."""

PAGE = 100
_END_S = int(END.timestamp())
_INTO_ITS_SECOND = 0.5  # every event happens half a second into its second
# The keys of recorded events, and values of similar length: 337 bytes an event.
_EVENT = (
    b'{"account":"acme","action":"%b","name":"acme/service-%02d","actor":"%b","data":{%b},"timestamp":"%%b:%%02d.%bZ",'
    b'"action_description":"%b","event_id":"%%08x-7d1c-4f0e-9b5a-5e2f7c9d1a60"}'
)
_PUSHED = b'"digest":"sha256:c1ae9c435032a276f80220c7d9b40f76266bbe79243d34f9cda30b76fe114dfa","tag":"%b"'
_BY_TOKEN = b',"access_token_id":"2f6b1c3e-88f4-4c38-9d7b-0f5f4a6c1d22","access_token_type":"pat"'
_ADDED = '"team_name":"équipe-sécurité"'.encode()
_EVENTS = [
    _EVENT % (b"repo.tag.push", 7, b"moby", _PUSHED % b"1.4.2", b"5", b"pushed the tag 1.4.2 to acme/service-07"),
    _EVENT % (b"repo.tag.delete", 11, b"gordon", b'"tag":"nightly"', b"500000", b"deleted the tag nightly"),
    _EVENT
    % (
        *(b"repo.tag.push", 3, b'gordon - access token \\"ci\\"', _PUSHED % b"latest" + _BY_TOKEN),
        *(b"500000000", b"pushed the tag latest to the repository acme/service-03"),
    ),
    _EVENT % (b"org.team.member.add", 0, b"moby", _ADDED, b"500", b"added gordon to the team"),
]


def account(events: int, number: int = 0) -> str:
    """Return the name of an account whose log has this many events."""
    return f"e{events}-{number}"


@lru_cache(maxsize=2048)
def body(first: int, end: int) -> bytes:
    """Return a page with the events from index *first* to before *end*."""
    seconds = range(_END_S - 1 - first, _END_S - 1 - end, -1)
    values = [value for index, at in enumerate(seconds, first) for value in (_minute(at // 60), at % 60, index)]
    return _template(first % len(_EVENTS), end - first) % tuple(values)


@lru_cache(maxsize=256)
def _minute(minute: int) -> bytes:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M").encode()


@lru_cache(maxsize=256)
def _template(first: int, length: int) -> bytes:
    return b'{"logs":[%b]}' % b",".join([_EVENTS[(first + n) % len(_EVENTS)] for n in range(length)])


def page(events: int, number: int, *, since: datetime | None = None, until: datetime | None = None) -> bytes:
    """Return a page of the events between two times, both inclusive.

    Args:
        events: Number of events in the log.
        number: Number of the page, from 1.
        since: Time of the oldest event.
        until: Time of the newest event.
    """
    newest, oldest = 0, events
    latest_s = _END_S - 1 + _INTO_ITS_SECOND
    if until is not None:
        newest = max(newest, ceil(latest_s - until.timestamp()))
    if since is not None:
        oldest = min(oldest, floor(latest_s - since.timestamp()) + 1)
    first = newest + (number - 1) * PAGE
    return body(first, max(first, min(first + PAGE, oldest)))
