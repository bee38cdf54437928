"""Build a `StatusError` from an error response, in any of the forms the server uses (D9, D10).

Nothing here raises: a body that can't be read still gives the error of its status.
"""

import html
import re
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from hubapi._operation import Operation
from hubapi._transport.transport import Response
from hubapi.errors import STATUS_ERRORS, Blocked, ServerError, StatusError, shorten

_REQUEST_ID_HEADERS = ("x-request-id", "x-trace-id", "x-docker-txnid", "cf-ray")
_MESSAGE_KEYS = ("message", "detail", "text", "error_description", "error", "title")
_SECRET_KEYS = {"token", "access_token", "refresh_token", "id_token", "login_2fa_token", "password", "secret"}
_MAX_TEXT = 65_536  # bytes searched in a body that is not JSON


def request_id(response: Response) -> str | None:
    """Return the id that the server gave the request, if any."""
    return next((response.headers[name] for name in _REQUEST_ID_HEADERS if response.headers.get(name)), None)


def error_of(response: Response, operation: Operation[Any], note: str = "") -> StatusError:
    """Return the error for a response that is not a success.

    The body of a login's response is not kept, nor any body that contains a token.

    Args:
        response: The response.
        operation: The operation that was sent.
        note: More words for the message, such as a likely cause; not for a `Blocked`, which is not from the API.
    """
    is_json, parsed = _parse(response.content)
    body = _as_object(parsed)
    message = _redirect_or_unsupported(response, operation) or (_message(parsed) if is_json else _plain(response))
    message = message or _phrase(response.status)
    keeps_body = not (operation.id.startswith("authentication.") or _SECRET_KEYS & body.keys())
    kind = _error_class(response, operation, is_json=is_json)
    return kind(
        f"{response.status} {shorten(message)}{'' if kind is Blocked else note}",
        status=response.status,
        code=_code(body),
        message=message,
        details={key: value for key, value in body.items() if key not in {"message", "detail"}} if keeps_body else {},
        headers=response.headers,
        body=response.content if keeps_body else b"",
        operation=operation.id,
        request_id=request_id(response),
    )


def _parse(content: bytes) -> tuple[bool, object]:
    """Return whether a body is JSON, and its value."""
    try:
        return True, msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False, None


def _as_object(body: object) -> dict[str, object]:
    return cast("dict[str, object]", body) if isinstance(body, dict) else {}


def _error_class(response: Response, operation: Operation[Any], *, is_json: bool) -> type[StatusError]:
    status = response.status
    declared_json = "json" in response.headers.get("content-type", "")
    if status == 403 and response.content.strip() and not (is_json or declared_json) and operation.method != "HEAD":
        return Blocked
    return STATUS_ERRORS.get(status, ServerError if status >= 500 else StatusError)


def _redirect_or_unsupported(response: Response, operation: Operation[Any]) -> str:
    """Return our own message for the statuses whose body would not help, otherwise an empty string."""
    if 300 <= response.status < 400:
        return f"a redirect to {_host(response.headers.get('location', ''))}, which is not followed"
    if response.status == 405:
        return f"the server does not support {operation.method} on this route"  # HEAD, for some time (D12)
    return ""


def _host(location: str) -> str:
    """Return the host a redirect leads to; the transport removes the rest of the URL."""
    return urlsplit(location).hostname or ("another path" if location else "nowhere")


def _message(body: object) -> str:
    """Return the first message among `_MESSAGE_KEYS` (D9), followed by the invalid fields."""
    if not isinstance(body, dict):
        return _text(body)
    entries = cast("dict[str, object]", body)
    message = next((text for key in _MESSAGE_KEYS if (text := _text(entries.get(key)))), "")
    fields = entries.get("fields")
    if isinstance(fields, dict):
        problems = cast("dict[object, object]", fields).items()
        invalid = "; ".join(f"{name}: {_text(problem) or 'invalid'}" for name, problem in problems)
        return f"{message} ({invalid})" if message and invalid else message or invalid
    return message


def _text(value: object) -> str:
    """Return a string, or the strings of a list, without markup; otherwise an empty string."""
    if isinstance(value, str):
        return _without_markup(value)
    texts = cast("list[object]", value) if isinstance(value, list) else []
    return "; ".join(_without_markup(text) for text in texts if isinstance(text, str))


def _code(body: dict[str, object]) -> str | None:
    code = body.get("code", body.get("scimType"))
    return str(code) if isinstance(code, str | int) and not isinstance(code, bool) else None


def _plain(response: Response) -> str:
    """Return the message of a body that is not JSON: its text, or the title of an HTML page."""
    text = response.content[:_MAX_TEXT].decode("utf-8", "replace").strip().removeprefix("\ufeff")
    if text[:1] in {"{", "["} and "json" in response.headers.get("content-type", ""):
        return f"{_phrase(response.status)}, with JSON that can't be read"
    return _without_markup(text, always="html" in response.headers.get("content-type", ""))


def _without_markup(text: str, *, always: bool = False) -> str:
    """Return a text as it is, but HTML and XML as their title only: an error message must not contain a page."""
    start = text.lstrip()[:1024].lower()
    if not (always or start.startswith("<") or "<html" in start or "<body" in start or "<!doctype" in start):
        return text.strip()
    title = re.search(r"<title[^>]{0,200}>([^<]{1,500})", text[:_MAX_TEXT], re.IGNORECASE)
    title_text = shorten(html.unescape(title.group(1))) if title else ""
    return f"an HTML page: {title_text}" if title_text else "an HTML page"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no explanation given"
