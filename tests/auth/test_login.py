"""How credentials become a bearer, and what is made of each refusal."""

import anyio
import httpx
import msgspec
import pytest

from hubapi import (
    AccountLocked,
    AsyncHub,
    AuthenticationError,
    Blocked,
    Credentials,
    DecodeError,
    HubError,
    NotFound,
    OrgAccessToken,
    Password,
    PersonalAccessToken,
    RateLimited,
    ServerError,
    Totp,
    TwoFactorRequired,
)
from hubapi.testing import VirtualClock
from tests.auth.logins import (
    EXCHANGE,
    KEY,
    LOGIN,
    LOGS,
    PASSWORD,
    SECOND_STEP,
    Wire,
    answer,
    at_login,
    call,
    facts,
    fake_hub,
    hub_on,
    outcomes,
    slow_login,
)

pytestmark = pytest.mark.anyio

HTML = {"content-type": "text/html"}
TEXT = {"content-type": "text/plain"}
LOCKED = "Too many failed login attempts for username or IP address"


async def failing(hub: AsyncHub) -> HubError:
    with pytest.raises(HubError) as caught:
        await call(hub)
    return caught.value


# --- ways in


@pytest.mark.parametrize(
    ("who", "path", "body"),
    [
        (Password("moby", PASSWORD), LOGIN, {"username": "moby", "password": PASSWORD}),
        (PersonalAccessToken("moby", "dckr_pat_moby"), LOGIN, {"username": "moby", "password": "dckr_pat_moby"}),
        (OrgAccessToken("acme", "dckr_oat_acme"), EXCHANGE, {"identifier": "acme", "secret": "dckr_oat_acme"}),
    ],
)
async def test_each_kind_of_credentials_has_its_way_in(who: Credentials, path: str, body: dict[str, str]) -> None:
    """Users log in; organisations' tokens are exchanged, where the login would refuse them (D19)."""
    sent: list[object] = []

    async def cut(request: httpx.Request) -> httpx.Response | None:
        if request.url.path == path:
            sent.append((msgspec.json.decode(request.content), "authorization" in request.headers))
        return None

    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport(), cut)
        async with hub_on(wire, clock, who) as hub:
            # Not the audit log: that one refuses who logged in with a personal access token (D18).
            assert "acme" == (await hub.raw.request("GET", "/v2/orgs/acme"))["orgname"]

    assert [(body, False)] == sent
    assert [path, "/v2/orgs/acme"] == wire.paths


# --- two factors


@pytest.mark.parametrize("skew_s", [0, 86_400, -3600])
async def test_a_totp_secret_gives_the_code(skew_s: int) -> None:
    """By the server's clock: it does not matter what time it is here."""
    async with VirtualClock(wall_offset_s=123_456) as clock:
        wire = Wire(fake_hub(clock, totp_secret=KEY, skew_s=skew_s).transport())
        async with hub_on(wire, clock, Password("moby", PASSWORD, Totp(KEY))) as hub:
            assert 25 == await call(hub)
            clock.advance(601)
            assert 25 == await call(hub)

    assert [LOGIN, SECOND_STEP, LOGS] * 2 == wire.paths


@pytest.mark.parametrize("plain", [True, False])
async def test_a_callable_gives_the_code(*, plain: bool) -> None:
    """Plain or async, asked once for each login, and only when the server wants a code."""
    asked: list[float] = []
    async with VirtualClock() as clock:

        def now() -> str:
            asked.append(clock.monotonic())
            return Totp(KEY).at(clock.time())

        async def soon() -> str:
            await clock.sleep(25)
            return now()

        wire = Wire(fake_hub(clock, totp_secret=KEY).transport())
        async with hub_on(wire, clock, Password("moby", PASSWORD, now if plain else soon)) as hub:
            assert [25] * 20 == await outcomes(hub, 20)
        async with hub_on(Wire(fake_hub(clock).transport()), clock, Password("moby", PASSWORD, now)) as hub:
            assert 25 == await call(hub)

    assert [0 if plain else 25] == asked


async def test_a_missing_second_factor_is_told() -> None:
    """The error says what to give, and is remembered: asking again would not help."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock, totp_secret=KEY).transport())
        async with hub_on(wire, clock) as hub:
            found = [await failing(hub), await failing(hub)]

    assert [TwoFactorRequired] * 2 == [type(error) for error in found]
    assert "moby has two-factor authentication: give Password(..., two_factor=)" in str(found[0])
    assert 1 == wire.logins


async def test_a_wrong_code_is_a_refusal() -> None:
    """It is not tried again, for wrong codes lock an account."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock, totp_secret=KEY).transport())
        async with hub_on(wire, clock, Password("moby", PASSWORD, lambda: "000000")) as hub:
            first = await failing(hub)
            later = await outcomes(hub, 10)

    assert [AuthenticationError] * 11 == [type(first), *map(type, later)]
    assert "authentication.two_factor_login" == first.operation
    assert [LOGIN, SECOND_STEP] == wire.paths


