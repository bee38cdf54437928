"""Logins: from each kind of credentials to a token; second factors, refusals and failures."""

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
    Interceptor,
    call,
    comparable,
    fake_hub,
    make_hub,
    outcomes,
    reply_to_logins,
    response,
    slow_login,
)

pytestmark = pytest.mark.anyio

HTML = {"content-type": "text/html"}
TEXT = {"content-type": "text/plain"}
LOCKED = "Too many failed login attempts for username or IP address"


async def failed_call(hub: AsyncHub) -> HubError:
    with pytest.raises(HubError) as caught:
        await call(hub)
    return caught.value


# --- credentials


@pytest.mark.parametrize(
    ("credentials", "path", "body"),
    [
        (Password("moby", PASSWORD), LOGIN, {"username": "moby", "password": PASSWORD}),
        (PersonalAccessToken("moby", "dckr_pat_moby"), LOGIN, {"username": "moby", "password": "dckr_pat_moby"}),
        (OrgAccessToken("acme", "dckr_oat_acme"), EXCHANGE, {"identifier": "acme", "secret": "dckr_oat_acme"}),
    ],
)
async def test_each_kind_of_credentials_uses_its_own_route(
    credentials: Credentials, path: str, body: dict[str, str]
) -> None:
    """Users log in; organisation tokens are exchanged, because the login refuses them (D19)."""
    sent: list[object] = []

    async def intercept(request: httpx.Request) -> httpx.Response | None:
        if request.url.path == path:
            sent.append((msgspec.json.decode(request.content), "authorization" in request.headers))
        return None

    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport(), intercept)
        async with make_hub(transport, clock, credentials) as hub:
            # Not the audit log: it refuses personal access tokens (D18).
            assert "acme" == (await hub.raw.request("GET", "/v2/orgs/acme"))["orgname"]

    assert [(body, False)] == sent
    assert [path, "/v2/orgs/acme"] == transport.paths


# --- second factor


@pytest.mark.parametrize("skew_s", [0, 86_400, -3600])
async def test_a_totp_secret_generates_the_code(skew_s: int) -> None:
    """From the server's clock: a wrong local clock does not matter."""
    async with VirtualClock(wall_offset_s=123_456) as clock:
        transport = Interceptor(fake_hub(clock, totp_secret=KEY, skew_s=skew_s).transport())
        async with make_hub(transport, clock, Password("moby", PASSWORD, Totp(KEY))) as hub:
            assert 25 == await call(hub)
            clock.advance(601)
            assert 25 == await call(hub)

    assert [LOGIN, SECOND_STEP, LOGS] * 2 == transport.paths


@pytest.mark.parametrize("plain", [True, False])
async def test_a_callable_provides_the_code(*, plain: bool) -> None:
    """Sync or async; called once for each login, and only if the server requires a code."""
    asked: list[float] = []
    async with VirtualClock() as clock:

        def now() -> str:
            asked.append(clock.monotonic())
            return Totp(KEY).at(clock.time())

        async def soon() -> str:
            await clock.sleep(25)
            return now()

        transport = Interceptor(fake_hub(clock, totp_secret=KEY).transport())
        async with make_hub(transport, clock, Password("moby", PASSWORD, now if plain else soon)) as hub:
            assert [25] * 20 == await outcomes(hub, 20)
        async with make_hub(Interceptor(fake_hub(clock).transport()), clock, Password("moby", PASSWORD, now)) as hub:
            assert 25 == await call(hub)

    assert [0 if plain else 25] == asked


async def test_a_missing_second_factor_is_an_error() -> None:
    """It names the missing argument, and is remembered: another login would not help."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock, totp_secret=KEY).transport())
        async with make_hub(transport, clock) as hub:
            found = [await failed_call(hub), await failed_call(hub)]

    assert [TwoFactorRequired] * 2 == [type(error) for error in found]
    assert "moby has two-factor authentication: give Password(..., two_factor=)" in str(found[0])
    assert 1 == transport.logins


async def test_a_wrong_code_is_a_refusal() -> None:
    """It is not retried, because wrong codes lock an account."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock, totp_secret=KEY).transport())
        async with make_hub(transport, clock, Password("moby", PASSWORD, lambda: "000000")) as hub:
            first = await failed_call(hub)
            later = await outcomes(hub, 10)

    assert [AuthenticationError] * 11 == [type(first), *map(type, later)]
    assert "authentication.two_factor_login" == first.operation
    assert [LOGIN, SECOND_STEP] == transport.paths


