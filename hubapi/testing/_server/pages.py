"""Lists in pages, with the total count and links to the pages before and after."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from starlette.responses import Response

from hubapi.testing._server.requests import HubRequest
from hubapi.testing._server.responses import json_response, message_error

_DEFAULT_PAGE_SIZE = 10
_MAX_PAGE_SIZE = 100


def page_response(request: HubRequest, items: Sequence[bytes], counts: Mapping[str, int] | None = None) -> Response:
    """Return the requested page of *items*, each of them JSON, with further *counts* next to the total.

    A page past the end is a 404, except page 1 of an empty list (docker/hub-feedback#2357).
    """
    number = _positive(request.query.get("page"), default=1)
    # More than 100 is silently taken as 100: badges/shields#4562.
    size = min(_positive(request.query.get("page_size"), default=_DEFAULT_PAGE_SIZE), _MAX_PAGE_SIZE)
    first = (number - 1) * size
    if number > 1 and first >= len(items):
        return message_error("Page not found", 404)
    following = _link(request, number + 1) if first + size < len(items) else b"null"
    previous = _link(request, number - 1) if number > 1 else b"null"
    more = b"".join(b'"%b":%d,' % (name.encode(), count) for name, count in (counts or {}).items())
    results = b",".join(items[first : first + size])
    return json_response(
        b'{"count":%d,"next":%b,"previous":%b,%b"results":[%b]}' % (len(items), following, previous, more, results)
    )


def _link(request: HubRequest, page: int) -> bytes:
    # Absolute, on the host that the client addressed. Nothing in a URL needs escaping in JSON.
    query = {**request.query, "page": str(page)}
    return f'"{request.url}?{urlencode(query)}"'.encode()


def _positive(text: str | None, *, default: int) -> int:
    # `int` raises for numbers of thousands of digits.
    number = int(text) if text and text.isdecimal() and len(text) < 1000 else 0
    return number or default