async def test_what_a_callable_raises_comes_out_as_it_is() -> None:
    """For the call that logged in, unchanged; for those that waited as a HubError of that cause; nothing is stuck."""
    troubles = [ValueError("no code today")]
    async with VirtualClock() as clock:

        async def codes() -> str:
            if troubles:
                await clock.sleep(1)
                raise troubles.pop()
            return Totp(KEY).at(clock.time())

        wire = Wire(fake_hub(clock, totp_secret=KEY).transport())
        async with hub_on(wire, clock, Password("moby", PASSWORD, codes)) as hub:
            found: list[BaseException | int] = []

            async def one() -> None:
                try:
                    found.append(await call(hub))
                except Exception as error:  # noqa: BLE001 - it is what is looked at
                    found.append(error)

            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(one)
            assert 25 == await call(hub)

    crashes = [error for error in found if isinstance(error, ValueError)]
    failures = [error for error in found if type(error) is HubError]
    assert (1, 4) == (len(crashes), len(failures))
    assert ["the login that this call waited for failed: ValueError"] * 4 == [error.reason for error in failures]
    assert [crashes[0]] * 4 == [error.__cause__ for error in failures]
    assert [LOGIN, LOGIN, SECOND_STEP, LOGS] == wire.paths


async def test_a_callable_that_never_returns_holds_nobody_up_for_ever() -> None:
    """The login's two minutes are the callable's too; the next call begins anew."""
    async with VirtualClock() as clock:

        async def never() -> str:
            await clock.sleep(float("inf"))
            return ""

        wire = Wire(fake_hub(clock, totp_secret=KEY).transport())
        async with hub_on(wire, clock, Password("moby", PASSWORD, never)) as hub:
            found = [*await outcomes(hub, 5), *await outcomes(hub, 5)]
            ended = clock.monotonic()

    assert ["DeadlineExceeded"] * 10 == [type(error).__name__ for error in found]
    assert (240, 2) == (ended, wire.logins)


async def test_a_code_is_not_sent_twice() -> None:
    """If the answer to a code is lost the code may be used up: the next call begins anew, with a fresh one."""

    async def cut(request: httpx.Request) -> httpx.Response | None:
        if request.url.path == SECOND_STEP and wire.paths.count(SECOND_STEP) == 1:
            raise httpx.ReadTimeout("gone")
        return None

    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock, totp_secret=KEY).transport(), cut)
        async with hub_on(wire, clock, Password("moby", PASSWORD, Totp(KEY))) as hub:
            assert "NoResponseError" == type(await failing(hub)).__name__
            assert 25 == await call(hub)

    assert [LOGIN, SECOND_STEP, LOGIN, SECOND_STEP, LOGS] == wire.paths


# --- refusals


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (lambda: answer(401, {"detail": "Incorrect authentication credentials"}), AuthenticationError),
        (lambda: answer(401, {"detail": "Cannot log into an organization account"}), AuthenticationError),
        (lambda: answer(400, {"fields": {"username": "unknown"}, "text": "validation failed"}), AuthenticationError),
        (lambda: answer(403, {"message": "forbidden"}), AuthenticationError),
        (lambda: answer(401, b"", TEXT), AuthenticationError),
        (lambda: answer(429, {"detail": LOCKED}), AccountLocked),
        (lambda: answer(429, {"detail": LOCKED}, {"retry-after": "600"}), AccountLocked),
        (lambda: answer(429, {"message": "Account LOCKED"}), AccountLocked),
        (lambda: answer(401, {"detail": LOCKED}), AccountLocked),
        (lambda: answer(403, {"message": "account is locked"}), AccountLocked),
    ],
)
async def test_a_refusal_is_remembered(reply: object, kind: type[HubError]) -> None:
    """A word on the credentials, lock-outs among them: at once, without a wait, and without another login (D26)."""
    assert callable(reply)
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport(), at_login(reply()))
        async with hub_on(wire, clock) as hub:
            found = [await failing(hub) for _ in range(3)]
            waited = clock.monotonic()
            await hub.reauthenticate()
            assert 25 == await call(hub)

    assert [kind] * 3 == [type(error) for error in found]
    assert [facts(found[0])] * 3 == [facts(error) for error in found]
    assert (0, 2) == (waited, wire.logins)


