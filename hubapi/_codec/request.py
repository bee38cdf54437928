"""Build an HTTP request from an operation: path and query, headers, JSON body."""

import re
from collections.abc import Hashable
from datetime import datetime
from functools import cache, lru_cache
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import attrs
import msgspec
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

from hubapi._codec.wire import WIRE
from hubapi._datetimes import format_timestamp
from hubapi._operation import Argument, Operation
from hubapi._secret import Secret
from hubapi._transport.transport import DEFAULT_LIMITS, Limits, Request
from hubapi.errors import ConfigurationError

_TEMPLATE_FIELD = re.compile(r"\{([^{}]+)\}")
_SLASH = re.compile(r"/|%2f", re.IGNORECASE)
_NOT_IN_A_PATH = re.compile(r"[\x00-\x20\x7f\\#\ud800-\udfff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SCALAR = (str, int, float, datetime)


def build_request(
    base_url: str,
    operation: Operation[Any],
    user_agent: str,
    *,
    limits: Limits = DEFAULT_LIMITS,
    identity: Hashable = None,
) -> Request:
    """Return the request for an operation. The pipeline adds the token.

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
    url = base_url + target(operation)
    return Request(method=operation.method, url=url, headers=headers, content=content, limits=limits, identity=identity)


def target(operation: Operation[Any]) -> str:
    """Return the path and query of an operation, each value percent-encoded on its own.

    Raises:
        ConfigurationError: a value would change which resource is addressed, or is not valid Unicode.
    """
    if operation.link is not None:
        return _checked_path(operation.link, "link")
    path = _path(operation.path, *[(name, str(value)) for name, value in operation.path_values.items()])
    query = "&".join([text for name, value in operation.query.items() if (text := _query_items(name, value))])
    return f"{path}{'&' if '?' in path else '?'}{query}" if query else path


@lru_cache(maxsize=1024)  # all pages of a listing share one path
def _path(template: str, *values: tuple[str, str]) -> str:
    """Return a path template with its values filled in."""
    texts = dict(values)

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if texts[name] in {"", ".", ".."}:
            raise ConfigurationError(f"{name} is {texts[name]!r}, which would address another resource: pass a name")
        return quote(_valid_text(texts[name], name), safe="")

    return _checked_path(_TEMPLATE_FIELD.sub(fill, template), "path")


def _query_items(name: str, value: Argument) -> str:
    """Return an argument in query syntax: once, once per item of a sequence, or an empty string if it is not sent."""
    if isinstance(value, _SCALAR):
        return _query_item(name, value)
    return "&".join([_query_item(name, text) for text in _texts(value)])


@lru_cache(maxsize=4096, typed=True)  # most arguments stay the same from page to page
def _query_item(name: str, value: str | float | datetime) -> str:
    (text,) = _texts(value)
    return f"{quote_plus(_valid_text(name, 'a query name'))}={quote_plus(_valid_text(text, name))}"


def _valid_text(text: str, name: str) -> str:
    if _SURROGATE.search(text):
        raise ConfigurationError(f"{name} contains half of a surrogate pair, so it is not valid Unicode")
    return text


def _checked_path(path: str, name: str) -> str:
    """Return a path to append to the base URL; refuse one that would change the host or leave the base URL's path."""
    segments = _SLASH.split(path.partition("?")[0])
    climbs = any(unquote(segment) in {".", ".."} for segment in segments)
    if path.startswith("/") and not climbs and not _NOT_IN_A_PATH.search(path):
        return path
    raise ConfigurationError(
        f"the {name} {path[:200]!r} is not valid: start it with '/', percent-encode it, and leave out '.' and '..'"
    )


def _texts(value: Argument) -> list[str]:
    """Return an argument as URLs and headers spell it; an empty list for unset and None, which are not sent."""
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
    """Return a body as JSON, without the fields that hold their default: unset in requests, None in responses.

    Raises:
        ConfigurationError: JSON can't represent it.
    """
    try:
        return msgspec.json.encode(_unstructuring().unstructure(body), enc_hook=_reveal)
    except UnicodeEncodeError:
        problem = "a string in the body contains half of a surrogate pair, so it is not valid Unicode"
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        problem = f"the body can't be encoded as JSON: {type(error).__name__}"
    # Raised outside `except`: the caught error holds the string it failed on, which may be a password.
    raise ConfigurationError(problem)


def _reveal(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise ConfigurationError(f"the body can't be encoded as JSON: it contains a {type(value).__name__}")


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
