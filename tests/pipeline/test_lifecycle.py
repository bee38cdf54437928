"""The lifecycle of a hub and its clones, in one event loop: new, open, closing, closed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
import trio

from hubapi import (
    AsyncHub,
    ConfigurationError,
    HubError,
    MemoryTokenStore,
    NoResponseError,
    Password,
    Totp,
)
from hubapi._pipeline.lifecycle import Lifecycle
from hubapi.testing import VirtualClock
from tests.auth.logins import (
    KEY,
    LOGIN,
    LOGS,
    PASSWORD,
    SECOND_STEP,
    Interceptor,
    call,
    fake_hub,
    make_hub,
    outcomes,
    slow_login,
)

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[AsyncHub, Interceptor, VirtualClock]]:
    """Yield a hub that is not closed afterwards, its transport and its clock."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport())
        yield make_hub(transport, clock), transport, clock


def state(hub: AsyncHub) -> str:
    return hub._pipeline.session.lifecycle.state


# --- closing


async def test_a_hub_opens_when_first_used_and_closes_once() -> None:
    """Closing it again does nothing."""
    async with opened() as (hub, _, _):
        states = [state(hub)]
        await call(hub)
        states.append(state(hub))
        for _ in range(3):
            await hub.aclose()
            states.append(state(hub))

    assert ["new", "open", "closed", "closed", "closed"] == states


async def test_a_hub_that_was_never_used_can_be_closed() -> None:
    """It is then closed like any other."""
    async with opened() as (hub, transport, _):
        await hub.aclose()
        with pytest.raises(ConfigurationError, match="this hub is closed; open another"):
            await call(hub)

    assert [] == transport.paths


@pytest.mark.parametrize("clone", [False, True])
async def test_a_closed_hub_can_not_be_used(*, clone: bool) -> None:
    """Calls, pages and `async with` fail, of the hub and of its clones, and nothing is sent."""
    async with opened() as (hub, transport, _):
        used = hub.with_options(max_attempts=2) if clone else hub
        await hub.aclose()
        with pytest.raises(ConfigurationError, match="this hub is closed; open another"):
            await call(used)
        with pytest.raises(ConfigurationError, match="this hub is closed; open another"):
            await used.audit_logs.list("acme").collect()
        with pytest.raises(ConfigurationError, match="this hub is closed; open another"):
            async with used:
                pass

    assert [] == transport.paths


async def test_concurrent_closes_all_wait_for_the_end() -> None:
    """Ten tasks close the hub during calls: all return when it is closed."""
    async with opened() as (hub, transport, clock):
        transport.intercept = slow_login(clock, 100)
        states: list[str] = []

        async def close() -> None:
            await hub.aclose()
            states.append(state(hub))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(outcomes, hub, 10)
            await clock.sleep(1)
            for _ in range(10):
                tasks.start_soon(close)

    assert ["closed"] * 10 == states
    assert 0 == transport.in_flight


@pytest.mark.parametrize("path", [LOGIN, LOGS])
async def test_closing_ends_the_calls_in_flight(path: str) -> None:
    """During a login or a request, each fails at once with an error that names the reason, and no request is left."""
    async with opened() as (hub, transport, clock):

        async def intercept(request: httpx.Request) -> httpx.Response | None:
            if request.url.path == path:
                await clock.sleep(1000)
            return None

        transport.intercept = intercept
        found: list[int | HubError] = []

        async def calls() -> None:
            found.extend(await outcomes(hub, 50))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(calls)
            await clock.sleep(1)
            await hub.aclose()
        ended = clock.monotonic()

    assert [NoResponseError] * 50 == [type(error) for error in found]
    assert {"raw GET /v2/auditlogs/acme: the hub was closed during this call"} == set(map(str, found))
    assert (1, 0) == (ended, transport.in_flight)


async def test_closing_ends_waits_too() -> None:
    """A call that waits for a permit or for a retry does not delay closing."""
    async with opened() as (hub, transport, clock):

        async def intercept(request: httpx.Request) -> httpx.Response | None:
            if request.url.path == LOGS:
                return httpx.Response(429, headers={"retry-after": "200"}, stream=httpx.ByteStream(b""))
            return None

        transport.intercept = intercept
        found: list[int | HubError] = []

        async def calls() -> None:
            found.extend(await outcomes(hub, 20))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(calls)
            await clock.sleep(1)
            await hub.aclose()
        ended = clock.monotonic()

    assert [NoResponseError] * 20 == [type(error) for error in found]
    assert 1 == ended


async def test_new_calls_are_refused_while_closing() -> None:
    """They fail at once, and don't delay closing."""
    async with opened() as (hub, transport, clock):

        async def stubborn(request: httpx.Request) -> httpx.Response | None:
            with anyio.CancelScope(shield=True):
                await clock.sleep(3)
            return None

        transport.intercept = stubborn
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(outcomes, hub, 1)
            await clock.sleep(1)
            tasks.start_soon(hub.aclose)
            await clock.sleep(1)
            assert "closing" == state(hub)
            with pytest.raises(ConfigurationError, match="this hub is closing; open another"):
                await call(hub)
        assert ("closed", 3) == (state(hub), clock.monotonic())


