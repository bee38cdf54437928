"""What handlers read of a body, and how they refuse one."""

import json
from collections.abc import Mapping
from typing import Any, cast

from hubapi.testing._server.calls import Refused, json_answer

__all__ = ["invalid", "read_object"]


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that *body* is; raise `Refused` with a 400 otherwise."""
    try:
        content: object = json.loads(body)
        if b"\\u" in body:
            # Half a surrogate pair is no text; Go's decoder puts something else in its place, too.
            content = json.loads(json.dumps(content, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError):
        raise invalid({}, "the body is not JSON") from None
    if not isinstance(content, dict):
        raise invalid({}, "the body is not a JSON object")
    return cast("dict[str, Any]", content)


def invalid(fields: Mapping[str, str], text: str = "validation failed") -> Refused:
    """Make a 400 in the described shape (ValueError), which names the fields at fault."""
    return Refused(json_answer({"fields": fields, "text": text}, 400))
