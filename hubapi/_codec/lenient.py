"""Lenient reading of responses: slower than msgspec, and tolerant of every deviation the server is known for.

It accepts one object in place of a list (D1, D33), `"true"` for true (D2), nulls and missing keys anywhere (D5, D35),
times in any form (D6), numbers as strings and strings as numbers. Open enums are plain strings already.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, cast, get_args, get_origin

import attrs
from cattrs import Converter, transform_error
from cattrs.cols import list_structure_factory
from cattrs.errors import BaseValidationError
from cattrs.gen import (
    make_dict_structure_fn,
    make_mapping_structure_fn,  # pyright: ignore[reportUnknownVariableType]
    override,
)

from hubapi._codec.wire import WIRE
from hubapi._datetimes import parse_timestamp


def structure(raw: object, result: Any) -> tuple[Any, tuple[str, str] | None]:
    """Return the value as the type *result*, or None and a pair: the path that fails and what was expected there."""
    try:
        return _converter().structure(raw, result), None
    except BaseValidationError as error:
        message, _, path = transform_error(error, path="$", format_exception=_expected)[0].rpartition(" @ ")
        return None, (path, message)
    except RecursionError:
        return None, ("$", "less depth")
    except (ValueError, TypeError) as error:
        return None, ("$", _expected(error, None))


def _expected(error: BaseException, _: Any) -> str:
    if isinstance(error, KeyError):
        return f"the key {error.args[0]!r}"
    return str(error) or type(error).__name__


def _time(value: object, _: Any) -> datetime:
    if isinstance(value, str):
        try:
            return parse_timestamp(value)
        except ValueError:
            pass
    raise ValueError(f"a time, found {_kind_of(value)}")


def _bool(value: object, _: Any) -> bool:
    spellings = {"true": True, "false": False, "1": True, "0": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str | int) and str(value).lower() in spellings:
        return spellings[str(value).lower()]
    raise ValueError(f"true or false, found {_kind_of(value)}")


def _int(value: object, _: Any) -> int:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = float(value)
            if number.is_integer():
                return int(value)
        except (ValueError, OverflowError):
            pass
    raise ValueError(f"a whole number, found {_kind_of(value)}")


def _float(value: object, _: Any) -> float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise ValueError(f"a number, found {_kind_of(value)}")


def _str(value: object, _: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise ValueError(f"a string, found {_kind_of(value)}")


def _bytes(value: object, _: Any) -> bytes:
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            pass
    raise ValueError(f"a base64 string, found {_kind_of(value)}")


def _kind_of(value: object) -> str:
    """Return the name of a value's kind, never the value itself: it may be a secret."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return "a number"
        case str():
            return f"a string of {len(value)} characters"
        case Mapping():
            return "an object"
        case _:
            return "a list"


@cache
def _converter() -> Converter:
    converter = Converter(detailed_validation=True)
    for kind, hook in ((datetime, _time), (bool, _bool), (int, _int), (float, _float), (str, _str), (bytes, _bytes)):
        converter.register_structure_hook(kind, hook)

    def models(cls: Any) -> Any:
        attrs.resolve_types(cls)
        renamed: Any = {f.name: override(rename=f.metadata.get(WIRE, f.name)) for f in attrs.fields(cls)}
        inner = make_dict_structure_fn(cls, converter, **renamed)
        keys = {f.metadata.get(WIRE, f.name): _holds_model(f.type) for f in attrs.fields(cls)}

        def hook(value: object, kind: Any) -> Any:
            return inner(_normalized(_object(value), keys), kind)

        return hook

    def lists(cls: Any) -> Any:
        inner = list_structure_factory(cls, converter)

        def hook(value: Any, kind: Any) -> Any:
            return inner([entry for entry in _as_list(value) if entry is not None], kind)

        return hook

    def maps(cls: Any) -> Any:
        inner: Any = make_mapping_structure_fn(cls, converter)

        def hook(value: object, kind: Any) -> Any:
            return inner(_object(value), kind)

        return hook

    converter.register_structure_hook_factory(attrs.has, models)
    converter.register_structure_hook_factory(_is_map, maps)
    converter.register_structure_hook_factory(_is_list, lists)
    return converter


def _normalized(value: Mapping[str, Any], keys: Mapping[str, bool]) -> Mapping[str, Any]:
    """Return an object with its keys spelled as in the API description, and one object in place of a list (D33).

    The SCIM standard spells the description's `resources` as `Resources`, and sends a list of authentication schemes
    in place of one object; the first item is taken.

    Args:
        value: The object from the response.
        keys: The keys of the description, each with whether it holds a single model.
    """
    changes: dict[str, Any] = {}
    spellings: dict[str, str] | None = None
    for key, holds_model in keys.items():
        if key not in value:
            if spellings is None:
                spellings = {spelling.lower(): spelling for spelling in value}
            if key.lower() in spellings:
                changes[key] = value[spellings[key.lower()]]
        child = changes.get(key, value.get(key))
        if holds_model and isinstance(child, list):
            changes[key] = next(iter(child), None)  # pyright: ignore[reportUnknownArgumentType]
    return {**value, **changes} if changes else value


def _holds_model(kind: Any) -> bool:
    """Return whether a field's type is a single model, or None."""
    return get_origin(kind) not in {list, dict} and any(attrs.has(part) for part in (kind, *get_args(kind)))


def _as_list(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"an object, found {_kind_of(value)}")  # noqa: TRY004 - cattrs collects ValueErrors
    return cast("Mapping[str, Any]", value)


def _is_map(kind: Any) -> bool:
    return get_origin(kind) is dict


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is list
