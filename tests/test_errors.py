"""The messages of errors, and how errors are pickled, copied and raised."""

import copy
import pickle
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import anyio
import msgspec
import pytest

from hubapi import errors as tree
from hubapi._codec.error_body import error_of
from hubapi._operation import Operation
from hubapi._rate_limit.limiter import RateLimiter
from hubapi._rate_limit.window import COLD
from hubapi._transport.transport import Response
from hubapi.errors import (
    BadRequest,
    Blocked,
    Conflict,
    DecodeError,
    Forbidden,
    HubError,
    NotFound,
    RateLimited,
    ServerError,
    StatusError,
    Unauthorized,
    shorten,
)
from hubapi.testing import VirtualClock

LIST = Operation(id="audit_logs.list", method="GET", path="/v2/auditlogs/acme", result=bytes)
KINDS: list[type[HubError]] = sorted(
    (
        kind
        for name, kind in vars(tree).items()
        if isinstance(kind, type) and issubclass(kind, HubError) and name == kind.__name__
    ),
    key=lambda kind: kind.__name__,
)
CLOUDFLARE = '<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head><body>' + "<p>x</p>" * 5000


def error_for(status: int, body: object, kind: str = "application/json", **headers: str) -> StatusError:
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    return error_of(Response(status=status, headers={"content-type": kind, **headers}, content=content), LIST)


# --- the messages of every body that the server is known to send


JSON_BODIES: dict[str, tuple[int, object, type[StatusError], str]] = {
    "detail": (
        401,
        {"detail": "Incorrect authentication credentials"},
        Unauthorized,
        "Incorrect authentication credentials",
    ),
    "message": (404, {"message": "object not found"}, NotFound, "object not found"),
    "message and errinfo": (403, {"message": "forbidden", "errinfo": {}}, Forbidden, "forbidden"),
    "txnid": (
        500,
        {"txnid": "t", "message": "internal", "errinfo": {"api_call_name": "x", "api_call_docker_id": ""}},
        ServerError,
        "internal",
    ),
    "error: false": (429, {"detail": "Rate limit exceeded", "error": False}, RateLimited, "Rate limit exceeded"),
    "fields and text": (
        400,
        {"fields": {"token_label": "too long", "scopes": "none"}, "text": "validation failed"},
        BadRequest,
        "validation failed (token_label: too long; scopes: none)",
    ),
    "fields alone": (400, {"fields": {"token_label": "too long"}}, BadRequest, "token_label: too long"),
    "fields of lists": (400, {"fields": {"a": ["b", "c"], "d": {}}}, BadRequest, "a: b; c; d: invalid"),
    "rpcStatus": (400, {"code": 3, "message": "invalid page", "details": []}, BadRequest, "invalid page"),
    "SCIM": (
        404,
        {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "404", "detail": "User not found"},
        NotFound,
        "User not found",
    ),
    "SCIM conflict": (409, {"status": "409", "detail": "there already"}, Conflict, "there already"),
    "both": (400, {"detail": "the second", "message": "the first"}, BadRequest, "the first"),
    "an empty message": (400, {"message": " ", "detail": "the words"}, BadRequest, "the words"),
    "no text": (400, {"message": 5, "detail": None}, BadRequest, "Bad Request"),
    "OAuth": (400, {"error": "invalid_grant", "error_description": "expired"}, BadRequest, "expired"),
    "a list of texts": (400, ["wrong", {}, "also wrong"], BadRequest, "wrong; also wrong"),
    "a text": (403, "no", Forbidden, "no"),
    "null": (404, None, NotFound, "Not Found"),
    "a number": (502, 5, ServerError, "Bad Gateway"),
    "nothing": (403, {}, Forbidden, "Forbidden"),
    "HTML inside": (500, {"message": CLOUDFLARE}, ServerError, "an HTML page: Just a moment..."),
}


@pytest.mark.parametrize("name", JSON_BODIES)
def test_the_message_comes_from_the_json_body(name: str) -> None:
    """Every recorded form of body, and similar ones."""
    status, body, kind, message = JSON_BODIES[name]

    error = error_for(status, body if not isinstance(body, str) else msgspec.json.encode(body))

    assert (kind, message) == (type(error), error.message)
    assert f"audit_logs.list: {status} {message}" == str(error)
    assert (status, "audit_logs.list") == (error.status, error.operation)


