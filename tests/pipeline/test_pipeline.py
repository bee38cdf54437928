"""One call: which attempts are made, and its result or error. In virtual time, on both event loops."""

from collections.abc import Awaitable, Callable

import anyio
import httpx
import pytest

from hubapi import (
    UNSET,
    AsyncHub,
    ConfigurationError,
    DeadlineExceeded,
    DecodeError,
    Forbidden,
    HubError,
    NoResponseError,
    NotFound,
    NotSentError,
    RateLimited,
    ServerError,
    StatusError,
    Unauthorized,
)
from hubapi.testing import VirtualClock
from tests.pipeline.scripted import Canned, Reply, Script, hub_of, json, text

pytestmark = pytest.mark.anyio

TAG = json({"name": "3.13", "v2": True})
TOKEN = json({"uuid": "u", "token_label": "ci"})
HTML = text("<!doctype html><title>Sorry</title>")
HALF = Canned(200, b'{"name": "3.1', {"content-type": "application/json"})


async def get(hub: AsyncHub) -> object:
    return (await hub.repositories.get_tag("library", "python", "3.13")).name


async def create(hub: AsyncHub) -> object:
    return (await hub.access_tokens.create("ci", ["repo:read"])).token_label


async def patch(hub: AsyncHub) -> object:
    return (await hub.access_tokens.update("u", is_active=False)).token_label


async def delete(hub: AsyncHub) -> object:
    await hub.access_tokens.delete("u")
    return None


async def head(hub: AsyncHub) -> object:
    return await hub.repositories.has_tag("library", "python", "3.13")


FAILURES: dict[str, tuple[Reply, type[HubError]]] = {
    "connect error": (httpx.ConnectError("refused"), NotSentError),
    "connect timeout": (httpx.ConnectTimeout("slow"), NotSentError),
    "pool timeout": (httpx.PoolTimeout("full"), NotSentError),
    "read timeout": (httpx.ReadTimeout("slow"), NoResponseError),
    "read error": (httpx.ReadError("reset"), NoResponseError),
    "write error": (httpx.WriteError("reset"), NoResponseError),
    "no HTTP": (httpx.RemoteProtocolError("garbage"), NoResponseError),
    "500": (json({"message": "oops"}, 500), ServerError),
    "502": (text("<html>bad gateway</html>", 502), ServerError),
    "503": (Canned(503), ServerError),
    "504": (text("gateway timeout", 504, "text/plain"), ServerError),
    "HTML with 200": (HTML, DecodeError),
    "half a body": (HALF, DecodeError),
    "broken compression": (text(b"\x1f\x8b\x08 cut off", **{"content-encoding": "gzip"}), NoResponseError),
}
NOT_SENT = {"connect error", "connect timeout", "pool timeout"}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_get_is_retried_after_any_transient_failure(failure: str, clock: VirtualClock) -> None:
    """Repeating a read does no harm."""
    script = Script([FAILURES[failure][0], TAG])

    assert "3.13" == await get(hub_of(script, clock))
    assert 2 == len(script.requests)


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_get_is_sent_at_most_max_attempts_times(failure: str, clock: VirtualClock) -> None:
    """Then the last failure is raised, with the number of attempts."""
    reply, kind = FAILURES[failure]
    script = Script([reply])

    with pytest.raises(kind) as caught:
        await get(hub_of(script, clock, max_attempts=3))

    assert 3 == len(script.requests)
    assert (kind, 3, "repositories.get_tag") == (type(caught.value), caught.value.attempts, caught.value.operation)
    assert 0 == script.open_responses


@pytest.mark.parametrize("call", [create, patch])
@pytest.mark.parametrize("failure", sorted(FAILURES.keys() - NOT_SENT))
async def test_a_request_that_is_not_idempotent_is_not_retried_once_sent(
    call: Callable[[AsyncHub], Awaitable[object]], failure: str, clock: VirtualClock
) -> None:
    """The server may have created the token already: a second one would be left over."""
    reply, kind = FAILURES[failure]
    script = Script([reply, TOKEN])

    with pytest.raises(kind) as caught:
        await call(hub_of(script, clock))

    assert (1, 1) == (len(script.requests), caught.value.attempts)


@pytest.mark.parametrize("call", [create, patch])
@pytest.mark.parametrize("failure", sorted(NOT_SENT))
async def test_a_request_that_was_not_sent_is_always_retried(
    call: Callable[[AsyncHub], Awaitable[object]], failure: str, clock: VirtualClock
) -> None:
    """Nothing reached the server, so nothing can happen twice."""
    script = Script([FAILURES[failure][0], TOKEN])

    assert "ci" == await call(hub_of(script, clock))
    assert 2 == len(script.requests)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 410, 418, 422, 451, 501, 505, 599])
async def test_no_other_status_is_retried(status: int, clock: VirtualClock) -> None:
    """Another attempt would get the same response."""
    script = Script([json({"message": "no"}, status), TAG])

    with pytest.raises(StatusError) as caught:
        await get(hub_of(script, clock))

    assert (1, 1, status) == (len(script.requests), caught.value.attempts, caught.value.status)


