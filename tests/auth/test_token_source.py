"""One login for all, ahead of time, and none after a refusal."""

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
from hubapi._auth.token import Grant, granted, lifetime, windows
from hubapi._secret import Secret
from hubapi.testing import VirtualClock
from tests.auth.logins import (
    LOGIN,
    LOGS,
    PASSWORD,
    Wire,
    answer,
    at_login,
    bearer,
    call,
    facts,
    fake_hub,
    hub_on,
    no_login,
    outcomes,
    slow_login,
)

pytestmark = pytest.mark.anyio


# --- lifetimes


@pytest.mark.parametrize(
    ("claims", "server_now", "seconds"),
    [
        ({"iat": 1000, "exp": 1600}, None, 600),
        ({"iat": 1000, "exp": 1600}, 1000.0, 600),
        ({"iat": 1000, "exp": 1600}, 1450.0, 150),  # handed out a second time
        ({"iat": 1000, "exp": 1600}, 900.0, 600),  # another machine's clock, and behind
        ({"iat": 1000, "exp": 1600}, 5000.0, 600),  # a clock that can't be right
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
def test_a_lifetime_is_what_the_token_says(claims: dict[str, float], server_now: float | None, seconds: float) -> None:
    """From its making, or the server's present, to its end; five minutes where it tells neither."""
    assert seconds == lifetime(Secret(bearer(**claims)), server_now)


@pytest.mark.parametrize(
    "text", ["", "opaque", "a.b.c", "a.!.c", "..", "a.W10.c", "a." + "WwVb" * 5000 + ".c", "a.é.c"]
)
def test_a_token_may_be_anything(text: str) -> None:
    """One that is no JWT has an assumed lifetime."""
    assert 300 == lifetime(Secret(text))


@pytest.mark.parametrize("seconds", [0.1, 1, 5, 10, 20, 60, 300, 600, 86_400, 2_592_000])
def test_windows_fit_into_every_lifetime(seconds: float) -> None:
    """The advisory window begins before the mandatory one, and most of the lifetime is before both."""
    advisory, mandatory = windows(seconds)

    assert 0 < mandatory < advisory <= 0.2501 * seconds


def test_a_long_login_costs_little_of_the_lifetime() -> None:
    """A token's time counts from the login's beginning, unless that was long ago."""
    grant = Grant(secret=Secret(bearer(iat=1000, exp=1600)))

    assert 600 == granted(grant, began=0, ended=20).expires
    assert 1680 == granted(grant, began=0, ended=1200).expires


# --- one login for all


async def test_an_expired_token_is_renewed_once() -> None:
    """Two hundred tasks that meet an expired token cause one login, and all go on."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport(), slow_login(clock, 1))
        async with hub_on(wire, clock) as hub:
            await call(hub)
            clock.advance(601)
            found = await outcomes(hub, 200)

    assert [25] * 200 == found
    assert 2 == wire.logins


async def test_clones_share_a_login() -> None:
    """Whichever clone asks: one login."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport(), slow_login(clock, 1))
        async with hub_on(wire, clock) as hub, anyio.create_task_group() as tasks:
            for number in range(1, 21):
                tasks.start_soon(call, hub.with_options(max_attempts=number))

    assert 1 == wire.logins


async def test_a_cancelled_leader_leaves_the_login_to_the_others() -> None:
    """The task that began the login is cancelled; 199 others get the token of that same login."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport(), slow_login(clock, 2))
        async with hub_on(wire, clock) as hub, anyio.create_task_group() as tasks:
            found: list[int | HubError] = []

            async def others() -> None:
                found.extend(await outcomes(hub, 199))

            with clock.move_on_after(1) as leader:
                tasks.start_soon(others)
                await call(hub)

    assert leader.cancelled_caught
    assert [25] * 199 == found
    assert 1 == wire.logins


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_leader_may_be_cancelled_the_asyncio_way(anyio_backend: str) -> None:
    """`asyncio.Task.cancel`, which no shield holds off, is as harmless."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport(), slow_login(clock, 2))
        async with hub_on(wire, clock) as hub:
            leader = asyncio.ensure_future(call(hub))
            others = asyncio.ensure_future(outcomes(hub, 199))
            await clock.sleep(1)
            leader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leader
            found = await others

    assert [25] * 199 == found
    assert 1 == wire.logins


async def test_a_login_that_nobody_waits_for_is_given_up() -> None:
    """A lone call's deadline is not held up by a login that hangs, and the next call logs in anew."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport(), slow_login(clock, 100))
        async with hub_on(wire, clock) as hub:
            with clock.move_on_after(1):
                await call(hub)
            ended, left = clock.monotonic(), wire.under_way
            wire.cut = at_login()

            assert 25 == await call(hub)

    assert (1, 0) == (ended, left)
    assert 2 == wire.logins


async def test_a_login_has_its_own_deadline() -> None:
    """One that never ends fails for all after two minutes; it is not remembered, and the next call tries again."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport(), slow_login(clock, math.inf))
        async with hub_on(wire, clock) as hub:
            found = await outcomes(hub, 3)
            ended, wire.cut = clock.monotonic(), at_login()

            assert 25 == await call(hub)

    assert 120 == ended
    assert ["DeadlineExceeded"] * 3 == [type(error).__name__ for error in found]
    assert 2 == wire.logins


# --- 401


async def test_simultaneous_401s_cause_one_login() -> None:
    """A hundred calls meet a 401 for the same old token: one login, and each is sent once more."""
    async with VirtualClock() as clock:
        fake = fake_hub(clock)
        wire = Wire(fake.transport(), slow_login(clock, 1))
        async with hub_on(wire, clock) as hub:
            await call(hub)
            fake.revoke_tokens()
            found = await outcomes(hub, 100)

    assert [25] * 100 == found
    assert 2 == wire.logins
    assert 100 == fake.count(status=401)
    assert 1 + 100 + 100 == wire.paths.count(LOGS)


async def test_a_401_for_an_older_token_is_no_news() -> None:
    """A call whose 401 comes late, when the token is a new one already, is sent again without another login."""
    async with VirtualClock() as clock:
        fake = fake_hub(clock)
        wire = Wire(fake.transport())
        async with hub_on(wire, clock) as hub:
            await call(hub)
            fake.revoke_tokens()
            late = True

            async def cut(request: httpx.Request) -> httpx.Response | None:
                nonlocal late
                if late and request.url.path == LOGS:
                    late = False
                    await clock.sleep(5)
                return None

            wire.cut = cut
            found = await outcomes(hub, 2)

    assert [25, 25] == found
    assert 2 == wire.logins


async def test_a_fresh_token_that_is_refused_is_renewed_once() -> None:
    """A 401 right after a login (a skewed clock: D25) is worth one more login; then the call fails as what it is."""

    async def cut(request: httpx.Request) -> httpx.Response | None:
        return answer(401, {"detail": "Signature has expired."}) if request.url.path == LOGS else None

    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport(), cut)
        async with hub_on(wire, clock) as hub:
            with pytest.raises(Unauthorized):
                await call(hub)

    assert [LOGIN, LOGS, LOGIN, LOGS] == wire.paths


async def test_a_static_token_is_not_renewed() -> None:
    """There is nothing to renew it with: the 401 is the answer."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport())
        async with hub_on(wire, clock, StaticToken(bearer(exp=1))) as hub:
            with pytest.raises(Unauthorized):
                await call(hub)
            await hub.reauthenticate()

    assert [LOGS] == wire.paths


# --- refusals


async def test_a_refused_login_is_asked_once() -> None:
    """Two hundred calls with a wrong password: one login, 200 errors alike, and none is asked later (D26)."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport(), slow_login(clock, 1))
        async with hub_on(wire, clock, Password("moby", "wrong")) as hub:
            found = await outcomes(hub, 200)
            clock.advance(86_400)
            found += await outcomes(hub, 5)
            asked = wire.logins
            await hub.reauthenticate()
            found += await outcomes(hub, 5)

    errors = [error for error in found if isinstance(error, HubError)]
    assert 210 == len(errors) == len({id(error) for error in errors})
    assert [facts(errors[0])] * 210 == [facts(error) for error in errors]
    assert AuthenticationError is type(errors[0])
    assert "authentication.login: the login of moby was refused: 401 Incorrect authentication credentials" == str(
        errors[0]
    )
    assert (1, 2) == (asked, wire.logins)


async def test_reauthenticating_comes_between_a_login_and_its_result() -> None:
    """What a login that began before finds out is not remembered after."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport(), slow_login(clock, 1))
        async with hub_on(wire, clock, Password("moby", "wrong")) as hub, anyio.create_task_group() as tasks:
            tasks.start_soon(outcomes, hub, 3)
            await clock.sleep(0.5)
            await hub.reauthenticate()
            await clock.sleep(10)
            assert 1 == wire.logins

            await outcomes(hub, 3)

    assert 2 == wire.logins


# --- ahead of time


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.95])
@pytest.mark.parametrize("seconds", [5, 60, 600])
async def test_a_token_is_renewed_ahead(seconds: int, fraction: float) -> None:
    """Under steady calls no token ever meets a 401, and three lifetimes cost four logins at most."""
    async with VirtualClock(1_735_689_600 + fraction) as clock:
        fake = fake_hub(clock, token_lifetime_s=seconds)

        async def cut(request: httpx.Request) -> httpx.Response | None:
            await clock.sleep(0.02)
            return None

        wire = Wire(fake.transport(), cut)
        logins: list[int] = []
        async with hub_on(wire, clock) as hub:
            for lifetimes in (3, 12):
                while clock.monotonic() < lifetimes * seconds:
                    await call(hub)
                    await clock.sleep(seconds / 40)
                logins.append(wire.logins)

    advisory, _ = windows(seconds)
    assert 0 == fake.count(status=401)
    assert logins[0] <= 3 + 1
    assert logins[1] <= 12 * seconds / (seconds - advisory) + 1


async def test_nobody_goes_on_with_a_token_that_may_be_over() -> None:
    """`iat` and `exp` are whole seconds: of a login at x.9 s, five seconds last 4.1, and 4.3 later all wait."""
    async with VirtualClock(1_735_689_600.9) as clock:
        fake = fake_hub(clock, token_lifetime_s=5)
        wire = Wire(fake.transport())
        async with hub_on(wire, clock) as hub:
            await call(hub)
            clock.advance(4.3)
            wire.cut = slow_login(clock, 0.1)
            assert [25] * 10 == await outcomes(hub, 10)

    assert (2, 0) == (wire.logins, fake.count(status=401))


async def test_others_go_on_while_one_renews() -> None:
    """In the advisory window one call waits for the new token, and the others use the one they have."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport())
        async with hub_on(wire, clock) as hub:
            await call(hub)
            wire.cut = slow_login(clock, 3)
            clock.advance(550)
            ends: list[float] = []

            async def timed() -> None:
                await call(hub)
                ends.append(clock.monotonic() - 550)

            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(timed)

    assert [0] * 9 + [3] == ends
    assert 2 == wire.logins


@pytest.mark.parametrize(
    ("how", "kind", "requests"),
    [("refused", AuthenticationError, 1), ("broken", ServerError, 16), ("lost", NoResponseError, 16)],
)
async def test_a_renewal_ahead_of_time_may_fail(how: str, kind: type[HubError], requests: int) -> None:
    """It fails no call while the token is good, is not tried at each of them, and is heard of when the token ends."""

    async def cut(request: httpx.Request) -> httpx.Response | None:
        if request.url.path != LOGIN:
            return None
        if how == "lost":
            raise httpx.ReadError("gone")
        return answer(401 if how == "refused" else 500, {"detail": "no"})

    async with VirtualClock() as clock:
        fake = fake_hub(clock)
        wire = Wire(fake.transport())
        async with hub_on(wire, clock) as hub:
            await call(hub)
            wire.cut = cut
            clock.advance(541)
            while clock.monotonic() < 588:
                assert 25 == await call(hub)
                await clock.sleep(0.25)
            asked = wire.logins - 1
            clock.advance(600 - clock.monotonic())
            found = await outcomes(hub, 3)

    assert [kind] * 3 == [type(error) for error in found]
    assert 0 == fake.count(status=401)
    assert 0 < asked <= requests  # a refusal is never repeated; a failure every 15 s, four attempts each


async def test_a_renewal_ahead_of_time_may_hang() -> None:
    """The call that tries to renew goes on with the token it has after a while."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport())
        async with hub_on(wire, clock) as hub:
            await call(hub)
            wire.cut = slow_login(clock, math.inf)
            clock.advance(541)
            await call(hub)
            waited = clock.monotonic() - 541

    assert (15, 2, 0) == (waited, wire.logins, wire.under_way)


# --- secrets


async def test_nothing_of_it_shows_a_secret() -> None:
    """Neither the source, nor the token, nor the hub that has one, in any form it can be shown."""
    async with VirtualClock() as clock, hub_on(Wire(fake_hub(clock).transport()), clock) as hub:
        await call(hub)
        source = hub._pipeline.session.authentication.providers["bearer"]
        token = await source.token(no_login)
        shown = f"{hub!r} {hub} {source!r} {token!r} {token} {token.secret!r} {token.secret:>20} {vars(hub)}"

    assert token.secret.reveal() not in shown
    assert PASSWORD not in shown
