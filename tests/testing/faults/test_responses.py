"""Faults that replace the response."""

import httpx
import pytest

from hubapi.testing import FakeHub, RetryAfter, faults
from tests.testing.faults.conftest import TAGS

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("fault", "content_type", "body"),
    [
        (faults.Status(503), "application/json", b'{"message":"service unavailable","errinfo":{}}'),
        (faults.Status(401), "application/json", b'{"detail":"unauthorized"}'),
        (faults.Status(429), "application/json", b'{"detail":"Rate limit exceeded","error":false}'),
        (faults.Status(520), "application/json", b'{"message":"unknown error","errinfo":{}}'),
        (faults.Status(202), "application/json", b"{}"),
        (faults.Status(204), None, b""),
        (faults.Status(502, "bad", "text/plain"), "text/plain", b"bad"),
        (faults.Status(404, b"\xff"), "application/json", b"\xff"),
        (faults.Status(200, {"logs": None}), "application/json", b'{"logs":null}'),
        (faults.Html(403, "<p>no</p>"), "text/html; charset=utf-8", b"<p>no</p>"),
        (faults.Text(), "text/plain; charset=utf-8", b"error code: 1010"),
    ],
    ids=str,
)
async def test_a_response_is_replaced(
    fake: FakeHub, anonymous: httpx.AsyncClient, fault: faults.Status, content_type: str | None, body: bytes
) -> None:
    """Status, media type and body are the fault's, or the server's usual ones; the next request has no fault."""
    fake.inject(fault)
    response = await anonymous.get(TAGS)

    assert (fault.status, content_type, body) == (
        response.status_code,
        response.headers.get("content-type"),
        response.content,
    )
    assert [200] == [(await anonymous.get(TAGS)).status_code]


async def test_html_has_status_200_by_default(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """As during an outage (D10)."""
    fake.inject(faults.Html())
    response = await anonymous.get(TAGS)

    assert (200, "<!DOCTYPE html>") == (response.status_code, response.text[:15])


async def test_headers_are_replaced(fake: FakeHub, anonymous: httpx.AsyncClient) -> None:
    """The fault's headers replace those of FakeHub."""
    fake.inject(faults.Status(503, headers={"X-RateLimit-Remaining": "-534", "Retry-After": "7"}))
    response = await anonymous.get(TAGS)

    assert ["-534"] == response.headers.get_list("x-ratelimit-remaining")
    assert ("7", "180") == (response.headers["retry-after"], response.headers["x-ratelimit-limit"])


@pytest.mark.parametrize(("after_work", "events"), [(False, 250), (True, 251)])
async def test_a_status_comes_before_or_after_processing(
    fake: FakeHub, moby: httpx.AsyncClient, after_work: bool, events: int
) -> None:
    """The request has no effect, or its effect is in the account's log."""
    fake.add_repository("acme", "service", tags=["one"])
    fake.inject(faults.Status(504, after_work=after_work), method="DELETE")
    response = await moby.delete("/v2/namespaces/acme/repositories/service/tags/one")

    assert 504 == response.status_code
    assert events == len(fake.events("acme"))


@pytest.mark.parametrize(
    ("form", "header", "value"),
    [
        (None, "x-retry-after", "1738281600"),
        ("retry-after-seconds", "retry-after", "2592000"),
        ("retry-after-epoch-ms", "retry-after", "1738281600000"),
        ("none", None, None),
    ],
)
async def test_too_many_asks_to_wait(
    fake: FakeHub, anonymous: httpx.AsyncClient, form: RetryAfter | None, header: str | None, value: str | None
) -> None:
    """The wait of a month is in FakeHub's form or another, although the window has room."""
    fake.inject(faults.TooMany(wait_s=30 * 86_400, form=form))
    response = await anonymous.get(TAGS)

    assert (429, {"detail": "Rate limit exceeded", "error": False}) == (response.status_code, response.json())
    retry_headers = {name: value for name, value in response.headers.items() if "retry" in name}
    assert retry_headers == ({} if header is None else {header: value})
    assert "179" == response.headers["x-ratelimit-remaining"]
