"""A fake Docker Hub with a wire in between, to delay and to break, and hubs that log in there."""

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

Cut: TypeAlias = Callable[[httpx.Request], Awaitable[httpx.Response | None]]


async def uncut(request: httpx.Request) -> httpx.Response | None:
    """Let everything through."""


@define(eq=False)
class Wire(httpx.AsyncBaseTransport):
    """Asks `cut` first, which may wait, answer itself or raise; else the request goes on to the fake."""

    inner: httpx.AsyncBaseTransport
    cut: Cut = uncut
    under_way: int = 0
    closed: int = 0
    paths: list[str] = field(factory=list[str])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.path)
        self.under_way += 1
        try:
            return await self.cut(request) or await self.inner.handle_async_request(request)
        finally:
            self.under_way -= 1

    async def aclose(self) -> None:
        self.closed += 1

    @property
    def logins(self) -> int:
        return sum(path in {LOGIN, EXCHANGE} for path in self.paths)


def fake_hub(clock: VirtualClock, *, totp_secret: str | None = None, **options: Any) -> FakeHub:
    """A Docker Hub with a user who owns an organisation."""
    fake = FakeHub(seed=7, clock=clock, **options)
    fake.add_user("moby", password=PASSWORD, tokens=["dckr_pat_moby"], totp_secret=totp_secret)
    fake.add_org("acme", owners=["moby"], tokens=["dckr_oat_acme"], events=30)
    return fake


def hub_on(wire: httpx.AsyncBaseTransport, clock: VirtualClock, who: Credentials | None = None, **of: Any) -> AsyncHub:
    """A hub that logs in as moby, unless told otherwise."""
    options = Options(deadline_s=of.pop("deadline", None))
    return AsyncHub(
        who or Password("moby", PASSWORD),
        transport=wire,
        token_store=of.pop("token_store", None),
        clock=clock,
        settings=Settings(options=options, **of),
    )


async def call(hub: AsyncHub) -> int:
    """Make a call that needs a bearer; return how many events came."""
    return len((await hub.raw.request("GET", LOGS))["logs"])


async def outcomes(hub: AsyncHub, number: int) -> list[int | HubError]:
    """Make calls at the same time; return what became of each."""
    found: list[int | HubError] = []

    async def one() -> None:
        try:
            found.append(await call(hub))
        except HubError as error:
            found.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(number):
            tasks.start_soon(one)
    return found


def facts(error: HubError) -> tuple[object, ...]:
    """What makes two errors alike: their type, arguments and fields."""
    return type(error), error.args, vars(error)


def answer(status: int, content: object = None, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """An answer in JSON, or in whatever the headers say."""
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    # As from the wire: not read yet.
    stream = httpx.ByteStream(body)
    return httpx.Response(status, stream=stream, headers={"content-type": "application/json", **(headers or {})})


def bearer(**claims: float) -> str:
    """A JWT that says so much."""
    return jwt.encode(dict(claims), "a key that nobody checks, and long enough", algorithm="HS256")


def at_login(*replies: httpx.Response | None) -> Cut:
    """Answer logins with these, one after the other, and let all else through; None is the fake's own answer."""
    left = list(replies)

    async def cut(request: httpx.Request) -> httpx.Response | None:
        return left.pop(0) if left and request.url.path in {LOGIN, SECOND_STEP, EXCHANGE} else None

    return cut


def slow_login(clock: VirtualClock, seconds: float) -> Cut:
    """Let a login take its time."""

    async def cut(request: httpx.Request) -> httpx.Response | None:
        if request.url.path in {LOGIN, EXCHANGE}:
            await clock.sleep(seconds)
        return None

    return cut


async def no_login(operation: Operation[Any]) -> Response:
    """An exchange for a provider that has a token already."""
    raise AssertionError(f"{operation!r} was sent")
