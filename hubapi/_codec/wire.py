"""The vocabulary of the generated models: unset values, timestamps, and fields that JSON names differently."""

from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import attrs
import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T")

Timestamp: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""An aware datetime. The server sends 0 to 9 digits of fraction, and sometimes no zone (D6): see `lenient`."""

WIRE: Final = "hubapi.wire"
"""The attrs metadata key of a field's name in JSON."""


def wire(name: str | None = None, *, default: Any = attrs.NOTHING, secret: bool = False) -> Any:
    """Declare a field with another name in JSON, or one that its repr must not show.

    Args:
        name: The name in JSON; None if it is the field's own.
        default: The field's default, if it has one.
        secret: Whether to leave the field out of the repr.
    """
    return attrs.field(default=default, repr=not secret, metadata={WIRE: name} if name else None)


def or_unset(value: T | None) -> T | UnsetType:
    """Return a value, or `UNSET`, which is not sent, for None."""
    return UNSET if value is None else value


__all__ = ["UNSET", "WIRE", "Timestamp", "UnsetType", "or_unset", "wire"]
