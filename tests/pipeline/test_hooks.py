"""Middleware, events and the log: what they can see of each request, and that they can't harm the call."""

import logging

import httpx
import pytest

from hubapi import (
    AsyncHub,
    AttemptEvent,
    AttemptRequest,
    AttemptResponse,
    CallNext,
    ConfigurationError,
    Event,
    NotFound,
    Password,
    PauseEvent,
    RetryEvent,
    ServerError,
    Settings,
    TokenEvent,
)
from hubapi._pipeline.hooks import shown_target
from hubapi.testing import VirtualClock
from tests.pipeline.scripted import Canned, Script, hub_of, json

pytestmark = pytest.mark.anyio

TAG = json({"name": "3.13"}, **{"x-ratelimit-remaining": "599", "x-internal": "hunter2"})


async def get(hub: AsyncHub) -> object:
    return (await hub.repositories.get_tag("library", "python", "3.13")).name


# --- middleware


async def test_middleware_sees_every_attempt_but_no_token(clock: VirtualClock) -> None:
    """The operation, attempt, method, URL and headers of the request; the status and headers of the response."""
    seen: list[tuple[AttemptRequest, AttemptResponse]] = []

    async def watch(request: AttemptRequest, call_next: CallNext) -> AttemptResponse:
        response = await call_next(request)
        seen.append((request, response))
        return response

    await get(hub_of(Script([Canned(503), TAG]), clock, middleware=watch))

    url = "https://hub.docker.com/v2/namespaces/library/repositories/python/tags/3.13"
    assert [("repositories.get_tag", 1, "GET", url, 503), ("repositories.get_tag", 2, "GET", url, 200)] == [
        (request.operation, request.attempt, request.method, request.url, response.status) for request, response in seen
    ]
    assert {"accept", "user-agent"} == set(seen[0][0].headers)
    assert not hasattr(seen[0][0], "bearer")
    assert not hasattr(seen[0][1], "content")


async def test_middleware_may_add_headers(clock: VirtualClock) -> None:
    """They are sent; `Authorization` can't be replaced."""

    async def trace(request: AttemptRequest, call_next: CallNext) -> AttemptResponse:
        return await call_next(request.with_headers({"Traceparent": "00-1", "Authorization": "Bearer mine"}))

    script = Script([TAG])
    await get(hub_of(script, clock, middleware=trace))

    sent = script.requests[0].headers
    assert ("00-1", "Bearer header.payload.signature") == (sent["traceparent"], sent["authorization"])


async def test_middleware_can_not_redirect_a_request(clock: VirtualClock) -> None:
    """Of the request that it passes on, only the headers are used."""

    async def redirect(request: AttemptRequest, call_next: CallNext) -> AttemptResponse:
        elsewhere = AttemptRequest(
            operation="x", attempt=9, method="DELETE", url="https://evil.example/", headers=request.headers
        )
        return await call_next(elsewhere)

    script = Script([TAG])
    await get(hub_of(script, clock, middleware=redirect))

    assert ["GET /v2/namespaces/library/repositories/python/tags/3.13"] == script.sent
    assert "hub.docker.com" == script.requests[0].url.host


async def test_an_exception_of_middleware_reaches_the_caller(clock: VirtualClock) -> None:
    """It is not wrapped, and nothing is sent."""

    async def refuse(request: AttemptRequest, call_next: CallNext) -> AttemptResponse:
        raise PermissionError("not today")

    script = Script([TAG])
    with pytest.raises(PermissionError, match="not today"):
        await get(hub_of(script, clock, middleware=refuse))

    assert [] == script.requests


async def test_middleware_has_to_call_next(clock: VirtualClock) -> None:
    """It can't make up a response."""

    async def forget(request: AttemptRequest, call_next: CallNext) -> AttemptResponse:
        return AttemptResponse(status=200, headers={})

    with pytest.raises(ConfigurationError, match="call_next"):
        await get(hub_of(Script([TAG]), clock, middleware=forget))


async def test_middleware_sees_logins_without_their_bodies(clock: VirtualClock) -> None:
    """It sees neither the password nor the token."""
    seen: list[str] = []

    async def watch(request: AttemptRequest, call_next: CallNext) -> AttemptResponse:
        response = await call_next(request)
        seen.append(f"{request!r} {response!r}")
        return response

    script = Script([json({"token": "aaa.bbb.ccc"}), TAG])
    hub = AsyncHub(
        Password("moby", "hunter2"), transport=script, clock=clock, settings=Settings(middleware=watch)
    )  # fmt: skip
    await get(hub)

    assert 2 == len(seen)
    assert "hunter2" not in "".join(seen).replace("'x-internal': 'hunter2'", "")
    assert "aaa.bbb.ccc" not in "".join(seen)


# --- events


async def test_attempts_and_retries_are_emitted_in_order(clock: VirtualClock) -> None:
    """Each event has its operation, attempt, status and seconds."""
    events: list[Event] = []

    async def slow(request: httpx.Request) -> Canned:
        await clock.sleep(2)
        return TAG

    await get(hub_of(Script([httpx.ReadError("reset"), Canned(502), slow]), clock, on_event=events.append))

    assert [
        (AttemptEvent, 1, None),
        (RetryEvent, 1, None),
        (AttemptEvent, 2, 502),
        (RetryEvent, 2, 502),
        (AttemptEvent, 3, 200),
    ] == [(type(event), event.attempt, event.status) for event in events]
    assert {"repositories.get_tag"} == {event.operation for event in events}
    assert 2.0 == pytest.approx(events[-1].seconds)
    assert sum(event.seconds for event in events) == pytest.approx(clock.monotonic())