async def test_backoff_is_bounded_and_virtual(clock: VirtualClock) -> None:
    """By the bounds of the policy: 0.5, 1 and 2 seconds."""
    with pytest.raises(ServerError):
        await get(hub_of(Script([Canned(503)]), clock))

    assert 0 < clock.monotonic() <= 3.5


# --- DELETE


@pytest.mark.parametrize("failure", ["read timeout", "read error", "500", "502", "504"])
async def test_a_404_for_a_retried_delete_is_a_success(failure: str, clock: VirtualClock) -> None:
    """The attempt whose response was lost has deleted it."""
    script = Script([FAILURES[failure][0], json({"message": "not found"}, 404)])

    assert None is await delete(hub_of(script, clock))
    assert 2 == len(script.requests)


@pytest.mark.parametrize("failure", sorted(NOT_SENT))
async def test_a_delete_whose_first_attempt_was_not_sent_fails_on_404(failure: str, clock: VirtualClock) -> None:
    """This call can't have deleted it."""
    script = Script([FAILURES[failure][0], json({"message": "not found"}, 404)])

    with pytest.raises(NotFound):
        await delete(hub_of(script, clock))


async def test_a_delete_fails_on_404_after_a_429(clock: VirtualClock) -> None:
    """A rate-limited request has done nothing."""
    script = Script([json({"detail": "slow down"}, 429, **{"retry-after": "2"}), Canned(404)])

    with pytest.raises(NotFound) as caught:
        await delete(hub_of(script, clock))

    assert 1 == caught.value.attempts


async def test_a_404_for_a_retried_get_is_not_found(clock: VirtualClock) -> None:
    """Only a DELETE may succeed that way."""
    with pytest.raises(NotFound) as caught:
        await get(hub_of(Script([Canned(503), Canned(404)]), clock))

    assert 2 == caught.value.attempts


@pytest.mark.parametrize("response", [Canned(204), Canned(202), Canned(200), json({"message": "accepted"}, 202), HTML])
async def test_any_2xx_is_a_success_if_nothing_is_returned(response: Canned, clock: VirtualClock) -> None:
    """Deleting a token returns 204 in the description and 202 in fact (D13), with or without a body."""
    assert None is await delete(hub_of(Script([response]), clock))


@pytest.mark.parametrize("status", [200, 201, 202, 203, 206, 299])
async def test_any_2xx_with_the_result_is_a_success(status: int, clock: VirtualClock) -> None:
    """The exact status means nothing to a caller."""
    assert "ci" == await create(hub_of(Script([json({"token_label": "ci"}, status)]), clock))


@pytest.mark.parametrize("response", [Canned(204), Canned(200), Canned(200, b" \n"), json("", 204)])
async def test_an_empty_body_is_an_error_if_a_result_is_expected(response: Canned, clock: VirtualClock) -> None:
    """It can't be decoded, and another attempt would not help."""
    script = Script([response])

    with pytest.raises(DecodeError) as caught:
        await get(hub_of(script, clock))

    assert 1 == len(script.requests)
    assert str(response.status) in str(caught.value)


async def test_the_error_for_an_empty_body_says_that_it_is_empty(clock: VirtualClock) -> None:
    """This distinguishes it from invalid JSON."""
    with pytest.raises(DecodeError) as caught:
        await get(hub_of(Script([Canned(204)]), clock))

    expected = "repositories.get_tag: the response (204, no content type, 0 bytes) can't be read: it is empty"
    assert expected == str(caught.value)


# --- HEAD


@pytest.mark.parametrize(("status", "expected"), [(200, True), (204, True), (404, False)])
async def test_a_head_returns_whether_it_exists(status: int, expected: bool, clock: VirtualClock) -> None:
    """200 and 404 have no body, and need none."""
    assert expected is await head(hub_of(Script([Canned(status)]), clock))


async def test_a_head_that_is_forbidden_is_an_error(clock: VirtualClock) -> None:
    """It is not known whether it exists."""
    with pytest.raises(Forbidden):
        await head(hub_of(Script([Canned(403, b"", {"content-type": "text/html"})]), clock))


async def test_a_head_that_the_server_does_not_support_is_an_error(clock: VirtualClock) -> None:
    """Docker Hub responded to every HEAD with 405 for a time (D12)."""
    with pytest.raises(StatusError) as caught:
        await head(hub_of(Script([Canned(405)]), clock))

    assert "repositories.has_tag: 405 the server does not support HEAD on this route" == str(caught.value)
    assert 405 == caught.value.status


# --- redirects


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://login.docker.com/u/login?state=hunter2", "login.docker.com"),
        ("/elsewhere?token=hunter2", "another path"),
        ("", "nowhere"),
        ("http://[broken", "another path"),
    ],
)
async def test_a_redirect_is_an_error_that_names_its_host(
    status: int, location: str, named: str, clock: VirtualClock
) -> None:
    """It is not followed, to keep the token from other hosts; the rest of the URL may be secret."""
    script = Script([Canned(status, b"", {"location": location} if location else {})])

    with pytest.raises(StatusError) as caught:
        await get(hub_of(script, clock))

    assert f"repositories.get_tag: {status} a redirect to {named}, which is not followed" == str(caught.value)
    assert 1 == len(script.requests)


