"""What the server says in an answer that is no success, whatever form it says it in (D9, D10).

Nothing here fails: an error that can't be explained is still that error.
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
_WORDS = ("message", "detail", "text", "error_description", "error", "title")
_SECRETS = {"token", "access_token", "refresh_token", "id_token", "login_2fa_token", "password", "secret"}
_LOOKED_AT = 65_536  # bytes of a body that is not JSON


def request_id(response: Response) -> str | None:
    """Return the server's own name for a request, where it gave one."""
    return next((response.headers[name] for name in _REQUEST_ID_HEADERS if response.headers.get(name)), None)


def error_of(response: Response, operation: Operation[Any], note: str = "") -> StatusError:
    """Return the error of a response that is no success.

    The body of a login's response is not kept, nor any body with a token in it.

    Args:
        response: The response.
        operation: What was asked for.
        note: More words for the message, such as a likely cause; not for a `Blocked`, which is no word of the API's.
    """
    is_json, parsed = _parse(response.content)
    body = _entries(parsed)
    message = _special(response, operation) or (_message(parsed) if is_json else _plain(response))
    message = message or _meaning(response.status)
    keeps = not (operation.id.startswith("authentication.") or _SECRETS & body.keys())
    kind = _kind(response, operation, is_json=is_json)
    return kind(
        f"{response.status} {shorten(message)}{'' if kind is Blocked else note}",
        status=response.status,
        code=_code(body),
        message=message,
        details={key: value for key, value in body.items() if key not in {"message", "detail"}} if keeps else {},
        headers=response.headers,
        body=response.content if keeps else b"",
        operation=operation.id,
        request_id=request_id(response),
    )


def _parse(content: bytes) -> tuple[bool, object]:
    """Return whether a body is JSON, and its value."""
    try:
        return True, msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False, None


def _entries(body: object) -> dict[str, object]:
    return cast("dict[str, object]", body) if isinstance(body, dict) else {}


def _kind(response: Response, operation: Operation[Any], *, is_json: bool) -> type[StatusError]:
    status = response.status
    claims_json = "json" in response.headers.get("content-type", "")
    if status == 403 and response.content.strip() and not (is_json or claims_json) and operation.method != "HEAD":
        return Blocked
    return STATUS_ERRORS.get(status, ServerError if status >= 500 else StatusError)


def _special(response: Response, operation: Operation[Any]) -> str:
    """Say what some statuses mean here, where the server's words would not help."""
    if 300 <= response.status < 400:
        return f"a redirect to {_host(response.headers.get('location', ''))}, which is not followed"
    if response.status == 405:
        return f"the server does not support {operation.method} on this route"  # HEAD, for a time (D12)
    return ""


def _host(location: str) -> str:
    """Name where a redirect leads; the transport has left no more than the host."""
    return urlsplit(location).hostname or ("another path" if location else "nowhere")


def _message(body: object) -> str:
    """Choose the words: the first that there are of `_WORDS` (D9), and the fields that were wrong."""
    if isinstance(body, str):
        return _without_markup(body)
    if isinstance(body, list):
        return _joined(cast("list[object]", body))
    if not isinstance(body, dict):
        return ""
    entries = cast("dict[str, object]", body)
    words = next((text for key in _WORDS if (text := _words(entries.get(key)))), "")
    fields = entries.get("fields")
    if isinstance(fields, dict):
        named = cast("dict[object, object]", fields).items()
        wrong = "; ".join(f"{name}: {_words(what) or 'wrong'}" for name, what in named)
        return f"{words} ({wrong})" if words and wrong else words or wrong
    return words


def _words(value: object) -> str:
    if isinstance(value, str):
        return _without_markup(value)
    return _joined(cast("list[object]", value)) if isinstance(value, list) else ""


def _joined(values: list[object]) -> str:
    return "; ".join(_without_markup(value) for value in values if isinstance(value, str))


def _code(body: dict[str, object]) -> str | None:
    code = body.get("code", body.get("scimType"))
    return str(code) if isinstance(code, str | int) and not isinstance(code, bool) else None


def _plain(response: Response) -> str:
    """Say what a body that is not JSON was: its text, or of a page only the title."""
    text = response.content[:_LOOKED_AT].decode("utf-8", "replace").strip().removeprefix("\ufeff")
    if text[:1] in {"{", "["} and "json" in response.headers.get("content-type", ""):
        return f"{_meaning(response.status)}, in JSON that can't be read"
    return _without_markup(text, always="html" in response.headers.get("content-type", ""))


def _without_markup(text: str, *, always: bool = False) -> str:
    """Return a text; of HTML or XML only its title, for a message is no place for a page."""
    start = text.lstrip()[:1024].lower()
    if not (always or start.startswith("<") or "<html" in start or "<body" in start or "<!doctype" in start):
        return text.strip()
    title = re.search(r"<title[^>]{0,200}>([^<]{1,500})", text[:_LOOKED_AT], re.IGNORECASE)
    words = shorten(html.unescape(title.group(1))) if title else ""
    return f"an HTML page: {words}" if words else "an HTML page"


def _meaning(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no explanation given"
