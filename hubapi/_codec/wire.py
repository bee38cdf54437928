"""How the wire's values and names are spelled in the models."""

from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

import attrs
import msgspec
from msgspec import UNSET, UnsetType

Timestamp: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""An aware datetime. The server's fractions have anything from 0 to 9 digits (D6); see `codec`."""

WIRE: Final = "hubapi.wire"
"""The metadata key under which a field keeps its name on the wire."""


def wire(name: str | None = None, *, default: Any = attrs.NOTHING, secret: bool = False) -> Any:
    """Declare a field that is spelled otherwise on the wire, or that must not show in a repr."""
    return attrs.field(default=default, repr=not secret, metadata={WIRE: name} if name else None)


__all__ = ["UNSET", "WIRE", "Timestamp", "UnsetType", "wire"]