async def test_an_exception_of_the_callable_reaches_its_caller_unchanged() -> None:
    """Calls that waited for this login raise a HubError caused by it; no call hangs."""
    errors_to_raise = [ValueError("no code today")]
    async with VirtualClock() as clock:

        async def codes() -> str:
            if errors_to_raise:
                await clock.sleep(1)
                raise errors_to_raise.pop()
            return Totp(KEY).at(clock.time())

        transport = Interceptor(fake_hub(clock, totp_secret=KEY).transport())
        async with make_hub(transport, clock, Password("moby", PASSWORD, codes)) as hub:
            found: list[BaseException | int] = []

            async def one() -> None:
                try:
                    found.append(await call(hub))
                except Exception as error:  # noqa: BLE001 - the test inspects it
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
    assert [LOGIN, LOGIN, SECOND_STEP, LOGS] == transport.paths


async def test_a_callable_that_never_returns_times_out() -> None:
    """The two minutes of a login include the callable; the next call starts a new login."""
    async with VirtualClock() as clock:

        async def never() -> str:
            await clock.sleep(float("inf"))
            return ""

        transport = Interceptor(fake_hub(clock, totp_secret=KEY).transport())
        async with make_hub(transport, clock, Password("moby", PASSWORD, never)) as hub:
            found = [*await outcomes(hub, 5), *await outcomes(hub, 5)]
            ended = clock.monotonic()

    assert ["DeadlineExceeded"] * 10 == [type(error).__name__ for error in found]
    assert (240, 2) == (ended, transport.logins)


async def test_a_code_is_not_sent_twice() -> None:
    """If the response to a code is lost, the code may be used up: the next call logs in again with a new code."""

    async def intercept(request: httpx.Request) -> httpx.Response | None:
        if request.url.path == SECOND_STEP and transport.paths.count(SECOND_STEP) == 1:
            raise httpx.ReadTimeout("gone")
        return None

    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock, totp_secret=KEY).transport(), intercept)
        async with make_hub(transport, clock, Password("moby", PASSWORD, Totp(KEY))) as hub:
            assert "NoResponseError" == type(await failed_call(hub)).__name__
            assert 25 == await call(hub)

    assert [LOGIN, SECOND_STEP, LOGIN, SECOND_STEP, LOGS] == transport.paths


# --- refusals


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (lambda: response(401, {"detail": "Incorrect authentication credentials"}), AuthenticationError),
        (lambda: response(401, {"detail": "Cannot log into an organization account"}), AuthenticationError),
        (lambda: response(400, {"fields": {"username": "unknown"}, "text": "validation failed"}), AuthenticationError),
        (lambda: response(403, {"message": "forbidden"}), AuthenticationError),
        (lambda: response(401, b"", TEXT), AuthenticationError),
        (lambda: response(429, {"detail": LOCKED}), AccountLocked),
        (lambda: response(429, {"detail": LOCKED}, {"retry-after": "600"}), AccountLocked),
        (lambda: response(429, {"message": "Account LOCKED"}), AccountLocked),
        (lambda: response(401, {"detail": LOCKED}), AccountLocked),
        (lambda: response(403, {"message": "account is locked"}), AccountLocked),
    ],
)
async def test_a_refusal_is_remembered(reply: object, kind: type[HubError]) -> None:
    """If the credentials are refused or locked out, calls fail at once, without a wait or another login (D26)."""
    assert callable(reply)
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport(), reply_to_logins(reply()))
        async with make_hub(transport, clock) as hub:
            found = [await failed_call(hub) for _ in range(3)]
            waited = clock.monotonic()
            await hub.reauthenticate()
            assert 25 == await call(hub)

    assert [kind] * 3 == [type(error) for error in found]
    assert [comparable(found[0])] * 3 == [comparable(error) for error in found]
    assert (0, 2) == (waited, transport.logins)


