"""Values to bytes and bytes to values: the request an operation is, and the result or error an answer holds.

Answers go straight into the attrs models through msgspec. What that refuses (a bool as text, one object where a list is
due, a time without a zone) goes once more through the tolerant path of `tolerant`; what neither can read is an error.
"""

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast
from urllib.parse import quote, urlencode

import attrs
import msgspec
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

from hubapi._core.operation import Argument, Operation, T
from hubapi._core.secret import Secret
from hubapi._core.tolerant import structure
from hubapi._core.transport import Answer, Request
from hubapi._core.wire import WIRE
from hubapi.errors import (
    STATUS_ERRORS,
    Blocked,
    ConfigurationError,
    DecodeError,
    ServerError,
    StatusError,
    shorten,
)

_TEMPLATE = re.compile(r"\{([^{}]+)\}")
_REQUEST_ID_HEADERS = ("x-request-id", "x-trace-id", "x-docker-txnid", "cf-ray")
_HIDDEN_HEADERS = {"set-cookie", "authorization", "www-authenticate"}
_MEANING = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict"}


# --- requests


def build_request(base_url: str, operation: Operation[Any], user_agent: str) -> Request:
    """Turn an operation into a request, without its bearer.

    Raises:
        ConfigurationError: a path value is empty, `.` or `..`, or the body can't be encoded.
    """
    headers = {"accept": "application/json, application/scim+json;q=0.9, */*;q=0.1", "user-agent": user_agent}
    for name, value in operation.headers.items():
        for text in _texts(value):
            headers[name] = text
    content = b""
    if operation.body is not None:
        headers["content-type"] = operation.media_type
        content = encode(operation.body)
    return Request(method=operation.method, url=base_url + target(operation), headers=headers, content=content)


def target(operation: Operation[Any]) -> str:
    """Return the path and query of an operation, each value percent-encoded on its own."""
    if operation.link is not None:
        return operation.link

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        text = str(operation.path_values[name])
        if text in {"", ".", ".."}:
            raise ConfigurationError(
                f"{name} is {text!r}, which would address something else: give a name", operation=operation.id
            )
        return quote(text, safe="")

    path = _TEMPLATE.sub(fill, operation.path)
    query = [(name, text) for name, value in operation.query.items() for text in _texts(value)]
    return f"{path}?{urlencode(query)}" if query else path


def _texts(value: Argument) -> list[str]:
    """Return an argument as it is written in a URL or header; unset and None are not sent."""
    match value:
        case None | msgspec.UnsetType():
            return []
        case bool():
            return ["true" if value else "false"]
        case datetime():
            return [format_time(value)]
        case str() | int() | float():
            return [str(value)]
        case _:
            return [text for item in value for text in _texts(item)]


def format_time(moment: datetime) -> str:
    """Return an aware datetime in RFC 3339, in UTC.

    Raises:
        ConfigurationError: it has no zone, so nobody knows which moment is meant.
    """
    if moment.tzinfo is None:
        raise ConfigurationError(f"{moment!r} has no time zone; give an aware datetime, for example with tzinfo=UTC")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def encode(body: object) -> bytes:
    """Return a body as JSON. What is unset, or an answer's field that is None, is left out."""
    return msgspec.json.encode(_unstructuring().unstructure(body), enc_hook=_reveal)


