"""Token sources: a login shared by concurrent calls, renewal before expiry, no login after a refusal."""

import asyncio
import math

import anyio
import httpx
import pytest

from hubapi import (
    AuthenticationError,
    HubError,
    NoResponseError,
    Password,
    ServerError,
    StaticToken,
    Unauthorized,
)
from hubapi._auth.token import Grant, granted, lifetime, refresh_windows
from hubapi._secret import Secret
from hubapi.testing import VirtualClock
from tests.auth.logins import (
    LOGIN,
    LOGS,
    PASSWORD,
    Interceptor,
    call,
    comparable,
    fake_hub,
    make_hub,
    make_jwt,
    no_login,
    outcomes,
    reply_to_logins,
    response,
    slow_login,
)

pytestmark = pytest.mark.anyio


# --- lifetimes


@pytest.mark.parametrize(
    ("claims", "server_now", "seconds"),
    [
        ({"iat": 1000, "exp": 1600}, None, 600),
        ({"iat": 1000, "exp": 1600}, 1000.0, 600),
        ({"iat": 1000, "exp": 1600}, 1450.0, 150),  # issued before, returned again
        ({"iat": 1000, "exp": 1600}, 900.0, 600),  # the server's clock is behind
        ({"iat": 1000, "exp": 1600}, 5000.0, 600),  # the server's clock is wrong
        ({"exp": 1600}, 1000.0, 600),
        ({"exp": 1600}, None, 300),
        ({"exp": 1600, "iat": 1700}, None, 300),
        ({"iat": 1000}, 1000.0, 300),
        ({"exp": True, "iat": 0}, None, 300),
        ({"exp": "soon"}, 1000.0, 300),
        ({"exp": 1e300, "iat": 1000}, None, 300),
        ({}, None, 300),
    ],
)
def test_a_lifetime_is_read_from_the_token(claims: dict[str, float], server_now: float | None, seconds: float) -> None:
    """From `iat`, or the server's time, to `exp`; five minutes if they are not known."""
    assert seconds == lifetime(Secret(make_jwt(**claims)), server_now)


@pytest.mark.parametrize(
    "text", ["", "opaque", "a.b.c", "a.!.c", "..", "a.W10.c", "a." + "WwVb" * 5000 + ".c", "a.é.c"]
)
def test_an_opaque_token_has_a_default_lifetime(text: str) -> None:
    """A token does not have to be a JWT."""
    assert 300 == lifetime(Secret(text))


@pytest.mark.parametrize("seconds", [0.1, 1, 5, 10, 20, 60, 300, 600, 86_400, 2_592_000])
def test_refresh_windows_fit_into_every_lifetime(seconds: float) -> None:
    """The advisory window begins before the mandatory one, in the last quarter of the lifetime."""
    advisory, mandatory = refresh_windows(seconds)

    assert 0 < mandatory < advisory <= 0.2501 * seconds


def test_a_long_login_costs_little_of_the_lifetime() -> None:
    """The lifetime counts from the start of the login, unless the login took very long."""
    grant = Grant(secret=Secret(make_jwt(iat=1000, exp=1600)))

    assert 600 == granted(grant, began=0, ended=20).expires
    assert 1680 == granted(grant, began=0, ended=1200).expires


# --- concurrent calls share a login


async def test_an_expired_token_is_renewed_once() -> None:
    """Two hundred calls that find an expired token cause one login, and all succeed."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport(), slow_login(clock, 1))
        async with make_hub(transport, clock) as hub:
            await call(hub)
            clock.advance(601)
            found = await outcomes(hub, 200)

    assert [25] * 200 == found
    assert 2 == transport.logins


async def test_clones_share_a_login() -> None:
    """Twenty clones that call at the same time cause one login."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport(), slow_login(clock, 1))
        async with make_hub(transport, clock) as hub, anyio.create_task_group() as tasks:
            for number in range(1, 21):
                tasks.start_soon(call, hub.with_options(max_attempts=number))

    assert 1 == transport.logins


async def test_a_cancelled_leader_does_not_cancel_the_login() -> None:
    """The task that began the login is cancelled; 199 waiting calls get the token of the same login."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport(), slow_login(clock, 2))
        async with make_hub(transport, clock) as hub, anyio.create_task_group() as tasks:
            found: list[int | HubError] = []

            async def waiters() -> None:
                found.extend(await outcomes(hub, 199))

            with clock.move_on_after(1) as leader:
                tasks.start_soon(waiters)
                await call(hub)

    assert leader.cancelled_caught
    assert [25] * 199 == found
    assert 1 == transport.logins


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_leader_cancelled_by_asyncio_does_not_cancel_the_login(anyio_backend: str) -> None:
    """`asyncio.Task.cancel`, which ignores the shields of anyio, is as harmless."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport(), slow_login(clock, 2))
        async with make_hub(transport, clock) as hub:
            leader = asyncio.ensure_future(call(hub))
            waiters = asyncio.ensure_future(outcomes(hub, 199))
            await clock.sleep(1)
            leader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leader
            found = await waiters

    assert [25] * 199 == found
    assert 1 == transport.logins