async def test_closing_waits_five_seconds_at_most() -> None:
    """A `two_factor` that closes the hub itself would wait for itself."""
    async with VirtualClock() as clock:
        hub: AsyncHub

        async def code() -> str:
            await hub.aclose()
            return "000000"

        transport = Interceptor(fake_hub(clock, totp_secret=KEY).transport())
        hub = make_hub(transport, clock, Password("moby", PASSWORD, code))
        found = await outcomes(hub, 3)
        assert ("closed", 5) == (state(hub), clock.monotonic())

    assert [NoResponseError] * 3 == [type(error) for error in found]
    assert SECOND_STEP not in transport.paths


@pytest.mark.parametrize("native", [False, True])
async def test_a_cancelled_close_is_completed(anyio_backend: str, *, native: bool) -> None:
    """No connection stays open because the task that closes is cancelled."""
    if native and anyio_backend != "asyncio":
        pytest.skip("trio has no other cancellation")
    async with VirtualClock() as clock:
        lifecycle = Lifecycle(clock)
        done: list[str] = []

        async def disconnect() -> None:
            await clock.sleep(2)
            done.append("disconnected")

        if native:
            task = asyncio.ensure_future(lifecycle.close(disconnect))
            await clock.sleep(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            with clock.move_on_after(1):
                await lifecycle.close(disconnect)
        assert ("closed", ["disconnected"]) == (lifecycle.state, done)


async def test_an_error_while_closing_is_raised_once() -> None:
    """The hub is closed afterwards."""
    async with VirtualClock() as clock:
        lifecycle = Lifecycle(clock)

        async def disconnect() -> None:
            raise OSError("stuck")

        with pytest.raises(OSError, match="stuck"):
            await lifecycle.close(disconnect)
        await lifecycle.close(disconnect)
        assert "closed" == lifecycle.state


# --- async with


async def test_the_outermost_async_with_closes() -> None:
    """`async with` may be nested, also around a clone."""
    async with opened() as (hub, _, _):
        async with hub:
            async with hub.with_options(max_attempts=1) as clone, clone:
                assert 25 == await call(clone)
            assert 25 == await call(hub)
            states = [state(hub)]
        states.append(state(hub))

    assert ["open", "closed"] == states


async def test_an_error_in_async_with_is_propagated() -> None:
    """Unchanged, and the hub is closed."""

    async def failing(hub: AsyncHub) -> None:
        async with hub:
            await call(hub)
            raise KeyError("mine")

    async with opened() as (hub, _, _):
        with pytest.raises(KeyError, match="mine"):
            await failing(hub)
        assert "closed" == state(hub)


async def test_an_injected_transport_and_limiter_stay_open() -> None:
    """They belong to the caller: another hub can use them."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport())
        async with make_hub(transport, clock) as first:
            await call(first)
        limiter = first.limiter
        async with AsyncHub(Password("moby", PASSWORD), transport=transport, limiter=limiter, clock=clock) as second:
            assert 25 == await call(second)
            assert limiter is second.limiter

    assert 0 == transport.closed


# --- event loops


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_hub_belongs_to_the_first_loop_that_uses_it(backend: str) -> None:
    """Created outside any loop, it works in the first; in a second one, calls and `aclose` raise an error."""
    hub = AsyncHub(transport=httpx.MockTransport(lambda _: httpx.Response(500)))

    async def use() -> str:
        try:
            await hub.reauthenticate()
            await hub.with_options(max_attempts=1).raw.request("HEAD", "/v2/x", auth="none")
        except HubError as error:
            return type(error).__name__
        return "nothing"

    async def close() -> None:
        await hub.aclose()

    found = [anyio.run(use, backend=backend), anyio.run(use, backend=backend)]
    with pytest.raises(ConfigurationError, match="this hub belongs to another event loop; open one in each"):
        anyio.run(close, backend=backend)

    assert "ConfigurationError" != found[0]
    assert "ConfigurationError" == found[1]


def test_a_closed_hub_can_not_be_used_in_any_loop() -> None:
    """The error is that it is closed; closing it again does nothing in any loop."""
    hub = AsyncHub()
    trio.run(hub.aclose)
    asyncio.run(hub.aclose())

    with pytest.raises(ConfigurationError, match="this hub is closed"):
        asyncio.run(call(hub))


def test_tokens_are_shared_within_a_loop_only() -> None:
    """A store outlives a loop: a hub in the next loop finds the token there, but no event of the previous loop."""
    store = MemoryTokenStore()
    logins: list[int] = []

    async def main() -> None:
        async with VirtualClock() as clock:
            transport = Interceptor(fake_hub(clock).transport())
            async with make_hub(transport, clock, Password("moby", PASSWORD, Totp(KEY)), token_store=store) as hub:
                await outcomes(hub, 5)
            logins.append(transport.logins)

    for backend in ("asyncio", "trio", "asyncio"):
        anyio.run(main, backend=backend)

    # Each loop has its own fake, with equal tokens: the seed and the virtual time are the same.
    assert 1 == logins[0]
    assert logins[1] <= 1