@pytest.mark.parametrize(
    ("status", "body", "content_type", "kind", "message"),
    [
        (404, "<html><head><title>404 | Docker</title></head><body>...", "text/html", NotFound,
         "an HTML page: 404 | Docker"),
        (502, "<html>\r\n<head><title>502 Bad Gateway</title></head>", "text/html", ServerError,
         "an HTML page: 502 Bad Gateway"),
        (502, "<center><h1>Bad Gateway</h1></center>", "text/html", ServerError, "an HTML page"),
        (403, CLOUDFLARE, "text/html; charset=UTF-8", Blocked, "an HTML page: Just a moment..."),
        (403, CLOUDFLARE, "", Blocked, "an HTML page: Just a moment..."),
        (403, "error code: 1010", "text/plain; charset=UTF-8", Blocked, "error code: 1010"),
        (403, "Forbidden", "text/plain", Blocked, "Forbidden"),
        (429, "Too Many Requests", "text/plain", RateLimited, "Too Many Requests"),
        (503, "upstream connect error\nor\tdisconnect", "text/plain", ServerError,
         "upstream connect error\nor\tdisconnect"),
        (503, "", "", ServerError, "Service Unavailable"),
        (403, "", "text/html", Forbidden, "an HTML page"),
        (404, "", "", NotFound, "Not Found"),
        (520, "", "", ServerError, "no explanation given"),
        (403, '{"message": "forb', "application/json", Forbidden, "Forbidden, with JSON that can't be read"),
        (500, "<?xml version='1.0'?><Error><Message>no</Message></Error>", "application/xml", ServerError,
         "an HTML page"),
        (500, "<html><title>a &amp; b &lt;script&gt;</title>", "text/html", ServerError,
         "an HTML page: a & b <script>"),
        (500, "plain words, said to be HTML", "text/html", ServerError, "an HTML page"),
    ],
)  # fmt: skip
def test_the_message_of_another_body_is_its_text_or_title(
    status: int, body: str, content_type: str, kind: type[StatusError], message: str
) -> None:
    """A page is only named by its title; a 403 of the firewall is not one of the API."""
    error = error_for(status, body, content_type)

    assert (kind, message) == (type(error), error.message)
    assert "<p>" not in str(error)


@pytest.mark.parametrize(
    ("body", "code", "details"),
    [
        ({"code": 3, "message": "x", "details": []}, "3", {"code": 3, "details": []}),
        ({"code": "E1", "message": "x"}, "E1", {"code": "E1"}),
        ({"scimType": "invalidFilter", "detail": "x"}, "invalidFilter", {"scimType": "invalidFilter"}),
        ({"message": "x", "errinfo": {"api_call_name": "n"}}, None, {"errinfo": {"api_call_name": "n"}}),
        ({"code": True}, None, {"code": True}),
        ({"code": {"a": 1}}, None, {"code": {"a": 1}}),
        ([1], None, {}),
    ],
)
def test_the_rest_of_the_body_is_in_code_and_details(
    body: object, code: str | None, details: Mapping[str, object]
) -> None:
    """The code is a string, whatever type the server sent."""
    error = error_for(400, body)

    assert (code, details) == (error.code, error.details)


def test_the_body_and_headers_are_kept() -> None:
    """For callers that need more than the message; the transport has removed cookies."""
    error = error_for(400, b'{"message":"x"}', **{"x-request-id": "r", "date": "now"})

    assert b'{"message":"x"}' == error.body
    assert {"content-type": "application/json", "x-request-id": "r", "date": "now"} == error.headers
    assert "r" == error.request_id


def test_the_response_to_a_login_is_not_kept() -> None:
    """It may contain a token, even if its status is an error."""
    login = Operation(id="authentication.login", method="POST", path="/v2/users/login", result=bytes)
    content = b'{"detail":"second factor","login_2fa_token":"hunter2"}'

    error = error_of(Response(status=401, headers={}, content=content), login)

    assert ("second factor", b"", {}) == (error.message, error.body, error.details)


