"""Faults that change the content of the right response."""

import json
from collections.abc import Callable
from typing import Any, Literal, cast, get_args
from urllib.parse import urlencode, urlsplit, urlunsplit

from attrs import field, frozen, validators
from starlette.datastructures import QueryParams
from starlette.responses import Response

from hubapi.testing._faults.validators import is_header_value, one_of
from hubapi.testing._server.delivery import Delivery
from hubapi.testing._server.fault import Exchange, Fault
from hubapi.testing._setup.timestamps import parse_rfc3339

_Kind = Literal["foreign", "stale", "repeated", "without-page-size", "relative"]
_FOREIGN_HOST = "elsewhere.example"


@frozen
class Truncated(Fault):
    """Send only the first part of the body, in a valid HTTP response.

    Args:
        keep: The part of the body that is sent: at least 0, less than 1.

    Raises:
        ValueError: *keep* is out of range.
    """

    keep: float = field(default=0.5, validator=[validators.ge(0.0), validators.lt(1.0)])

    def __call__(self, exchange: Exchange) -> Delivery:
        delivery = exchange.process()
        body = bytes(delivery.response.body)
        return _with_body(delivery, body[: int(len(body) * self.keep)])


@frozen
class ContentType(Fault):
    """Send the right body with another media type (D10).

    Args:
        content_type: The media type.

    Raises:
        ValueError: *content_type* is not valid in a header.
    """

    content_type: str = field(default="text/plain", validator=is_header_value)

    def __call__(self, exchange: Exchange) -> Delivery:
        delivery = exchange.process()
        delivery.response.headers["content-type"] = self.content_type
        return delivery


@frozen
class BadDates(Fault):
    """Replace every time in a JSON response. The server writes times in many ways (D6).

    Args:
        text: The replacement.
    """

    text: str = "not a date"

    def __call__(self, exchange: Exchange) -> Delivery:
        return _rewrite(exchange.process(), self._replace)

    def _replace(self, content: Any) -> Any:
        if isinstance(content, dict):
            return {name: self._replace(value) for name, value in cast("dict[str, Any]", content).items()}
        if isinstance(content, list):
            return [self._replace(value) for value in cast("list[object]", content)]
        return self.text if isinstance(content, str) and _is_time(content) else content


@frozen
class Rewrite(Fault):
    """Change a JSON response; any other stays as it is.

    Args:
        change: Receives the decoded response, which it may change, and returns the one to send. It must not call the
            FakeHub, which waits until the request is processed.

    Example:
        >>> without_names = Rewrite(lambda tag: {**tag, "name": None})
    """

    change: Callable[[Any], Any]

    def __call__(self, exchange: Exchange) -> Delivery:
        return _rewrite(exchange.process(), self.change)


@frozen
class Next(Fault):
    """Send a wrong `next` link. Applies only to responses that have a `next` of the right kind.

    Args:
        kind: `"foreign"`, a link to another host; `"repeated"`, back to this page; `"without-page-size"` and
            `"relative"`, without `page_size`, or without scheme and host (D15: docker/terraform-provider-docker#85). Or
            `"stale"`: the last page, whose `next` is null, gets one that leads to a 404 (D16).

    Raises:
        ValueError: *kind* is none of these.
    """

    kind: _Kind = field(validator=one_of(*get_args(_Kind)))

    def __call__(self, exchange: Exchange) -> Delivery | None:
        if exchange.method != "GET":  # a request with effects must not be processed twice
            return None
        delivery = exchange.process()
        content = _json(delivery.response)
        if not isinstance(content, dict) or "next" not in content:
            return None
        page = cast("dict[str, Any]", content)
        if (page["next"] is None) != (self.kind == "stale"):
            return None
        page["next"] = self._wrong_link(exchange, page["next"])
        return _with_body(delivery, json.dumps(page))

    def _wrong_link(self, exchange: Exchange, link: str | None) -> str:
        here = [(name, value) for name, value in exchange.query.multi_items() if name != "page"]
        page = exchange.query.get("page", "")
        number = int(page) if page.isdecimal() else 1
        split = urlsplit(link or "")
        match self.kind:
            case "stale":
                return f"{exchange.url}?{urlencode([*here, ('page', number + 1)])}"
            case "repeated":
                return f"{exchange.url}?{urlencode([*here, ('page', number)])}"
            case "foreign":
                return urlunsplit(split._replace(netloc=_FOREIGN_HOST))
            case "relative":
                return urlunsplit(split._replace(scheme="", netloc=""))
            case "without-page-size":
                query = [(name, value) for name, value in QueryParams(split.query).items() if name != "page_size"]
                return urlunsplit(split._replace(query=urlencode(query)))


@frozen
class PageSize(Fault):
    """Ignore the requested `page_size`.

    The server did so for some days of 2023: docker/hub-feedback#2343 (D14). SCIM's `count` is not affected.

    Args:
        size: The size that is used instead, 1 to 100.

    Raises:
        ValueError: *size* is out of range.
    """

    size: int = field(validator=[validators.ge(1), validators.le(100)])

    def __call__(self, exchange: Exchange) -> Delivery:
        query = [(name, value) for name, value in exchange.query.multi_items() if name != "page_size"]
        return exchange.process(QueryParams([*query, ("page_size", str(self.size))]))


def _rewrite(delivery: Delivery, change: Callable[[Any], Any]) -> Delivery:
    content = _json(delivery.response)
    return delivery if content is None else _with_body(delivery, json.dumps(change(content)))


def _json(response: Response) -> Any:
    """Return the decoded body, or None if it is not JSON."""
    try:
        return json.loads(bytes(response.body))
    except ValueError:
        return None


def _with_body(delivery: Delivery, body: str | bytes) -> Delivery:
    """Replace the body of a response."""
    response = delivery.response
    response.body = body.encode() if isinstance(body, str) else body
    response.headers["content-length"] = str(len(response.body))
    return delivery


def _is_time(text: str) -> bool:
    try:
        parse_rfc3339(text)
    except ValueError:
        return False
    return True
