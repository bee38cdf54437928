"""What a fault may be made of."""

import re
from typing import Any

__all__ = ["MOST_S", "are_headers", "is_header_value", "one_of"]

MOST_S = 1e9
"""Dates stay within what a calendar holds."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_FRAMING = {"content-length", "transfer-encoding"}


def is_header_value(_fault: object, attribute: Any, value: str) -> None:
    """Refuse what can't stand in a header."""
    if not _VALUE.fullmatch(value):
        raise ValueError(f"{attribute.name} has a character that no header may hold: {value!r}")


def are_headers(_fault: object, _attribute: object, value: Any) -> None:
    """Refuse what can't be sent, or would contradict the body that is."""
    for name, content in value.items():
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(content)):
            raise ValueError(f"this is no header: {name!r}: {content!r}")
        if name.lower() in _FRAMING:
            raise ValueError(f"{name} follows from the body")


def one_of(*choices: str | None) -> Any:
    """Refuse everything else, with a message that names them."""

    def validate(_fault: object, attribute: Any, value: Any) -> None:
        if value not in choices:
            raise ValueError(f"{attribute.name} is {value!r}, not one of {', '.join(map(str, choices))}")

    return validate