async def test_a_429_emits_a_pause_and_no_retry(clock: VirtualClock) -> None:
    """It does not count as an attempt of the call."""
    events: list[Event] = []
    script = Script([json({"detail": "slow down"}, 429, **{"retry-after": "7"}), TAG])

    await get(hub_of(script, clock, on_event=events.append))

    assert [(AttemptEvent, 1, 429), (PauseEvent, 1, 429), (AttemptEvent, 1, 200)] == [
        (type(event), event.attempt, event.status) for event in events
    ]
    assert 7.0 == events[1].seconds


async def test_a_login_emits_a_token_event(clock: VirtualClock) -> None:
    """After the attempts of the login, before those of the call."""
    events: list[Event] = []
    script = Script([Canned(503), json({"token": "aaa.bbb.ccc"}), TAG])
    hub = AsyncHub(
        Password("moby", "hunter2"), transport=script, clock=clock, settings=Settings(on_event=events.append)
    )  # fmt: skip

    await get(hub)

    kinds = [type(event) for event in events]
    assert [AttemptEvent, RetryEvent, AttemptEvent, TokenEvent, AttemptEvent] == kinds
    assert ("authentication.login", 2, 200) == (events[3].operation, events[3].attempt, events[3].status)


async def test_a_hook_that_raises_fails_no_call_and_is_logged_once(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """An exporter that is down must not break the service or fill its log."""

    def broken(event: Event) -> None:
        raise RuntimeError("exporter is down")

    hub = hub_of(Script([Canned(503), TAG]), clock, on_event=broken)
    with caplog.at_level(logging.INFO, logger="hubapi"):
        assert "3.13" == await get(hub)
        assert "3.13" == await get(hub.with_options(max_attempts=1))

    assert 1 == sum("on_event failed" in record.getMessage() for record in caplog.records)


async def test_clones_have_the_hooks_of_their_hub(clock: VirtualClock) -> None:
    """Hooks are set once, for the hub and its clones."""
    events: list[Event] = []

    await get(hub_of(Script([TAG]), clock, on_event=events.append).with_options(deadline=5))

    assert 1 == len(events)


async def test_events_are_values(clock: VirtualClock) -> None:
    """They can be compared and hashed."""
    event = AttemptEvent(operation="x", attempt=1, status=200, seconds=0.5)

    assert event == AttemptEvent(operation="x", attempt=1, status=200, seconds=0.5)
    assert 1 == len({event, AttemptEvent(operation="x", attempt=1, status=200, seconds=0.5)})


# --- the log


async def test_the_log_has_known_headers_and_arguments_only(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """At DEBUG, one line for each response, without bodies, tokens or unknown values."""
    script = Script([Canned(503), TAG])
    hub = hub_of(script, clock)
    with caplog.at_level(logging.DEBUG, logger="hubapi"):
        await hub.raw.request("GET", "/v2/x", query={"page": 2, "key": "hunter2"})

    lines = [record.getMessage() for record in caplog.records if record.name == "hubapi"]
    assert 3 == len(lines)
    assert lines[0] == "raw GET /v2/x: attempt 1: GET /v2/x?page=2&key=***: 503 in 0.000 s ()"
    assert lines[1].startswith("raw GET /v2/x: attempt 1 failed (raw GET /v2/x: 503 Service Unavailable); again in ")
    assert lines[2] == (
        "raw GET /v2/x: attempt 2: GET /v2/x?page=2&key=***: 200 in 0.000 s "
        "(content-type: application/json, x-ratelimit-remaining: 599)"
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://hub.docker.com/v2/auditlogs/acme", "/v2/auditlogs/acme"),
        ("https://hub.docker.com/v2/x?page=2&page_size=100", "/v2/x?page=2&page_size=100"),
        ("https://hub.docker.com/v2/x?token=hunter2&page=2", "/v2/x?token=***&page=2"),
        ("https://hub.docker.com/v2/x?filter=userName+eq+%22a%22", "/v2/x?filter=***"),
        ("https://hub.docker.com/v2/x?flag", "/v2/x?flag=***"),
    ],
)
def test_values_of_unknown_arguments_are_masked(url: str, expected: str) -> None:
    """A caller of `hub.raw` may pass a secret."""
    assert expected == shown_target(url)


async def test_the_errors_are_the_same_with_and_without_hooks(clock: VirtualClock) -> None:
    """Middleware that only passes requests on changes no error."""

    async def pass_on(request: AttemptRequest, call_next: CallNext) -> AttemptResponse:
        return await call_next(request)

    for reply, kind in ((Canned(404), NotFound), (Canned(500), ServerError)):
        with pytest.raises(kind) as caught:
            await get(hub_of(Script([reply]), clock, max_attempts=1, middleware=pass_on))
        assert ("repositories.get_tag", 1) == (caught.value.operation, caught.value.attempts)
