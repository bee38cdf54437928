"""Validators of the arguments of faults."""

import re
from typing import Any

MAX_S = 1e9
"""The limit of times and waits, so that dates stay within the calendar."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_FRAMING = {"content-length", "transfer-encoding"}


def is_header_value(_fault: object, attribute: Any, value: str) -> None:
    """Reject a value that is not valid in a header."""
    if not _VALUE.fullmatch(value):
        raise ValueError(f"{attribute.name} has a character that is not valid in a header: {value!r}")


def are_headers(_fault: object, _attribute: object, value: Any) -> None:
    """Reject headers that can't be sent, or would contradict the body."""
    for name, content in value.items():
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(content)):
            raise ValueError(f"not a valid header: {name!r}: {content!r}")
        if name.lower() in _FRAMING:
            raise ValueError(f"{name} follows from the body")


def one_of(*choices: str | None) -> Any:
    """Return a validator that rejects all but *choices*, with a message that lists them."""

    def validate(_fault: object, attribute: Any, value: Any) -> None:
        if value not in choices:
            raise ValueError(f"{attribute.name} is {value!r}, not one of {', '.join(map(str, choices))}")

    return validate