def _reveal(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise ConfigurationError(f"a {type(value).__name__} can't be sent as JSON")


@cache
def _unstructuring() -> Converter:
    converter = Converter()
    converter.register_unstructure_hook(datetime, format_time)
    converter.register_unstructure_hook(Secret, lambda secret: secret)

    def models(cls: Any) -> Any:
        renamed: Any = {f.name: override(rename=f.metadata.get(WIRE, f.name)) for f in attrs.fields(cls)}
        return make_dict_unstructure_fn(cls, converter, _cattrs_omit_if_default=True, **renamed)

    converter.register_unstructure_hook_factory(attrs.has, models)
    return converter


# --- answers


def is_readable(answer: Answer, operation: Operation[Any]) -> bool:
    """Say whether a success came in the form that the operation returns: not as HTML, for one (D10)."""
    if operation.result in {type(None), bytes} or operation.method == "HEAD":
        return True
    return answer.content[:1] in {b"{", b"["} or "json" in answer.headers.get("content-type", "")


def decode(answer: Answer, operation: Operation[T]) -> T:
    """Return the result that an answer holds.

    Raises:
        DecodeError: it can't be read; the path says where.
    """
    result: Any = operation.result
    if result is type(None):
        return cast("T", None)
    if result is bytes:
        return cast("T", answer.content)
    try:
        if _is_native(result):
            return cast("T", _decoder(result).decode(answer.content))
    except msgspec.ValidationError:
        pass  # well-formed, but not quite as described
    except msgspec.DecodeError as error:
        raise _decode_error(answer, operation, f"not JSON: {error}", "$", "JSON") from None
    try:
        raw: object = msgspec.json.decode(answer.content)
    except msgspec.DecodeError as error:
        raise _decode_error(answer, operation, f"not JSON: {error}", "$", "JSON") from None
    value, problem = structure(raw, result)
    if problem:
        path, expected = problem
        raise _decode_error(answer, operation, f"expected {expected} at {path}", path, expected)
    return cast("T", value)


def _decode_error(answer: Answer, operation: Operation[Any], reason: str, path: str, expected: str) -> DecodeError:
    kind = answer.headers.get("content-type", "no content type").partition(";")[0]
    return DecodeError(
        f"the answer ({answer.status}, {kind}, {len(answer.content)} bytes) can't be read: {reason}",
        path=path,
        expected=expected,
        operation=operation.id,
        request_id=request_id(answer),
    )


@cache
def _decoder(result: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(result)


@cache
def _is_native(result: Any) -> bool:
    """Say whether msgspec can read a type by itself: it knows no field whose wire name differs."""
    if attrs.has(result):
        attrs.resolve_types(result)
        return all(WIRE not in f.metadata and _is_native(f.type) for f in attrs.fields(result))
    arguments = getattr(result, "__args__", ())
    return all(_is_native(a) for a in arguments if a is not Ellipsis)


def request_id(answer: Answer) -> str | None:
    """Return the server's own name for a request, where it gave one."""
    return next((answer.headers[name] for name in _REQUEST_ID_HEADERS if name in answer.headers), None)


# --- errors


def error_of(answer: Answer, operation: Operation[Any]) -> StatusError:
    """Turn an answer that is no success into its error, whatever its body is (D9, D10); never fails itself."""
    body = _error_body(answer.content)
    is_json = body is not None
    kind = STATUS_ERRORS.get(answer.status, ServerError if answer.status >= 500 else StatusError)
    if answer.status == 403 and not is_json and operation.method != "HEAD":
        kind = Blocked
    message = _message(body) if is_json else _plain(answer)
    message = message or _MEANING.get(answer.status, "no explanation given")
    details = {key: value for key, value in (body or {}).items() if key not in {"message", "detail"}}
    code = details.get("code", details.get("scimType"))
    return kind(
        f"{answer.status} {shorten(message)}",
        status=answer.status,
        code=None if code is None else str(code),
        message=message,
        details=details,
        headers={name: value for name, value in answer.headers.items() if name not in _HIDDEN_HEADERS},
        body=answer.content,
        operation=operation.id,
        request_id=request_id(answer),
    )


def _error_body(content: bytes) -> dict[str, object] | None:
    try:
        body: object = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        return None
    return cast("dict[str, object]", body) if isinstance(body, dict) else None


def _message(body: dict[str, object] | None) -> str:
    """Choose the words: `message`, `detail`, `text`, in that order (D9), then the first field that was wrong."""
    for key in ("message", "detail", "text", "error"):
        value = (body or {}).get(key)
        if isinstance(value, str) and value.strip():
            return value
    fields = (body or {}).get("fields")
    if isinstance(fields, dict):
        return "; ".join(f"{name}: {what}" for name, what in cast("dict[str, object]", fields).items())
    return ""


def _plain(answer: Answer) -> str:
    """Say what a body that is not JSON was: its text, or of HTML only the title."""
    text = answer.content[:65536].decode("utf-8", "replace").replace("\0", " ")
    if "<html" in text[:1024].lower() or "<!doctype" in text[:1024].lower():
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        return f"an HTML page{f': {title.group(1).strip()}' if title else ''}"
    return shorten(text)