async def test_a_lockout_is_not_prolonged() -> None:
    """The lockout is remembered: no login is sent, even an hour later."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock, max_failed_logins=1).transport())
        async with make_hub(transport, clock, Password("moby", "wrong")) as hub:
            assert AuthenticationError is type(await failed_call(hub))
            await hub.reauthenticate()
            assert AccountLocked is type(await failed_call(hub))
            clock.advance(3600)
            assert AccountLocked is type(await failed_call(hub))

    assert 2 == transport.logins


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (lambda: response(403, b"<!doctype html><title>Just a moment...</title>", HTML), Blocked),
        (lambda: response(403, b"error code: 1010", TEXT), Blocked),
        (lambda: response(404, b"<html>not here</html>", HTML), NotFound),
        (lambda: response(501, {"detail": "not yet"}), ServerError),
        (lambda: response(200, {"token": ""}), DecodeError),
        (lambda: response(200, {"token": "two\nlines"}), DecodeError),
        (lambda: response(200, {"token": ["no text"]}), DecodeError),
        (lambda: response(200, {"access_token": "of the other route"}), DecodeError),
        (lambda: response(429, {"detail": "Rate limit exceeded"}, {"retry-after": "9000"}), RateLimited),
    ],
)
async def test_other_failures_are_not_remembered(reply: object, kind: type[HubError]) -> None:
    """A firewall (D10), a wrong address, a wait that is too long: the next call logs in again."""
    assert callable(reply)
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport(), reply_to_logins(reply()))
        async with make_hub(transport, clock) as hub:
            assert kind is type(await failed_call(hub))
            assert 25 == await call(hub)

    assert 2 == transport.logins


async def test_a_429_of_a_firewall_is_not_a_lockout() -> None:
    """The text "You have been blocked" contains "locked", but limits requests: the login waits and is repeated."""
    async with VirtualClock() as clock:
        blocked = response(429, b"You have been blocked", {"retry-after": "20", **TEXT})
        transport = Interceptor(fake_hub(clock).transport(), reply_to_logins(blocked))
        async with make_hub(transport, clock) as hub:
            assert 25 == await call(hub)
            assert 20 == clock.monotonic()

    assert 2 == transport.logins


# --- failures


@pytest.mark.parametrize("seconds", [1, 59, 100])
async def test_a_rate_limited_login_waits(seconds: int) -> None:
    """For as long as the server asks: this 429 is about requests, not about the password."""
    async with VirtualClock() as clock:
        busy = response(429, {"detail": "Rate limit exceeded"}, {"retry-after": str(seconds)})
        transport = Interceptor(fake_hub(clock).transport(), reply_to_logins(busy))
        async with make_hub(transport, clock) as hub:
            assert [25] * 50 == await outcomes(hub, 50)
            assert seconds == clock.monotonic()

    assert 2 == transport.logins


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_login_is_retried_on_server_errors(status: int) -> None:
    """With at most four attempts; all callers get the same error, which is not remembered."""
    async with VirtualClock() as clock:
        bad = [response(status, b"oops", TEXT) for _ in range(3 + 4)]
        transport = Interceptor(fake_hub(clock).transport(), reply_to_logins(*bad[:3], None, *bad[3:]))
        async with make_hub(transport, clock) as hub:
            assert [25] * 20 == await outcomes(hub, 20)
            repeated = transport.logins
            await hub.reauthenticate()
            found = await outcomes(hub, 20)
            failed = transport.logins
            assert 25 == await call(hub)

    errors = [error for error in found if isinstance(error, HubError)]
    assert [comparable(errors[0])] * 20 == [comparable(error) for error in errors]
    assert (ServerError, "authentication.login", 4) == (type(errors[0]), errors[0].operation, errors[0].attempts)
    assert (4, 4 + 4, 4 + 4 + 1) == (repeated, failed, transport.logins)


async def test_a_deadline_applies_during_a_login() -> None:
    """Each call ends at its deadline, and the last one cancels the login."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport(), slow_login(clock, 50))
        async with make_hub(transport, clock, deadline=2) as hub:
            found = await outcomes(hub, 20)
            ended = clock.monotonic()

    assert ["DeadlineExceeded"] * 20 == [type(error).__name__ for error in found]
    assert (2, 0, 1) == (ended, transport.in_flight, transport.logins)
