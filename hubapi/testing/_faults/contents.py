"""Faults by which the right answer comes with something wrong in it."""

import json
from collections.abc import Callable
from typing import Any, Literal, cast, get_args
from urllib.parse import urlencode, urlsplit, urlunsplit

from attrs import field, frozen, validators
from starlette.datastructures import QueryParams
from starlette.responses import Response

from hubapi.testing._faults.validators import is_header_value, one_of
from hubapi.testing._server.delivery import Asked, Delivery, Fault
from hubapi.testing._setup.timestamps import parse

__all__ = ["BadDates", "ContentType", "Next", "PageSize", "Rewrite", "Truncated"]

_Kind = Literal["foreign", "stale", "repeated", "without-page-size", "relative"]
_ELSEWHERE = "elsewhere.example"


@frozen
class Truncated(Fault):
    """The body breaks off, although the HTTP around it is sound.

    Args:
        keep: How much of it comes: at least 0, less than 1.

    Raises:
        ValueError: *keep* is out of range.
    """

    keep: float = field(default=0.5, validator=[validators.ge(0.0), validators.lt(1.0)])

    def __call__(self, asked: Asked) -> Delivery:
        delivery = asked.work()
        body = bytes(delivery.response.body)
        return _say(delivery, body[: int(len(body) * self.keep)])


@frozen
class ContentType(Fault):
    """The right body comes under another name (D10).

    Args:
        content_type: What it is said to be.

    Raises:
        ValueError: no header may hold that.
    """

    content_type: str = field(default="text/plain", validator=is_header_value)

    def __call__(self, asked: Asked) -> Delivery:
        delivery = asked.work()
        delivery.response.headers["content-type"] = self.content_type
        return delivery


@frozen
class BadDates(Fault):
    """Every time in a JSON answer is something else. The server writes them in many ways (D6).

    Args:
        text: What stands where a time stood.
    """

    text: str = "not a date"

    def __call__(self, asked: Asked) -> Delivery:
        return _rewrite(asked.work(), self._spoil)

    def _spoil(self, content: Any) -> Any:
        if isinstance(content, dict):
            return {name: self._spoil(value) for name, value in cast("dict[str, Any]", content).items()}
        if isinstance(content, list):
            return [self._spoil(value) for value in cast("list[object]", content)]
        return self.text if isinstance(content, str) and _is_time(content) else content


@frozen
class Rewrite(Fault):
    """A JSON answer is changed; any other is left as it is.

    Args:
        change: Takes the decoded answer, which it may change, and returns what to send. It must not call the fake: that
            waits for the request to be over.

    >>> without_names = Rewrite(lambda tag: {**tag, "name": None})
    """

    change: Callable[[Any], Any]

    def __call__(self, asked: Asked) -> Delivery:
        return _rewrite(asked.work(), self.change)


@frozen
class Next(Fault):
    """A listing's ``next`` leads astray. Only answers that have a ``next`` of the right kind meet it.

    Args:
        kind: What becomes of a link: ``"foreign"``, to another host; ``"repeated"``, back to this page;
            ``"without-page-size"`` and ``"relative"``, without the one or without scheme and host (D15:
            docker/terraform-provider-docker#85). Or ``"stale"``: the last page, whose ``next`` is null, gets one that
            leads to a 404 (D16).

    Raises:
        ValueError: it is none of these.
    """

    kind: _Kind = field(validator=one_of(*get_args(_Kind)))

    def __call__(self, asked: Asked) -> Delivery | None:
        if asked.method != "GET":  # where the work may be done in vain
            return None
        delivery = asked.work()
        content = _json(delivery.response)
        if not isinstance(content, dict) or "next" not in content:
            return None
        page = cast("dict[str, Any]", content)
        if (page["next"] is None) != (self.kind == "stale"):
            return None
        page["next"] = self._astray(asked, page["next"])
        return _say(delivery, json.dumps(page))

    def _astray(self, asked: Asked, link: str | None) -> str:
        here = [(name, value) for name, value in asked.query.multi_items() if name != "page"]
        page = asked.query.get("page", "")
        number = int(page) if page.isdecimal() else 1
        split = urlsplit(link or "")
        match self.kind:
            case "stale":
                return f"{asked.url}?{urlencode([*here, ('page', number + 1)])}"
            case "repeated":
                return f"{asked.url}?{urlencode([*here, ('page', number)])}"
            case "foreign":
                return urlunsplit(split._replace(netloc=_ELSEWHERE))
            case "relative":
                return urlunsplit(split._replace(scheme="", netloc=""))
            case "without-page-size":
                query = [(name, value) for name, value in QueryParams(split.query).items() if name != "page_size"]
                return urlunsplit(split._replace(query=urlencode(query)))


@frozen
class PageSize(Fault):
    """The server takes no notice of the ``page_size`` that it is asked for.

    That was so for some days of 2023: docker/hub-feedback#2343 (D14). SCIM's ``count`` is not touched.

    Args:
        size: What it takes instead, 1 to 100.

    Raises:
        ValueError: *size* is out of range.
    """

    size: int = field(validator=[validators.ge(1), validators.le(100)])

    def __call__(self, asked: Asked) -> Delivery:
        query = [(name, value) for name, value in asked.query.multi_items() if name != "page_size"]
        return asked.work(QueryParams([*query, ("page_size", str(self.size))]))


def _rewrite(delivery: Delivery, change: Callable[[Any], Any]) -> Delivery:
    content = _json(delivery.response)
    return delivery if content is None else _say(delivery, json.dumps(change(content)))


def _json(response: Response) -> Any:
    """Return what an answer says; None where that is nothing, or no JSON."""
    try:
        return json.loads(bytes(response.body))
    except ValueError:
        return None


def _say(delivery: Delivery, body: str | bytes) -> Delivery:
    """Put another body in an answer."""
    response = delivery.response
    response.body = body.encode() if isinstance(body, str) else body
    response.headers["content-length"] = str(len(response.body))
    return delivery


def _is_time(text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True
