"""New, open, closing, closed: once, for all clones, in one event loop."""

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
    Wire,
    call,
    fake_hub,
    hub_on,
    outcomes,
    slow_login,
)

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[AsyncHub, Wire, VirtualClock]]:
    """A hub that nobody closes, its wire and its clock."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport())
        yield hub_on(wire, clock), wire, clock


def state(hub: AsyncHub) -> str:
    return hub._pipeline.session.lifecycle.state


# --- closing


async def test_a_hub_opens_when_first_used_and_closes_once() -> None:
    """New, open, closed: and closing it again does nothing."""
    async with opened() as (hub, _, _):
        states = [state(hub)]
        await call(hub)
        states.append(state(hub))
        for _ in range(3):
            await hub.aclose()
            states.append(state(hub))

    assert ["new", "open", "closed", "closed", "closed"] == states


async def test_a_hub_that_was_never_used_can_be_closed() -> None:
    """There is nothing to close; it is closed all the same."""
    async with opened() as (hub, wire, _):
        await hub.aclose()
        with pytest.raises(ConfigurationError, match="this hub is closed; open another"):
            await call(hub)

    assert [] == wire.paths


@pytest.mark.parametrize("clone", [False, True])
async def test_a_closed_hub_says_so(*, clone: bool) -> None:
    """To calls, pages and `async with`, of the hub and of its clones, and sends nothing."""
    async with opened() as (hub, wire, _):
        used = hub.with_options(max_attempts=2) if clone else hub
        await hub.aclose()
        with pytest.raises(ConfigurationError, match="this hub is closed; open another"):
            await call(used)
        with pytest.raises(ConfigurationError, match="this hub is closed; open another"):
            await used.audit_logs.list("acme").collect()
        with pytest.raises(ConfigurationError, match="this hub is closed; open another"):
            async with used:
                pass

    assert [] == wire.paths


async def test_simultaneous_closes_are_one() -> None:
    """Ten tasks close at once while calls are under way: all return when it is done."""
    async with opened() as (hub, wire, clock):
        wire.cut = slow_login(clock, 100)
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
    assert 0 == wire.under_way


@pytest.mark.parametrize("where", [LOGIN, LOGS])
async def test_closing_ends_the_calls_under_way(where: str) -> None:
    """In a login or in a request: each fails at once, with an error that says why, and no request is left."""
    async with opened() as (hub, wire, clock):

        async def cut(request: httpx.Request) -> httpx.Response | None:
            if request.url.path == where:
                await clock.sleep(1000)
            return None

        wire.cut = cut
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
    assert (1, 0) == (ended, wire.under_way)


async def test_closing_ends_waits_too() -> None:
    """A call that waits for room, or before it tries again, does not hold up the end."""
    async with opened() as (hub, wire, clock):

        async def cut(request: httpx.Request) -> httpx.Response | None:
            if request.url.path == LOGS:
                return httpx.Response(429, headers={"retry-after": "200"}, stream=httpx.ByteStream(b""))
            return None

        wire.cut = cut
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
    """Whoever comes when the end has begun hears of it, and does not prolong it."""
    async with opened() as (hub, wire, clock):

        async def stubborn(request: httpx.Request) -> httpx.Response | None:
            with anyio.CancelScope(shield=True):
                await clock.sleep(3)
            return None

        wire.cut = stubborn
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(outcomes, hub, 1)
            await clock.sleep(1)
            tasks.start_soon(hub.aclose)
            await clock.sleep(1)
            assert "closing" == state(hub)
            with pytest.raises(ConfigurationError, match="this hub is closing; open another"):
                await call(hub)
        assert ("closed", 3) == (state(hub), clock.monotonic())


async def test_a_call_that_will_not_end_is_not_waited_for() -> None:
    """A `two_factor` that closes the hub itself would wait for itself: after five seconds nobody does."""
    async with VirtualClock() as clock:
        hub: AsyncHub

        async def code() -> str:
            await hub.aclose()
            return "000000"

        wire = Wire(fake_hub(clock, totp_secret=KEY).transport())
        hub = hub_on(wire, clock, Password("moby", PASSWORD, code))
        found = await outcomes(hub, 3)
        assert ("closed", 5) == (state(hub), clock.monotonic())

    assert [NoResponseError] * 3 == [type(error) for error in found]
    assert SECOND_STEP not in wire.paths


@pytest.mark.parametrize("native", [False, True])
async def test_a_close_that_is_cancelled_is_done_all_the_same(anyio_backend: str, *, native: bool) -> None:
    """No connection is left because the task that closes is cancelled."""
    if native and anyio_backend != "asyncio":
        pytest.skip("trio knows no other cancellation")
    async with VirtualClock() as clock:
        life = Lifecycle(clock)
        done: list[str] = []

        async def disconnect() -> None:
            await clock.sleep(2)
            done.append("disconnected")

        if native:
            task = asyncio.ensure_future(life.close(disconnect))
            await clock.sleep(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            with clock.move_on_after(1):
                await life.close(disconnect)
        assert ("closed", ["disconnected"]) == (life.state, done)


async def test_a_close_that_fails_says_so_once() -> None:
    """The hub is closed then, as far as it can be."""
    async with VirtualClock() as clock:
        life = Lifecycle(clock)

        async def disconnect() -> None:
            raise OSError("stuck")

        with pytest.raises(OSError, match="stuck"):
            await life.close(disconnect)
        await life.close(disconnect)
        assert "closed" == life.state


# --- async with


async def test_the_last_to_leave_closes() -> None:
    """`async with` may be nested, around a clone too: the hub is open until the outermost is left."""
    async with opened() as (hub, _, _):
        async with hub:
            async with hub.with_options(max_attempts=1) as clone, clone:
                assert 25 == await call(clone)
            assert 25 == await call(hub)
            states = [state(hub)]
        states.append(state(hub))

    assert ["open", "closed"] == states


async def test_the_bodys_error_comes_through() -> None:
    """Unchanged, and the hub is closed."""

    async def failing(hub: AsyncHub) -> None:
        async with hub:
            await call(hub)
            raise KeyError("mine")

    async with opened() as (hub, _, _):
        with pytest.raises(KeyError, match="mine"):
            await failing(hub)
        assert "closed" == state(hub)


async def test_what_was_injected_stays_open() -> None:
    """The transport and the gate are yours: another hub goes on with them."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport())
        async with hub_on(wire, clock) as first:
            await call(first)
        gate = first.limiter
        async with AsyncHub(Password("moby", PASSWORD), transport=wire, limiter=gate, clock=clock) as second:
            assert 25 == await call(second)
            assert gate is second.limiter

    assert 0 == wire.closed