async def test_a_login_without_waiters_is_cancelled() -> None:
    """A login that hangs does not delay the deadline of a lone call, and the next call logs in again."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport(), slow_login(clock, 100))
        async with make_hub(transport, clock) as hub:
            with clock.move_on_after(1):
                await call(hub)
            ended, left = clock.monotonic(), transport.in_flight
            transport.intercept = reply_to_logins()

            assert 25 == await call(hub)

    assert (1, 0) == (ended, left)
    assert 2 == transport.logins


async def test_a_login_has_its_own_deadline() -> None:
    """After two minutes it fails for all waiting calls; the error is not remembered, and the next call logs in."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport(), slow_login(clock, math.inf))
        async with make_hub(transport, clock) as hub:
            found = await outcomes(hub, 3)
            ended, transport.intercept = clock.monotonic(), reply_to_logins()

            assert 25 == await call(hub)

    assert 120 == ended
    assert ["DeadlineExceeded"] * 3 == [type(error).__name__ for error in found]
    assert 2 == transport.logins


# --- 401


async def test_simultaneous_401s_cause_one_login() -> None:
    """A hundred calls get a 401 for the same token: there is one login, and each call is sent once more."""
    async with VirtualClock() as clock:
        fake = fake_hub(clock)
        transport = Interceptor(fake.transport(), slow_login(clock, 1))
        async with make_hub(transport, clock) as hub:
            await call(hub)
            fake.revoke_tokens()
            found = await outcomes(hub, 100)

    assert [25] * 100 == found
    assert 2 == transport.logins
    assert 100 == fake.count(status=401)
    assert 1 + 100 + 100 == transport.paths.count(LOGS)


async def test_a_401_for_a_replaced_token_causes_no_login() -> None:
    """If the 401 arrives after the token was renewed, the call is sent again with the new token."""
    async with VirtualClock() as clock:
        fake = fake_hub(clock)
        transport = Interceptor(fake.transport())
        async with make_hub(transport, clock) as hub:
            await call(hub)
            fake.revoke_tokens()
            late = True

            async def intercept(request: httpx.Request) -> httpx.Response | None:
                nonlocal late
                if late and request.url.path == LOGS:
                    late = False
                    await clock.sleep(5)
                return None

            transport.intercept = intercept
            found = await outcomes(hub, 2)

    assert [25, 25] == found
    assert 2 == transport.logins


async def test_a_fresh_token_that_is_refused_is_renewed_once() -> None:
    """A 401 right after a login (a skewed clock: D25) causes one more login; a second 401 is raised."""

    async def intercept(request: httpx.Request) -> httpx.Response | None:
        return response(401, {"detail": "Signature has expired."}) if request.url.path == LOGS else None

    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport(), intercept)
        async with make_hub(transport, clock) as hub:
            with pytest.raises(Unauthorized):
                await call(hub)

    assert [LOGIN, LOGS, LOGIN, LOGS] == transport.paths


async def test_a_static_token_is_not_renewed() -> None:
    """There are no credentials to log in with: the 401 is raised."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport())
        async with make_hub(transport, clock, StaticToken(make_jwt(exp=1))) as hub:
            with pytest.raises(Unauthorized):
                await call(hub)
            await hub.reauthenticate()

    assert [LOGS] == transport.paths


# --- refusals


async def test_a_refused_login_is_not_repeated() -> None:
    """Two hundred calls with a wrong password cause one login and 200 equal errors; no login follows later (D26)."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport(), slow_login(clock, 1))
        async with make_hub(transport, clock, Password("moby", "wrong")) as hub:
            found = await outcomes(hub, 200)
            clock.advance(86_400)
            found += await outcomes(hub, 5)
            logins = transport.logins
            await hub.reauthenticate()
            found += await outcomes(hub, 5)

    errors = [error for error in found if isinstance(error, HubError)]
    assert 210 == len(errors) == len({id(error) for error in errors})
    assert [comparable(errors[0])] * 210 == [comparable(error) for error in errors]
    assert AuthenticationError is type(errors[0])
    assert "authentication.login: the login of moby was refused: 401 Incorrect authentication credentials" == str(
        errors[0]
    )
    assert (1, 2) == (logins, transport.logins)


