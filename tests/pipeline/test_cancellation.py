"""Cancellation at any scheduling step: nothing leaks, nothing hangs, and the next call works."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

import anyio
import httpx
import pytest

from hubapi import AsyncHub, Password, Totp
from hubapi._auth.token_source import TokenSource
from hubapi.testing import VirtualClock
from tests.auth.logins import KEY, LOGIN, LOGS, PASSWORD, Interceptor, call, fake_hub, make_hub, response, slow_login
from tests.pipeline.stepping import Steps

pytestmark = pytest.mark.anyio

Run: TypeAlias = Callable[[int, bool], Any]


def failing_server(clock: VirtualClock) -> Callable[[httpx.Request], Any]:
    """Fail the login with a 429 and a lost response, and the call with a 500, a 429 and a 401."""
    busy = {"retry-after": "3"}
    replies: dict[str, list[httpx.Response | Exception]] = {
        LOGIN: [response(429, {"detail": "Rate limit exceeded"}, busy), httpx.ReadError("gone")],
        LOGS: [
            response(500),
            response(429, {"detail": "Rate limit exceeded"}, busy),
            response(401, {"detail": "expired"}),
        ],
    }

    async def intercept(request: httpx.Request) -> httpx.Response | None:
        await clock.sleep(0.1)
        left = replies.get(request.url.path)
        reply = left.pop(0) if left else None
        if isinstance(reply, Exception):
            raise reply
        return reply

    return intercept


async def cancel_at(step: int, monkeypatch: pytest.MonkeyPatch, *, has_token: bool, native: bool) -> tuple[bool, int]:
    """Cancel a call at one step, of its own task or of the login's; check what is left; make another call.

    Returns:
        Whether it was cancelled, and the number of steps.
    """
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock, totp_secret=KEY).transport())
        async with make_hub(transport, clock, Password("moby", PASSWORD, Totp(KEY))) as hub:
            if has_token:
                await call(hub)
            transport.intercept = failing_server(clock)
            steps = Steps(step, lambda: None)
            with monkeypatch.context() as patch:
                count_login_steps(patch, steps)
                cancelled = await (cancel_natively if native else cancel_by_scope)(steps, hub)

            assert_idle(hub, transport)
            with clock.move_on_after(600):
                assert 25 == await call(hub)
            assert_idle(hub, transport)
    return cancelled, steps.taken


def count_login_steps(patch: pytest.MonkeyPatch, steps: Steps) -> None:
    """Count the steps of login tasks too."""
    log_in = TokenSource._run_login

    async def counted(source: TokenSource, *login: Any) -> None:
        await steps.follow(log_in(source, *login))

    patch.setattr(TokenSource, "_run_login", counted)


async def cancel_by_scope(steps: Steps, hub: AsyncHub) -> bool:
    with anyio.CancelScope() as scope:
        steps.act = scope.cancel
        await steps.follow(call(hub))
    return scope.cancelled_caught


async def cancel_natively(steps: Steps, hub: AsyncHub) -> bool:
    task = asyncio.ensure_future(steps.follow(call(hub)))
    steps.act = task.cancel
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


def assert_idle(hub: AsyncHub, transport: Interceptor) -> None:
    """Check that no request, permit, waiter, probe, slot, login or call is left."""
    session, source = hub._pipeline.session, hub._pipeline.session.authentication.providers["bearer"]
    assert isinstance(source, TokenSource)
    slots = hub._pipeline._slots
    assert 0 == transport.in_flight
    assert (0, 0, 0) == (
        session.limiter._window._in_flight,
        session.limiter._window._probes,
        len(session.limiter._queue),
    )
    assert slots is None or hub._pipeline.options.concurrency == slots.value
    assert source._state().pending is None
    assert 0 == len(session.lifecycle._calls)


@pytest.mark.parametrize("native", [False, True], ids=["by scope", "natively"])
@pytest.mark.parametrize("has_token", [False, True], ids=["without a token", "with a token"])
async def test_a_call_may_be_cancelled_at_any_step(
    anyio_backend: str, monkeypatch: pytest.MonkeyPatch, *, has_token: bool, native: bool
) -> None:
    """At its first step, its second, and so on until it completes: without a token, and with one."""
    if native and anyio_backend != "asyncio":
        pytest.skip("trio has no other cancellation")
    cancelled = 0
    step, taken = 0, 0
    while taken >= step:  # otherwise the call completed before this step
        step += 1
        was_cancelled, taken = await cancel_at(step, monkeypatch, has_token=has_token, native=native)
        cancelled += was_cancelled

    assert taken == step - 1 > 15  # 26 without a token and 17 with one when this was written
    assert cancelled >= taken - 2  # at the last steps of a login or a call it may be too late


@pytest.mark.parametrize("native", [False, True], ids=["by scope", "natively"])
async def test_a_waiter_may_be_cancelled_at_any_step(
    anyio_backend: str, monkeypatch: pytest.MonkeyPatch, *, native: bool
) -> None:
    """A call that waits for the login of another is cancelled at each step; the other is not affected."""
    if native and anyio_backend != "asyncio":
        pytest.skip("trio has no other cancellation")
    step, taken = 0, 0
    while taken >= step:
        step += 1
        steps = Steps(step, lambda: None)
        async with VirtualClock() as clock:
            transport = Interceptor(fake_hub(clock).transport(), slow_login(clock, 1))
            async with make_hub(transport, clock) as hub, anyio.create_task_group() as tasks:
                found: list[int] = []

                async def other(hub: AsyncHub = hub, found: list[int] = found) -> None:
                    found.append(await call(hub))

                tasks.start_soon(other)
                await clock.sleep(0.5)
                await (cancel_natively if native else cancel_by_scope)(steps, hub)
                await clock.sleep(10)
                assert_idle(hub, transport)
            assert ([25], 1) == (found, transport.logins)
        taken = steps.taken

    assert taken >= 2