# --- deadline


async def never(request: httpx.Request) -> Canned:
    await anyio.sleep_forever()
    raise AssertionError


async def test_a_deadline_ends_a_call_that_waits_for_a_response(clock: VirtualClock) -> None:
    """Exactly on time, with the number of attempts."""
    with pytest.raises(DeadlineExceeded) as caught:
        await get(hub_of(Script([never]), clock, deadline=7))

    assert 7.0 == clock.monotonic()
    assert ("repositories.get_tag", 1) == (caught.value.operation, caught.value.attempts)


async def test_a_deadline_includes_all_attempts_and_waits(clock: VirtualClock) -> None:
    """If there is no time for another attempt, the last failure is raised at once."""
    with pytest.raises(ServerError):
        await get(hub_of(Script([Canned(503)]), clock, deadline=2, max_attempts=1000))

    assert clock.monotonic() <= 2


async def test_a_cancellation_by_the_caller_is_no_deadline_error(clock: VirtualClock) -> None:
    """It stays a cancellation."""
    hub = hub_of(Script([never]), clock, deadline=60)

    with clock.move_on_after(5) as scope:
        await get(hub)

    assert scope.cancelled_caught
    assert 5.0 == clock.monotonic()


async def test_a_429_with_a_wait_beyond_the_deadline_is_raised_at_once(clock: VirtualClock) -> None:
    """The retry would come too late."""
    script = Script([json({"detail": "slow down"}, 429, **{"retry-after": "30"})])

    with pytest.raises(RateLimited) as caught:
        await get(hub_of(script, clock, deadline=10))

    assert (0.0, 30.0, 1) == (clock.monotonic(), caught.value.retry_after, caught.value.attempts)


# --- 401


async def test_a_static_token_that_is_refused_is_not_sent_again(clock: VirtualClock) -> None:
    """There is no other token to try."""
    script = Script([json({"detail": "expired"}, 401)])

    with pytest.raises(Unauthorized):
        await get(hub_of(script, clock))

    assert 1 == len(script.requests)


# --- clones


async def test_clones_share_the_transport_the_limiter_and_the_token_but_not_the_concurrency(
    clock: VirtualClock,
) -> None:
    """A clone with more concurrency is not limited by its hub, and the other way round."""
    script = Script([never])
    narrow = hub_of(script, clock, concurrency=1)
    wide = narrow.with_options(concurrency=3)

    async with anyio.create_task_group() as tasks:
        for hub in [narrow, narrow, wide, wide, wide, wide]:
            tasks.start_soon(get, hub)
        await clock.sleep(1)
        tasks.cancel_scope.cancel()

    assert 4 == len(script.requests)
    assert (narrow.limiter, narrow.counters) == (wide.limiter, wide.counters)
    assert {"Bearer header.payload.signature"} == {r.headers["authorization"] for r in script.requests}


async def test_a_call_that_waits_for_a_retry_frees_its_slot(clock: VirtualClock) -> None:
    """With a concurrency of one, a second call completes while the first waits; no response is kept open."""
    open_then: list[int] = []

    async def second(request: httpx.Request) -> Canned:
        open_then.append(script.open_responses)
        return TAG

    script = Script([Canned(503), second])
    hub = hub_of(script, clock, concurrency=1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(get, hub)
        tasks.start_soon(get, hub)

    assert 3 == len(script.requests)
    assert [0, 0] == open_then


async def test_the_error_of_a_closed_hub_names_the_operation(clock: VirtualClock) -> None:
    """It comes first, as in every error."""
    hub = hub_of(Script([TAG]), clock)
    await hub.aclose()

    with pytest.raises(ConfigurationError, match=r"^repositories.get_tag: this hub is closed"):
        await get(hub)


async def test_an_error_found_before_sending_has_its_operation(clock: VirtualClock) -> None:
    """Nothing was sent, and the error names the call."""
    script = Script([TAG])

    with pytest.raises(ConfigurationError) as caught:
        await hub_of(script, clock).repositories.get_tag("library", "..", "3.13")

    assert (0, "repositories.get_tag", 0) == (len(script.requests), caught.value.operation, caught.value.attempts)


async def test_errors_have_the_request_id(clock: VirtualClock) -> None:
    """Docker's support asks for it: it is in status errors and in decode errors."""
    for reply in (
        json({"message": "no"}, 404, **{"x-request-id": "r-1"}),
        json([1], **{"x-request-id": "r-1"}),
    ):
        with pytest.raises(HubError) as caught:
            await get(hub_of(Script([reply]), clock))
        assert "r-1" == caught.value.request_id


async def test_unset_fields_of_a_patch_are_not_sent(clock: VirtualClock) -> None:
    """Unlike None."""
    script = Script([TOKEN])
    hub = hub_of(script, clock)

    await hub.access_tokens.update("u", token_label=UNSET, is_active=False)

    assert b'{"is_active":false}' == script.requests[0].content