async def test_reauthenticating_discards_the_refusal_of_a_login_in_flight() -> None:
    """The result of a login that began before is not remembered."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport(), slow_login(clock, 1))
        async with make_hub(transport, clock, Password("moby", "wrong")) as hub, anyio.create_task_group() as tasks:
            tasks.start_soon(outcomes, hub, 3)
            await clock.sleep(0.5)
            await hub.reauthenticate()
            await clock.sleep(10)
            assert 1 == transport.logins

            await outcomes(hub, 3)

    assert 2 == transport.logins


# --- renewal before expiry


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.95])
@pytest.mark.parametrize("seconds", [5, 60, 600])
async def test_a_token_is_renewed_before_it_expires(seconds: int, fraction: float) -> None:
    """Under steady calls no token gets a 401, and three lifetimes cost at most four logins."""
    async with VirtualClock(1_735_689_600 + fraction) as clock:
        fake = fake_hub(clock, token_lifetime_s=seconds)

        async def intercept(request: httpx.Request) -> httpx.Response | None:
            await clock.sleep(0.02)
            return None

        transport = Interceptor(fake.transport(), intercept)
        logins: list[int] = []
        async with make_hub(transport, clock) as hub:
            for lifetimes in (3, 12):
                while clock.monotonic() < lifetimes * seconds:
                    await call(hub)
                    await clock.sleep(seconds / 40)
                logins.append(transport.logins)

    advisory, _ = refresh_windows(seconds)
    assert 0 == fake.count(status=401)
    assert logins[0] <= 3 + 1
    assert logins[1] <= 12 * seconds / (seconds - advisory) + 1


async def test_a_token_that_may_have_expired_is_not_used() -> None:
    """`iat` and `exp` are whole seconds: a login at x.9 s for five seconds lasts 4.1 s, so calls after 4.3 s wait."""
    async with VirtualClock(1_735_689_600.9) as clock:
        fake = fake_hub(clock, token_lifetime_s=5)
        transport = Interceptor(fake.transport())
        async with make_hub(transport, clock) as hub:
            await call(hub)
            clock.advance(4.3)
            transport.intercept = slow_login(clock, 0.1)
            assert [25] * 10 == await outcomes(hub, 10)

    assert (2, 0) == (transport.logins, fake.count(status=401))


async def test_one_call_renews_while_the_rest_use_the_current_token() -> None:
    """In the advisory window one call waits for the new token; the rest don't wait."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport())
        async with make_hub(transport, clock) as hub:
            await call(hub)
            transport.intercept = slow_login(clock, 3)
            clock.advance(550)
            ends: list[float] = []

            async def timed() -> None:
                await call(hub)
                ends.append(clock.monotonic() - 550)

            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(timed)

    assert [0] * 9 + [3] == ends
    assert 2 == transport.logins


@pytest.mark.parametrize(
    ("failure", "kind", "requests"),
    [("refused", AuthenticationError, 1), ("broken", ServerError, 16), ("lost", NoResponseError, 16)],
)
async def test_a_failed_early_renewal_fails_no_call(failure: str, kind: type[HubError], requests: int) -> None:
    """It is not repeated by each call; its error is raised when the token expires."""

    async def intercept(request: httpx.Request) -> httpx.Response | None:
        if request.url.path != LOGIN:
            return None
        if failure == "lost":
            raise httpx.ReadError("gone")
        return response(401 if failure == "refused" else 500, {"detail": "no"})

    async with VirtualClock() as clock:
        fake = fake_hub(clock)
        transport = Interceptor(fake.transport())
        async with make_hub(transport, clock) as hub:
            await call(hub)
            transport.intercept = intercept
            clock.advance(541)
            while clock.monotonic() < 588:
                assert 25 == await call(hub)
                await clock.sleep(0.25)
            renewals = transport.logins - 1
            clock.advance(600 - clock.monotonic())
            found = await outcomes(hub, 3)

    assert [kind] * 3 == [type(error) for error in found]
    assert 0 == fake.count(status=401)
    assert 0 < renewals <= requests  # a refusal is never repeated; a failure every 15 s, four attempts each


async def test_an_early_renewal_that_hangs_is_abandoned() -> None:
    """After 15 seconds, its call goes on with the current token."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport())
        async with make_hub(transport, clock) as hub:
            await call(hub)
            transport.intercept = slow_login(clock, math.inf)
            clock.advance(541)
            await call(hub)
            waited = clock.monotonic() - 541

    assert (15, 2, 0) == (waited, transport.logins, transport.in_flight)


# --- secrets


async def test_no_repr_shows_a_secret() -> None:
    """Of the token source, the token and the hub."""
    async with VirtualClock() as clock, make_hub(Interceptor(fake_hub(clock).transport()), clock) as hub:
        await call(hub)
        source = hub._pipeline.session.authentication.providers["bearer"]
        token = await source.token(no_login)
        shown = f"{hub!r} {hub} {source!r} {token!r} {token} {token.secret!r} {token.secret:>20} {vars(hub)}"

    assert token.secret.reveal() not in shown
    assert PASSWORD not in shown