# --- event loops


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_hub_belongs_to_the_first_loop_that_uses_it(backend: str) -> None:
    """Made outside any loop it works in the first; in a second one it says what is wrong, to `aclose` too."""
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


def test_a_closed_hub_says_so_in_any_loop() -> None:
    """Once it is closed that is the reason, wherever it is used; closing it again is nothing anywhere."""
    hub = AsyncHub()
    trio.run(hub.aclose)
    asyncio.run(hub.aclose())

    with pytest.raises(ConfigurationError, match="this hub is closed"):
        asyncio.run(call(hub))


def test_tokens_are_shared_within_a_loop_only() -> None:
    """A store outlives a loop: the next loop's hub finds the token there, and no event of the loop before."""
    store = MemoryTokenStore()
    logins: list[int] = []

    async def main() -> None:
        async with VirtualClock() as clock:
            wire = Wire(fake_hub(clock).transport())
            async with hub_on(wire, clock, Password("moby", PASSWORD, Totp(KEY)), token_store=store) as hub:
                await outcomes(hub, 5)
            logins.append(wire.logins)

    for backend in ("asyncio", "trio", "asyncio"):
        anyio.run(main, backend=backend)

    # Each loop has a fake of its own, whose tokens are alike: the same seed and the same virtual time.
    assert 1 == logins[0]
    assert logins[1] <= 1
