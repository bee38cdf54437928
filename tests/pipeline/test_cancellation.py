"""A call may be cancelled at any point: nothing leaks, nothing is stuck, and the next call works."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

import anyio
import httpx
import pytest

from hubapi import AsyncHub, Password, Totp
from hubapi._auth.token_source import TokenSource
from hubapi.testing import VirtualClock
from tests.auth.logins import KEY, LOGIN, LOGS, PASSWORD, Wire, answer, call, fake_hub, hub_on, slow_login
from tests.pipeline.stepping import Steps

pytestmark = pytest.mark.anyio

Run: TypeAlias = Callable[[int, bool], Any]


def troubled(clock: VirtualClock) -> Callable[[httpx.Request], Any]:
    """A 429 and a lost answer for the login, then a 500, a 429 and a 401 for the call: everything it can go through."""
    busy = {"retry-after": "3"}
    replies: dict[str, list[httpx.Response | Exception]] = {
        LOGIN: [answer(429, {"detail": "Rate limit exceeded"}, busy), httpx.ReadError("gone")],
        LOGS: [answer(500), answer(429, {"detail": "Rate limit exceeded"}, busy), answer(401, {"detail": "expired"})],
    }

    async def cut(request: httpx.Request) -> httpx.Response | None:
        await clock.sleep(0.1)
        left = replies.get(request.url.path)
        reply = left.pop(0) if left else None
        if isinstance(reply, Exception):
            raise reply
        return reply

    return cut


async def cancel_at(step: int, monkeypatch: pytest.MonkeyPatch, *, warm: bool, native: bool) -> tuple[bool, int]:
    """Make a call and cancel it at one step, of its own task or of the login's; look what is left; make another.

    Returns:
        Whether it was cancelled, and how many steps there were.
    """
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock, totp_secret=KEY).transport())
        async with hub_on(wire, clock, Password("moby", PASSWORD, Totp(KEY))) as hub:
            if warm:
                await call(hub)
            wire.cut = troubled(clock)
            steps = Steps(step, lambda: None)
            with monkeypatch.context() as patch:
                follow_logins(patch, steps)
                cancelled = await (natively if native else by_scope)(steps, hub)

            nothing_is_left(hub, wire)
            with clock.move_on_after(600):
                assert 25 == await call(hub)
            nothing_is_left(hub, wire)
    return cancelled, steps.taken


def follow_logins(patch: pytest.MonkeyPatch, steps: Steps) -> None:
    """Count the steps of a login's task too."""
    fly = TokenSource._fly

    async def followed(source: TokenSource, *flight: Any) -> None:
        await steps.follow(fly(source, *flight))

    patch.setattr(TokenSource, "_fly", followed)


async def by_scope(steps: Steps, hub: AsyncHub) -> bool:
    with anyio.CancelScope() as scope:
        steps.act = scope.cancel
        await steps.follow(call(hub))
    return scope.cancelled_caught


async def natively(steps: Steps, hub: AsyncHub) -> bool:
    task = asyncio.ensure_future(steps.follow(call(hub)))
    steps.act = task.cancel
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


def nothing_is_left(hub: AsyncHub, wire: Wire) -> None:
    """No request under way, no permit out or waited for, no slot held, no login stuck, no call counted."""
    session, source = hub._pipeline.session, hub._pipeline.session.authentication.providers["bearer"]
    assert isinstance(source, TokenSource)
    slots = hub._pipeline._slots
    assert 0 == wire.under_way
    assert (0, 0, 0) == (
        session.limiter._window._in_flight,
        session.limiter._window._probes,
        len(session.limiter._queue),
    )
    assert slots is None or hub._pipeline.options.concurrency == slots.value
    assert source._held().flight is None
    assert 0 == len(session.lifecycle._calls)


@pytest.mark.parametrize("native", [False, True], ids=["by scope", "natively"])
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
async def test_a_call_may_be_cancelled_anywhere(
    anyio_backend: str, monkeypatch: pytest.MonkeyPatch, *, warm: bool, native: bool
) -> None:
    """At its first step, its second, and so on until it is through: cold with two logins, warm with one."""
    if native and anyio_backend != "asyncio":
        pytest.skip("trio knows no other cancellation")
    cancelled = 0
    step, taken = 0, 0
    while taken >= step:  # else the call was through before
        step += 1
        was_cancelled, taken = await cancel_at(step, monkeypatch, warm=warm, native=native)
        cancelled += was_cancelled

    assert taken == step - 1 > 15  # 26 cold, 17 warm when this was written
    assert cancelled >= taken - 2  # the last steps of a login or a call may be too late


@pytest.mark.parametrize("native", [False, True], ids=["by scope", "natively"])
async def test_a_waiter_may_be_cancelled_anywhere(
    anyio_backend: str, monkeypatch: pytest.MonkeyPatch, *, native: bool
) -> None:
    """The call that waits for another's login is cancelled at each of its steps; the other never notices."""
    if native and anyio_backend != "asyncio":
        pytest.skip("trio knows no other cancellation")
    step, taken = 0, 0
    while taken >= step:
        step += 1
        steps = Steps(step, lambda: None)
        async with VirtualClock() as clock:
            wire = Wire(fake_hub(clock).transport(), slow_login(clock, 1))
            async with hub_on(wire, clock) as hub, anyio.create_task_group() as tasks:
                found: list[int] = []

                async def other(hub: AsyncHub = hub, found: list[int] = found) -> None:
                    found.append(await call(hub))

                tasks.start_soon(other)
                await clock.sleep(0.5)
                await (natively if native else by_scope)(steps, hub)
                await clock.sleep(10)
                nothing_is_left(hub, wire)
            assert ([25], 1) == (found, wire.logins)
        taken = steps.taken

    assert taken >= 2
