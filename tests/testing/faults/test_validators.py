"""The validation of the arguments of faults."""

import math
from collections.abc import Callable

import pytest

from hubapi.testing import faults

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: faults.Status(199), "status"),
        (lambda: faults.Status(600), "status"),
        (lambda: faults.Status(204, "text"), "204 has no body"),
        (lambda: faults.Status(500, content_type="a\nb"), "content_type"),
        (lambda: faults.Status(500, headers={"a b": "c"}), "'a b'"),
        (lambda: faults.Status(500, headers={"a": "b\r\nc: d"}), "not a valid header"),
        (lambda: faults.Status(500, headers={"Content-Length": "3"}), "follows from the body"),
        (lambda: faults.Truncated(keep=1), "keep"),
        (lambda: faults.Truncated(keep=-0.1), "keep"),
        (lambda: faults.ContentType("a\r\n"), "content_type"),
        (lambda: faults.SlowHeaders(-1), "seconds"),
        (lambda: faults.SlowBody(math.nan), "seconds"),
        (lambda: faults.Skew(math.inf), "seconds"),
        (lambda: faults.TooMany(wait_s=-1), "wait_s"),
        (lambda: faults.TooMany(wait_s=1, form="soon"), "form is 'soon', not one of"),  # type: ignore[arg-type]
        (lambda: faults.Drop("never"), "when is 'never', not one of before, after, midway"),  # type: ignore[arg-type]
        (lambda: faults.Next("up"), "kind is 'up', not one of foreign"),  # type: ignore[arg-type]
        (lambda: faults.PageSize(0), "size"),
        (lambda: faults.PageSize(101), "size"),
    ],
)
async def test_invalid_arguments_are_rejected(make: Callable[[], faults.Fault], message: str) -> None:
    """The error names the argument."""
    with pytest.raises(ValueError, match=message):
        make()


async def test_a_body_that_is_not_json_is_rejected() -> None:
    """The error comes when the fault is created."""
    with pytest.raises(TypeError, match="set"):
        faults.Status(200, {1, 2})
