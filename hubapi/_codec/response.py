"""Values to bytes and bytes to values: the request an operation is, and the result an answer holds.

Answers go straight into the attrs models through msgspec. What that refuses (a bool as text, one object where a list is
due, a time without a zone) goes once more through the tolerant path of `tolerant`; what neither can read is an error.
"""

import re
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, cast
from urllib.parse import quote, quote_plus, unquote

import attrs
import msgspec
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

from hubapi._codec.error_body import request_id
from hubapi._codec.wire import WIRE
from hubapi._datetimes import format_timestamp
from hubapi._operation import Argument, Operation, T
from hubapi._secret import Secret
from hubapi._transport.transport import Request, Response
from hubapi.errors import ConfigurationError, DecodeError, shorten

_TEMPLATE = re.compile(r"\{([^{}]+)\}")
_SLASH = re.compile(r"/|%2f", re.IGNORECASE)
_FOREIGN = re.compile(r"[\x00-\x20\x7f\\#\ud800-\udfff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_any_json = msgspec.json.Decoder(msgspec.Raw)
_ONCE = (str, int, float, datetime)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_JSON = "JSON"  # what a garbled answer was expected to be


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
    """Return the path and query of an operation, each value percent-encoded on its own.

    Raises:
        ConfigurationError: it would lead elsewhere than the operation means to, or a value is no text.
    """
    if operation.link is not None:
        return _below(operation.link, "link")
    path = _path(operation.path, *[(name, str(value)) for name, value in operation.path_values.items()])
    query = "&".join([text for name, value in operation.query.items() if (text := _in_query(name, value))])
    return f"{path}{'&' if '?' in path else '?'}{query}" if query else path


@lru_cache(maxsize=1024)  # the pages of a log share their path
def _path(template: str, *values: tuple[str, str]) -> str:
    """Return a template with its values filled in."""
    texts = dict(values)

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if texts[name] in {"", ".", ".."}:
            raise ConfigurationError(f"{name} is {texts[name]!r}, which would address something else: give a name")
        return quote(_whole(texts[name], name), safe="")

    return _below(_TEMPLATE.sub(fill, template), "path")


def _in_query(name: str, value: Argument) -> str:
    """Return an argument as it stands in a query: nothing, once, or several times."""
    if isinstance(value, _ONCE):
        return _once(name, value)
    return "&".join([_once(name, text) for text in _texts(value)])


@lru_cache(maxsize=4096, typed=True)  # most stay the same from page to page
def _once(name: str, value: str | float | datetime) -> str:
    (text,) = _texts(value)
    return f"{quote_plus(_whole(name, 'a name'))}={quote_plus(_whole(text, name))}"


def _whole(text: str, name: str) -> str:
    if _SURROGATE.search(text):
        raise ConfigurationError(f"{name} has half of a surrogate pair, which is no text")
    return text


def _below(path: str, name: str) -> str:
    """Return what is put behind the base URL; refuse what would change the host, or climb out of its path."""
    parts = _SLASH.split(path.partition("?")[0])
    if path.startswith("/") and not _FOREIGN.search(path) and not any(unquote(part) in {".", ".."} for part in parts):
        return path
    raise ConfigurationError(f"the {name} {path[:200]!r} is not a percent-encoded path")


def _texts(value: Argument) -> list[str]:
    """Return an argument as it is written in a URL or header; unset and None are not sent."""
    match value:
        case str():
            return [value]
        case bool():
            return ["true" if value else "false"]
        case int() | float():
            return [str(value)]
        case None | msgspec.UnsetType():
            return []
        case datetime():
            return [format_timestamp(value)]
        case _:
            return [text for item in value for text in _texts(item)]


def encode(body: object) -> bytes:
    """Return a body as JSON. What is unset, or an answer's field that is None, is left out.

    Raises:
        ConfigurationError: it can't be written as JSON.
    """
    try:
        return msgspec.json.encode(_unstructuring().unstructure(body), enc_hook=_reveal)
    except UnicodeEncodeError:
        problem = "a text in the body has half of a surrogate pair, which is no text"
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        problem = f"the body can't be sent as JSON: {type(error).__name__}"
    # Raised here: what failed above holds the text it failed on, which may be a password.
    raise ConfigurationError(problem)


def _reveal(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise ConfigurationError(f"a {type(value).__name__} can't be sent as JSON")


@cache
def _unstructuring() -> Converter:
    converter = Converter()
    converter.register_unstructure_hook(datetime, format_timestamp)
    converter.register_unstructure_hook(Secret, lambda secret: secret)

    def models(cls: Any) -> Any:
        renamed: Any = {f.name: override(rename=f.metadata.get(WIRE, f.name)) for f in attrs.fields(cls)}
        return make_dict_unstructure_fn(cls, converter, _cattrs_omit_if_default=True, **renamed)

    converter.register_unstructure_hook_factory(attrs.has, models)
    return converter


# --- answers


def decode(response: Response, operation: Operation[T]) -> T:
    """Return the result that an answer holds.

    Raises:
        DecodeError: it can't be read; the path says where. `is_garbled` tells whether another attempt may help.
    """
    result: Any = operation.result
    decoder = _native(result)
    if decoder is not None:
        try:
            return cast("T", decoder.decode(response.content))
        except _UNREADABLE:
            pass
    value, problem = _read(response, result)
    if problem is not None:
        # Raised here, where no local variable holds what the server sent: it may be a token.
        raise _decode_error(response, operation, problem)
    return cast("T", value)


def is_garbled(error: DecodeError) -> bool:
    """Say whether an answer was no JSON, or half of it, as during an outage (D10); not merely other JSON."""
    return error.expected == _JSON


class _Problem(msgspec.Struct, frozen=True):
    """Why an answer can't be read: in words, and what was expected where."""

    reason: str
    expected: str = _JSON
    path: str = "$"


def _read(response: Response, result: Any) -> tuple[Any, _Problem | None]:
    """Return the value of an answer that is not quite as described; or None, and why it can't be read."""
    content = response.content
    if result is type(None):
        return None, None
    if result is bytes:
        return content, _doubt(response)
    if not content or content.isspace():
        return None, None if result is Any else _Problem("it is empty", "a result")
    try:
        raw: object = msgspec.json.decode(content)
    except msgspec.ValidationError:
        return None, _Problem("it has a number that is out of range", "a number")
    except _UNREADABLE as error:
        return None, _not_json(response, error)
    from hubapi._codec.lenient import structure  # noqa: PLC0415 - few answers need it

    value, problem = structure(raw, result)
    if problem:
        path, expected = problem
        return None, _Problem(f"expected {expected} at {path}", expected, path)
    return value, None


def _doubt(response: Response) -> _Problem | None:
    """Say why an answer taken as bytes is not what was asked for: a page for people, or JSON that breaks off."""
    kind, start = response.headers.get("content-type", ""), response.content[:64].lstrip().lower()
    if "html" in kind or start.startswith((b"<!doctype", b"<html")):
        return _Problem("it is an HTML page")
    if "json" in kind and response.content.strip():
        try:
            _any_json.decode(response.content)
        except msgspec.ValidationError:
            return None  # a number too large for us; JSON all the same
        except _UNREADABLE as error:
            return _not_json(response, error)
    return None


def _not_json(response: Response, error: Exception) -> _Problem:
    if isinstance(error, RecursionError):
        return _Problem("it is nested too deeply", "less depth")
    if response.content[:64].lstrip().startswith(b"<"):
        return _Problem("it is an HTML page")
    if isinstance(error, UnicodeDecodeError):
        return _Problem("it is not UTF-8")
    return _Problem(f"not JSON: {error}")


def _decode_error(response: Response, operation: Operation[Any], problem: _Problem) -> DecodeError:
    kind = shorten(response.headers.get("content-type", "no content type").partition(";")[0])
    return DecodeError(
        f"the answer ({response.status}, {kind}, {len(response.content)} bytes) can't be read: {problem.reason}",
        path=problem.path,
        expected=problem.expected,
        operation=operation.id,
        request_id=request_id(response),
    )


@cache
def _native(result: Any) -> msgspec.json.Decoder[Any] | None:
    """Return what reads a type from JSON, where msgspec can do so by itself."""
    return None if result in {type(None), bytes} or not _is_native(result) else msgspec.json.Decoder(result)


def _is_native(result: Any) -> bool:
    """Say whether msgspec can read a type by itself: it knows no field whose wire name differs."""
    if attrs.has(result):
        attrs.resolve_types(result)
        return all(WIRE not in f.metadata and _is_native(f.type) for f in attrs.fields(result))
    arguments = getattr(result, "__args__", ())
    return all(_is_native(a) for a in arguments if a is not Ellipsis)
