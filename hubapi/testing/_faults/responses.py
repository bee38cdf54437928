"""Faults by which another answer comes than the one that is due."""

import reprlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, get_args

from attrs import field, frozen, validators
from starlette.responses import Response

from hubapi.testing._faults.validators import MOST_S, are_headers, is_header_value, one_of
from hubapi.testing._server.calls import detail, json_answer, message
from hubapi.testing._server.delivery import Asked, Delivery, Fault
from hubapi.testing._server.rate_limits import RetryAfter

__all__ = ["Html", "Status", "Text", "TooMany"]

_BODILESS = {204, 304}
_STATUS = [validators.ge(200), validators.le(599)]
_PAGE = "<!DOCTYPE html><html><head><title>Docker Hub</title></head><body><h1>Just a moment...</h1></body></html>"


@frozen
class Status(Fault):
    """The server answers with a status of its own, and has not done the work.

    It answers 500, 503 and 504 at random: docker/hub-feedback#2258, #1903 (D11).

    Args:
        status: 200 to 599.
        body: Text or bytes, sent as they are, or anything else that fits JSON; by default what the server says with
            such a status, in its own shape.
        content_type: What the body is said to be.
        headers: More headers; they take the place of the fake's own of the same name.
        after_work: Whether the work has been done all the same, as behind a gateway that gave up.

    Raises:
        ValueError: one of these can't be sent.
    """

    status: int = field(validator=_STATUS)
    body: Any = field(default=None, repr=False)
    content_type: str = field(default="application/json", repr=False, validator=is_header_value)
    headers: Mapping[str, str] = field(factory=dict[str, str], kw_only=True, repr=False, validator=are_headers)
    after_work: bool = field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.status in _BODILESS and self.body is not None:
            raise ValueError(f"an answer of status {self.status} has no body")
        self._response()

    def __call__(self, asked: Asked) -> Delivery:
        if self.after_work:
            asked.work()
        return Delivery(self._response(asked.refuse))

    def _response(self, refuse: Callable[[str, int], Response] | None = None) -> Response:
        if self.body is None:
            response = _usual(self.status, refuse)
        elif isinstance(self.body, str | bytes):
            response = Response(self.body, self.status)
        else:
            response = json_answer(self.body, self.status)
        if response.body and (self.body is not None or self.content_type != "application/json"):
            response.headers["content-type"] = self.content_type
        response.headers.update(self.headers)
        return response


@frozen
class Html(Status):
    """A page of HTML comes where JSON is due, and the work has not been done.

    Seen with status 200 in an outage, and with 403, 404 and 502: docker/hub-feedback#1903, #2250 (D10).

    Args:
        status: 200 to 599.
        body: The page.
        content_type: What it is said to be.
        headers: As in `Status`.
        after_work: As in `Status`.
    """

    status: int = field(default=200, validator=_STATUS)
    body: str = field(default=_PAGE, repr=False)
    content_type: str = field(default="text/html; charset=utf-8", repr=False, validator=is_header_value)


@frozen
class Text(Status):
    """Plain text comes where JSON is due, and the work has not been done.

    By default Cloudflare's refusal of a client that it dislikes: docker/hub-feedback#2502 (D10).

    Args:
        status: 200 to 599.
        text: The text.
        content_type: What it is said to be.
        headers: As in `Status`.
        after_work: As in `Status`.
    """

    status: int = field(default=403, validator=_STATUS)
    body: str = field(default="error code: 1010", alias="text", repr=reprlib.repr)
    content_type: str = field(default="text/plain; charset=utf-8", repr=False, validator=is_header_value)


@frozen
class TooMany(Fault):
    """The server asks to wait, and has not done the work: a 429 that the account's window knows nothing of.

    There is a limit over everything that comes from an address, too: docker/docs#21905 (D27). A client that misread a
    moment for seconds waited for a day: docker/terraform-provider-docker#99 (D7). ``X-RateLimit-Remaining`` stays true.

    Args:
        wait_s: Seconds to wait, 0 to 1e9.
        form: How it says so, as in `FakeHub`; the fake's own way by default.

    Raises:
        ValueError: *wait_s* is out of range, or there is no such form.
    """

    wait_s: float = field(validator=[validators.ge(0.0), validators.le(MOST_S)])
    form: RetryAfter | None = field(default=None, validator=one_of(None, *get_args(RetryAfter)))

    def __call__(self, asked: Asked) -> Delivery:
        return Delivery(_usual(429), retry_at=asked.now + self.wait_s, retry_after=self.form)


def _usual(status: int, refuse: Callable[[str, int], Response] | None = None) -> Response:
    """Answer as the server does with such a status (D9); some routes refuse in a shape of their own."""
    if status in _BODILESS:
        return Response(status_code=status)
    if status < 400:
        return json_answer({}, status)
    if status == 429:
        return json_answer({"detail": "Rate limit exceeded", "error": False}, 429)
    try:
        words = HTTPStatus(status).phrase.lower()
    except ValueError:
        words = "unknown error"
    if refuse is not None:
        return refuse(words, status)
    return detail(words, status) if status == 401 else message(words, status)
