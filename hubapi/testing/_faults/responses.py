"""Faults that replace the response."""

import reprlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, get_args

from attrs import field, frozen, validators
from starlette.responses import Response

from hubapi.testing._faults.validators import MAX_S, are_headers, is_header_value, one_of
from hubapi.testing._server.delivery import Delivery
from hubapi.testing._server.fault import Exchange, Fault
from hubapi.testing._server.rate_limits import RetryAfter
from hubapi.testing._server.responses import detail_error, json_response, message_error, rate_limit_error

_BODILESS = {204, 304}
_STATUS = [validators.ge(200), validators.le(599)]
_PAGE = "<!DOCTYPE html><html><head><title>Docker Hub</title></head><body><h1>Just a moment...</h1></body></html>"


@frozen
class Status(Fault):
    """Respond with a given status, without processing the request.

    The server sends 500, 503 and 504 at random: docker/hub-feedback#2258, #1903 (D11).

    Args:
        status: 200 to 599.
        body: Text or bytes, sent as they are, or any other value, sent as JSON; by default the server's own body for
            the status.
        content_type: The media type of the body.
        headers: Further headers; they replace FakeHub's own of the same name.
        after_work: If true, the request is processed all the same, as behind a gateway that timed out.

    Raises:
        ValueError: An argument can't be sent.
    """

    status: int = field(validator=_STATUS)
    body: Any = field(default=None, repr=False)
    content_type: str = field(default="application/json", repr=False, validator=is_header_value)
    headers: Mapping[str, str] = field(factory=dict[str, str], kw_only=True, repr=False, validator=are_headers)
    after_work: bool = field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.status in _BODILESS and self.body is not None:
            raise ValueError(f"a response with status {self.status} has no body")
        self._response()

    def __call__(self, exchange: Exchange) -> Delivery:
        if self.after_work:
            exchange.process()
        return Delivery(self._response(exchange.error_response))

    def _response(self, error_response: Callable[[str, int], Response] | None = None) -> Response:
        if self.body is None:
            response = _usual_response(self.status, error_response)
        elif isinstance(self.body, str | bytes):
            response = Response(self.body, self.status)
        else:
            response = json_response(self.body, self.status)
        if response.body and (self.body is not None or self.content_type != "application/json"):
            response.headers["content-type"] = self.content_type
        response.headers.update(self.headers)
        return response


@frozen
class Html(Status):
    """Respond with an HTML page instead of JSON, without processing the request.

    Seen with status 200 during an outage, and with 403, 404 and 502: docker/hub-feedback#1903, #2250 (D10).

    Args:
        status: 200 to 599.
        body: The page.
        content_type: The media type of the page.
        headers: As in `Status`.
        after_work: As in `Status`.
    """

    status: int = field(default=200, validator=_STATUS)
    body: str = field(default=_PAGE, repr=False)
    content_type: str = field(default="text/html; charset=utf-8", repr=False, validator=is_header_value)


@frozen
class Text(Status):
    """Respond with plain text instead of JSON, without processing the request.

    By default with Cloudflare's rejection of a client: docker/hub-feedback#2502 (D10).

    Args:
        status: 200 to 599.
        text: The text.
        content_type: The media type of the text.
        headers: As in `Status`.
        after_work: As in `Status`.
    """

    status: int = field(default=403, validator=_STATUS)
    body: str = field(default="error code: 1010", alias="text", repr=reprlib.repr)
    content_type: str = field(default="text/plain; charset=utf-8", repr=False, validator=is_header_value)


@frozen
class TooMany(Fault):
    """Respond with a 429 that asks to wait, without processing the request, although the account's window has room.

    The server also has a limit on all requests from one address: docker/docs#21905 (D27). A client that misread a point
    in time as seconds waited for a day: docker/terraform-provider-docker#99 (D7). `X-RateLimit-Remaining` stays right.

    Args:
        wait_s: Seconds to wait, 0 to 1e9.
        form: The form in which the response names the time, as in `FakeHub`, and by default the FakeHub's own.

    Raises:
        ValueError: *wait_s* is out of range, or there is no such form.
    """

    wait_s: float = field(validator=[validators.ge(0.0), validators.le(MAX_S)])
    form: RetryAfter | None = field(default=None, validator=one_of(None, *get_args(RetryAfter)))

    def __call__(self, exchange: Exchange) -> Delivery:
        return Delivery(_usual_response(429), retry_at=exchange.now + self.wait_s, retry_after=self.form)


def _usual_response(status: int, error_response: Callable[[str, int], Response] | None = None) -> Response:
    """Return the server's usual response with a status (D9); some routes have an error shape of their own."""
    if status in _BODILESS:
        return Response(status_code=status)
    if status < 400:
        return json_response({}, status)
    if status == 429:
        return rate_limit_error()
    try:
        text = HTTPStatus(status).phrase.lower()
    except ValueError:
        text = "unknown error"
    if error_response is not None:
        return error_response(text, status)
    return detail_error(text, status) if status == 401 else message_error(text, status)
