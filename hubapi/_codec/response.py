"""Read an operation's result from its HTTP response.

msgspec decodes the JSON straight into the attrs models. What it rejects (a bool sent as text, one object in place of a
list, a time without a zone) goes through the slower, lenient reader in `lenient`. If that fails too, the call ends with
a `DecodeError`.
"""

from functools import cache
from typing import Any, cast

import attrs
import msgspec

from hubapi._codec.error_body import request_id
from hubapi._codec.wire import WIRE
from hubapi._operation import Operation, T
from hubapi._transport.transport import Response
from hubapi.errors import DecodeError, shorten

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_JSON = "JSON"  # `expected` of an error that another attempt may cure
_any_json = msgspec.json.Decoder(msgspec.Raw)


def decode(response: Response, operation: Operation[T]) -> T:
    """Return the result that a response carries.

    Raises:
        DecodeError: it can't be read. `path` says where, and `is_garbled` whether another attempt may help.
    """
    result: Any = operation.result
    decoder = _native_decoder(result)
    if decoder is not None:
        try:
            return cast("T", decoder.decode(response.content))
        except _UNREADABLE:
            pass
    value, problem = _read(response, result)
    if problem is not None:
        # Raised in this frame, whose locals don't hold what the server sent: it may be a token.
        raise _decode_error(response, operation, problem)
    return cast("T", value)


def is_garbled(error: DecodeError) -> bool:
    """Return whether a response was no JSON, or cut short, as during an outage (D10), rather than other JSON."""
    return error.expected == _JSON


class _Problem(msgspec.Struct, frozen=True):
    """Why a response can't be read, and what was expected where."""

    reason: str
    expected: str = _JSON
    path: str = "$"


def _read(response: Response, result: Any) -> tuple[Any, _Problem | None]:
    """Return the value of a response that msgspec rejected, or None and the reason it can't be read."""
    content = response.content
    if result is type(None):
        return None, None
    if result is bytes:
        return content, _check_bytes(response)
    if not content or content.isspace():
        return None, None if result is Any else _Problem("it is empty", "a result")
    try:
        raw: object = msgspec.json.decode(content)
    except msgspec.ValidationError:
        return None, _Problem("it has a number that is out of range", "a number")
    except _UNREADABLE as error:
        return None, _not_json(response, error)
    from hubapi._codec.lenient import structure  # noqa: PLC0415 - few responses need it

    value, problem = structure(raw, result)
    if problem:
        path, expected = problem
        return None, _Problem(f"expected {expected} at {path}", expected, path)
    return value, None


def _check_bytes(response: Response) -> _Problem | None:
    """Return why a result of raw bytes is not what was asked for: an HTML page, or JSON that is cut short."""
    kind, start = response.headers.get("content-type", ""), response.content[:64].lstrip().lower()
    if "html" in kind or start.startswith((b"<!doctype", b"<html")):
        return _Problem("it is an HTML page")
    if "json" in kind and response.content.strip():
        try:
            _any_json.decode(response.content)
        except msgspec.ValidationError:
            return None  # a number too large for msgspec is valid JSON
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
    return _Problem(f"it is not JSON: {error}")


def _decode_error(response: Response, operation: Operation[Any], problem: _Problem) -> DecodeError:
    kind = shorten(response.headers.get("content-type", "no content type").partition(";")[0])
    return DecodeError(
        f"the response ({response.status}, {kind}, {len(response.content)} bytes) can't be read: {problem.reason}",
        path=problem.path,
        expected=problem.expected,
        operation=operation.id,
        request_id=request_id(response),
    )


@cache
def _native_decoder(result: Any) -> msgspec.json.Decoder[Any] | None:
    """Return msgspec's decoder for a type, or None if msgspec can't decode it by itself."""
    return None if result in {type(None), bytes} or not _is_native(result) else msgspec.json.Decoder(result)


def _is_native(result: Any) -> bool:
    """Return whether msgspec can decode a type by itself: it does not support renamed fields of attrs classes."""
    if attrs.has(result):
        attrs.resolve_types(result)
        return all(WIRE not in f.metadata and _is_native(f.type) for f in attrs.fields(result))
    arguments = getattr(result, "__args__", ())
    return all(_is_native(a) for a in arguments if a is not Ellipsis)