async def test_a_lock_out_is_not_prolonged() -> None:
    """Whoever gets the fake's account locked hears of it, and asks no more however long it takes."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock, max_failed_logins=1).transport())
        async with hub_on(wire, clock, Password("moby", "wrong")) as hub:
            assert AuthenticationError is type(await failing(hub))
            await hub.reauthenticate()
            assert AccountLocked is type(await failing(hub))
            clock.advance(3600)
            assert AccountLocked is type(await failing(hub))

    assert 2 == wire.logins


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (lambda: answer(403, b"<!doctype html><title>Just a moment...</title>", HTML), Blocked),
        (lambda: answer(403, b"error code: 1010", TEXT), Blocked),
        (lambda: answer(404, b"<html>not here</html>", HTML), NotFound),
        (lambda: answer(501, {"detail": "not yet"}), ServerError),
        (lambda: answer(200, {"token": ""}), DecodeError),
        (lambda: answer(200, {"token": "two\nlines"}), DecodeError),
        (lambda: answer(200, {"token": ["no text"]}), DecodeError),
        (lambda: answer(200, {"access_token": "of the other route"}), DecodeError),
        (lambda: answer(429, {"detail": "Rate limit exceeded"}, {"retry-after": "9000"}), RateLimited),
    ],
)
async def test_another_failure_is_not_remembered(reply: object, kind: type[HubError]) -> None:
    """A firewall in between (D10), a wrong address, a wait that is too long: the next call tries again."""
    assert callable(reply)
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport(), at_login(reply()))
        async with hub_on(wire, clock) as hub:
            assert kind is type(await failing(hub))
            assert 25 == await call(hub)

    assert 2 == wire.logins


async def test_a_firewalls_429_is_no_lock_out() -> None:
    """ "You have been blocked" has "locked" in it, but is about requests: it is waited for."""
    async with VirtualClock() as clock:
        blocked = answer(429, b"You have been blocked", {"retry-after": "20", **TEXT})
        wire = Wire(fake_hub(clock).transport(), at_login(blocked))
        async with hub_on(wire, clock) as hub:
            assert 25 == await call(hub)
            assert 20 == clock.monotonic()

    assert 2 == wire.logins


# --- troubles on the way


@pytest.mark.parametrize("seconds", [1, 59, 100])
async def test_a_rate_limited_login_waits(seconds: int) -> None:
    """As long as the server asks: a real 429 is about requests, not about the password."""
    async with VirtualClock() as clock:
        busy = answer(429, {"detail": "Rate limit exceeded"}, {"retry-after": str(seconds)})
        wire = Wire(fake_hub(clock).transport(), at_login(busy))
        async with hub_on(wire, clock) as hub:
            assert [25] * 50 == await outcomes(hub, 50)
            assert seconds == clock.monotonic()

    assert 2 == wire.logins


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_login_is_repeated_when_the_server_fails(status: int) -> None:
    """Up to four times in all; the failure is the same for everybody, and is not remembered."""
    async with VirtualClock() as clock:
        bad = [answer(status, b"oops", TEXT) for _ in range(3 + 4)]
        wire = Wire(fake_hub(clock).transport(), at_login(*bad[:3], None, *bad[3:]))
        async with hub_on(wire, clock) as hub:
            assert [25] * 20 == await outcomes(hub, 20)
            repeated = wire.logins
            await hub.reauthenticate()
            found = await outcomes(hub, 20)
            failed = wire.logins
            assert 25 == await call(hub)

    errors = [error for error in found if isinstance(error, HubError)]
    assert [facts(errors[0])] * 20 == [facts(error) for error in errors]
    assert (ServerError, "authentication.login", 4) == (type(errors[0]), errors[0].operation, errors[0].attempts)
    assert (4, 4 + 4, 4 + 4 + 1) == (repeated, failed, wire.logins)


async def test_a_calls_deadline_holds_during_a_login() -> None:
    """Those who can't wait leave in time, and the last of them takes the login along."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport(), slow_login(clock, 50))
        async with hub_on(wire, clock, deadline=2) as hub:
            found = await outcomes(hub, 20)
            ended = clock.monotonic()

    assert ["DeadlineExceeded"] * 20 == [type(error).__name__ for error in found]
    assert (2, 0, 1) == (ended, wire.under_way, wire.logins)