def test_a_body_that_contains_a_token_is_not_kept() -> None:
    """The message and the code are."""
    error = error_for(401, {"detail": "once more", "token": "hunter2", "code": 7})

    assert ("once more", "7", b"", {}) == (error.message, error.code, error.body, error.details)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"\xff\xfe\x00",
        b"9" * 10_000,
        b"NaN",
        b'{"message":"\\ud800"}',
        b"\x00" * 99,
    ],
    ids=["deep list", "deep object", "bytes", "huge number", "NaN", "half a character", "zeros"],
)
@pytest.mark.parametrize("status", [300, 400, 401, 403, 404, 405, 409, 429, 500, 599])
def test_any_body_gives_an_error(status: int, body: bytes) -> None:
    """An error without a readable body still has its class, and a message of one line."""
    error = error_for(status, body)

    assert status == error.status
    assert "\n" not in str(error)
    assert len(str(error)) < 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  two\r\n lines\t", "two lines"),
        ("red \x1b[31malert\x07", "red [31malert"),
        ("right\u202eleft", "right left"),
        ("half \ud800", "half"),
        ("x" * 500, "x" * 299 + "…"),
        ("x" * 300, "x" * 300),
        ("", ""),
    ],
)
def test_text_is_shortened_to_one_safe_line(text: str, expected: str) -> None:
    """Terminals and logs show messages: no line breaks, no control characters, and a maximum length."""
    assert expected == shorten(text)


# --- pickling, copying, raising


def full(kind: type[HubError]) -> HubError:
    """An error with all attributes set."""
    error = kind("reason", operation="scim.get_user", request_id="r", attempts=3, cursor="{}")
    if isinstance(error, StatusError):
        error.status, error.code, error.message, error.body = 418, "c", "reason", b"body"
        error.details, error.headers = {"a": [1]}, {"date": "now"}
    if isinstance(error, RateLimited):
        error.retry_at, error.retry_after = datetime(2025, 1, 1, tzinfo=UTC), 7.0
        error.limit, error.remaining = 600, -5
    if isinstance(error, DecodeError):
        error.path, error.expected = "$.a", "text"
    return error


def state(error: HubError) -> tuple[Any, ...]:
    return type(error), error.args, str(error), vars(error)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", KINDS)
def test_every_error_pickles(kind: type[HubError], protocol: int) -> None:
    """With all its attributes."""
    error = full(kind)

    assert state(error) == state(pickle.loads(pickle.dumps(error, protocol)))  # noqa: S301 - our own


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_copies(kind: type[HubError]) -> None:
    """The copy is another error with the same attributes."""
    error = full(kind)

    for other in (copy.copy(error), copy.deepcopy(error)):
        assert state(error) == state(other)
        assert error != other


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_hashes_by_identity(kind: type[HubError]) -> None:
    """As any exception: equal only to itself."""
    one, other = full(kind), full(kind)

    assert {one, other, one} == {one, other}
    assert 2 == len({one, other})


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_needs_only_a_message(kind: type[HubError]) -> None:
    """Its str is the message, without an operation."""
    assert "reason" == str(kind("reason"))
    assert ("reason", None, None, 0, None) == (
        (error := kind("reason")).reason,
        error.operation,
        error.request_id,
        error.attempts,
        error.cursor,
    )


def test_the_docstring_shows_the_whole_tree() -> None:
    """Every class has a line, below its base class."""
    drawn: list[str] = []
    lines = (tree.__doc__ or "").split("::\n\n")[1].split("\n\n")[0].splitlines()
    parents: list[str] = []
    for line in lines:
        stripped = line.lstrip(" │├└─")
        depth = (len(line) - len(stripped) - 4) // 4
        name = stripped.split()[0]
        kind = getattr(tree, name)
        assert depth == 0 or kind.__mro__[1].__name__ == parents[depth - 1], line
        parents[depth:] = [name]
        drawn.append(name)
    assert sorted(drawn) == sorted(kind.__name__ for kind in KINDS)


@pytest.mark.anyio
async def test_an_error_leaves_the_rate_limiter_unwrapped() -> None:
    """The limiter waits in a task group of its own, which must not make groups of what callers raise."""
    async with VirtualClock() as clock:
        limiter = RateLimiter(60.0, clock)
        with await limiter.acquire() as permit:
            permit.update({}, 5.0)

        async def wait_and_fail() -> None:
            with await limiter.acquire():
                raise NotFound("gone")

        with pytest.raises(NotFound):
            await wait_and_fail()
        assert clock.monotonic() >= 5.0
    assert COLD > 0


@pytest.mark.anyio
async def test_a_cancelled_wait_at_the_rate_limiter_is_just_cancelled() -> None:
    """No exception group where only a scope ended."""
    async with VirtualClock() as clock:
        limiter = RateLimiter(60.0, clock)
        with await limiter.acquire() as permit:
            permit.update({}, 50.0)

        with clock.move_on_after(3) as scope, await limiter.acquire():
            raise AssertionError
        assert scope.cancelled_caught
        await anyio.lowlevel.checkpoint()
