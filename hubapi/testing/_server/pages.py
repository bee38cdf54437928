"""Lists a page at a time, with the count of all and links to the pages around it."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from starlette.responses import Response

from hubapi.testing._server.calls import Call, json_answer, message

__all__ = ["answer_page"]

_DEFAULT_PAGE_SIZE = 10
_MAX_PAGE_SIZE = 100


def answer_page(call: Call, items: Sequence[bytes], counts: Mapping[str, int] | None = None) -> Response:
    """Answer with the page asked for of *items*, each JSON already; *counts* stand beside the count of all.

    A page past the end is a 404, but page 1 of nothing is not (docker/hub-feedback#2357).
    """
    number = _positive(call.query.get("page"), default=1)
    # More than 100 is taken as 100, silently: badges/shields#4562.
    size = min(_positive(call.query.get("page_size"), default=_DEFAULT_PAGE_SIZE), _MAX_PAGE_SIZE)
    first = (number - 1) * size
    if number > 1 and first >= len(items):
        return message("Page not found", 404)
    following = _link(call, number + 1) if first + size < len(items) else b"null"
    previous = _link(call, number - 1) if number > 1 else b"null"
    beside = b"".join(b'"%b":%d,' % (name.encode(), count) for name, count in (counts or {}).items())
    results = b",".join(items[first : first + size])
    return json_answer(
        b'{"count":%d,"next":%b,"previous":%b,%b"results":[%b]}' % (len(items), following, previous, beside, results)
    )


def _link(call: Call, page: int) -> bytes:
    # Absolute, on the host the client asked. Nothing in a URL needs escaping in JSON.
    query = {**call.query, "page": str(page)}
    return f'"{call.url}?{urlencode(query)}"'.encode()


def _positive(text: str | None, *, default: int) -> int:
    # Python reads no number of thousands of digits.
    number = int(text) if text and text.isdecimal() and len(text) < 1000 else 0
    return number or default
