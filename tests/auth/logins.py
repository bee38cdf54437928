"""A fake Docker Hub whose requests can be delayed or failed, and hubs that log in there."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import anyio
import httpx
import jwt
import msgspec
from attrs import define, field

from hubapi import AsyncHub, HubError, Options, Password, Settings
from hubapi._operation import Operation
from hubapi._transport.transport import Response
from hubapi.credentials import Credentials
from hubapi.testing import FakeHub, VirtualClock

PASSWORD = "correct horse battery staple"
KEY = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # that of RFC 6238
LOGIN, SECOND_STEP, EXCHANGE = "/v2/users/login", "/v2/users/2fa-login", "/v2/auth/token"
LOGS = "/v2/auditlogs/acme"

Intercept: TypeAlias = Callable[[httpx.Request], Awaitable[httpx.Response | None]]


async def pass_through(request: httpx.Request) -> httpx.Response | None:
    """Let the fake respond to every request."""


@define(eq=False)
class Interceptor(httpx.AsyncBaseTransport):
    """A transport that calls `intercept` before each request: it may wait, raise, or return a response of its own."""

    inner: httpx.AsyncBaseTransport
    intercept: Intercept = pass_through
    in_flight: int = 0
    closed: int = 0
    paths: list[str] = field(factory=list[str])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.path)
        self.in_flight += 1
        try:
            return await self.intercept(request) or await self.inner.handle_async_request(request)
        finally:
            self.in_flight -= 1

    async def aclose(self) -> None:
        self.closed += 1

    @property
    def logins(self) -> int:
        return sum(path in {LOGIN, EXCHANGE} for path in self.paths)


def fake_hub(clock: VirtualClock, *, totp_secret: str | None = None, **options: Any) -> FakeHub:
    """Return a Docker Hub with a user who owns an organisation."""
    fake = FakeHub(seed=7, clock=clock, **options)
    fake.add_user("moby", password=PASSWORD, tokens=["dckr_pat_moby"], totp_secret=totp_secret)
    fake.add_org("acme", owners=["moby"], tokens=["dckr_oat_acme"], events=30)
    return fake


def make_hub(
    transport: httpx.AsyncBaseTransport, clock: VirtualClock, credentials: Credentials | None = None, **options: Any
) -> AsyncHub:
    """Return a hub that logs in as moby by default."""
    defaults = Options(deadline_s=options.pop("deadline", None))
    return AsyncHub(
        credentials or Password("moby", PASSWORD),
        transport=transport,
        token_store=options.pop("token_store", None),
        clock=clock,
        settings=Settings(options=defaults, **options),
    )


async def call(hub: AsyncHub) -> int:
    """Make a call that needs a token; return the number of events received."""
    return len((await hub.raw.request("GET", LOGS))["logs"])


async def outcomes(hub: AsyncHub, number: int) -> list[int | HubError]:
    """Make concurrent calls; return the result or the error of each."""
    results: list[int | HubError] = []

    async def one() -> None:
        try:
            results.append(await call(hub))
        except HubError as error:
            results.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(number):
            tasks.start_soon(one)
    return results


def comparable(error: HubError) -> tuple[object, ...]:
    """Return the type, arguments and attributes of an error, to compare it with another."""
    return type(error), error.args, vars(error)


def response(status: int, content: object = None, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Return a response whose content is JSON, unless the headers name another type."""
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    # Not read yet, like a response from the network.
    stream = httpx.ByteStream(body)
    return httpx.Response(status, stream=stream, headers={"content-type": "application/json", **(headers or {})})


def make_jwt(**claims: float) -> str:
    """Return a JWT with these claims."""
    return jwt.encode(dict(claims), "a key that is not checked, and long enough", algorithm="HS256")


def reply_to_logins(*replies: httpx.Response | None) -> Intercept:
    """Respond to logins with these in order; the fake responds to other requests, and for None."""
    left = list(replies)

    async def intercept(request: httpx.Request) -> httpx.Response | None:
        return left.pop(0) if left and request.url.path in {LOGIN, SECOND_STEP, EXCHANGE} else None

    return intercept


def slow_login(clock: VirtualClock, seconds: float) -> Intercept:
    """Delay every login."""

    async def intercept(request: httpx.Request) -> httpx.Response | None:
        if request.url.path in {LOGIN, EXCHANGE}:
            await clock.sleep(seconds)
        return None

    return intercept


async def no_login(operation: Operation[Any]) -> Response:
    """Fail the test: the provider has a token already."""
    raise AssertionError(f"{operation!r} was sent")
