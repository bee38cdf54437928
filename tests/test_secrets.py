"""No secret is ever shown: not in a repr, a message, a log, a traceback with its locals, an event or a pickle.

Each secret is a canary, a text that occurs nowhere else. All that is shown during any failure is searched for it.
"""

import base64
import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
import anyio.abc
import httpx
import pytest
from attrs import define, field

from hubapi import (
    AsyncHub,
    AttemptRequest,
    AttemptResponse,
    CallNext,
    HubError,
    OrgAccessToken,
    Password,
    PersonalAccessToken,
    Settings,
    StaticToken,
)
from hubapi._pipeline.retry import RetryPolicy
from hubapi._pipeline.session import Options
from hubapi.credentials import Credentials
from hubapi.models import (
    AccessToken,
    PostUsersLoginErrorResponse,
    PostUsersLoginSuccessResponse,
    Users2FALoginRequest,
    UsersLoginRequest,
)
from hubapi.testing import FakeHub, VirtualClock
from tests.auth.logins import no_login
from tests.pipeline.scripted import Canned, Reply, Script, json, text
from tests.transport.servers import serving

pytestmark = pytest.mark.anyio


def _jwt() -> str:
    claims = base64.urlsafe_b64encode(b'{"exp":4102444800,"iat":1735689600}').rstrip(b"=").decode()
    return f"eyJhbGciOiJub25lIn0.{claims}.canary-jwt"


CANARIES = {
    "password": "canary-password",
    "pat": "dckr_pat_canary",
    "oat": "dckr_oat_canary",
    "static": "canary-static",
    "scim": "canary-scim",
    "code": "canary-2fa-code",
    "pending": "canary-2fa-pending",
    "jwt": _jwt(),
    "created": "dckr_pat_created_canary",
    "refresh": "canary-refresh",
}
CREDENTIALS: dict[str, Callable[[], Credentials]] = {
    "password": lambda: Password("moby", CANARIES["password"]),
    "second factor": lambda: Password("moby", CANARIES["password"], two_factor=lambda: CANARIES["code"]),
    "pat": lambda: PersonalAccessToken("moby", CANARIES["pat"]),
    "oat": lambda: OrgAccessToken("acme", CANARIES["oat"]),
    "static": lambda: StaticToken(CANARIES["static"]),
}


@define
class Witness:
    """Records all that is shown, and checks it for secrets."""

    shown: list[str] = field(factory=list[str], repr=False)

    def see(self, *things: object) -> None:
        self.shown += [f"{thing!r} {thing!s}" for thing in things]

    def see_error(self, error: BaseException) -> None:
        """Record the message, attributes and pickle of an error, and the tracebacks of its chain with all locals.

        The frames of the tests are left out, because they contain the canaries.
        """
        self.see(error)
        self.shown.append(str(vars(error)))
        if isinstance(error, HubError):
            self.shown += [pickle.dumps(error, 0).decode("latin-1"), pickle.dumps(error).decode("latin-1")]
        for link in chain(error):
            rendered = traceback.TracebackException.from_exception(link, capture_locals=True, compact=False)
            rendered.__cause__ = rendered.__context__ = None  # each error of the chain is rendered separately
            frames = [frame for frame in rendered.stack if "/tests/" not in frame.filename]
            self.shown += [f"{frame.name} {frame.locals}" for frame in frames]

    def check(self) -> None:
        for name, canary in CANARIES.items():
            for shown in self.shown:
                assert canary not in shown, f"the {name} is shown: {shown[:2000]}"


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its causes and contexts, and the errors of its groups."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        link = todo.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        todo += [link.__cause__, link.__context__]
        todo += link.exceptions if isinstance(link, BaseExceptionGroup) else []


@pytest.fixture
def witness(caplog: pytest.LogCaptureFixture) -> Iterator[Witness]:
    witness = Witness()
    with caplog.at_level(logging.DEBUG):
        for name in ("hubapi", "httpx", "httpcore"):
            caplog.set_level(logging.DEBUG, logger=name)
        yield witness
        witness.shown += [record.getMessage() + str(record.exc_text) for record in caplog.records]
        witness.see(*caplog.records)
        witness.check()


def hub_for(
    credentials: Credentials, script: httpx.AsyncBaseTransport | None, witness: Witness, **options: Any
) -> AsyncHub:
    """Return a hub whose hooks pass all they see to the witness."""

    async def middleware(request: AttemptRequest, call_next: CallNext) -> AttemptResponse:
        witness.see(request)
        response = await call_next(request.with_headers({"x-trace": "1"}))
        witness.see(response)
        return response

    base_url = options.pop("base_url", "https://hub.docker.com")
    clock = options.pop("clock", None)
    return AsyncHub(
        credentials,
        scim_token=CANARIES["scim"],
        transport=script,
        base_url=base_url,
        clock=clock,
        settings=Settings(
            options=Options(retry=RetryPolicy(max_attempts=2), **options), middleware=middleware, on_event=witness.see
        ),
    )


async def record(call: Callable[[], Awaitable[object]], witness: Witness) -> None:
    """Make a call and record its result or its error."""
    try:
        witness.see(await call())
    except HubError as error:
        witness.see_error(error)


LOGGED_IN = json({"token": CANARIES["jwt"], "access_token": CANARIES["jwt"], "refresh_token": CANARIES["refresh"]})
PENDING = json({"detail": "second factor", "login_2fa_token": CANARIES["pending"]}, 401)


async def echo(request: httpx.Request) -> Canned:
    """Return a debug page that repeats the request."""
    return text(f"<html><title>{request.headers.get('authorization')}</title>{dict(request.headers)}", 500)


async def echo_json(request: httpx.Request) -> Canned:
    return json({"message": f"bad bearer {request.headers.get('authorization')}"}, 403)


FAILURES: dict[str, Reply] = {
    "connect error": httpx.ConnectError("refused"),
    "read error": httpx.ReadError("reset"),
    "400": json({"message": "no"}, 400),
    "401": json({"detail": "no"}, 401),
    "401 with tokens": json({"token": CANARIES["jwt"], "login_2fa_token": CANARIES["pending"]}, 401),
    "403": json({"message": "no"}, 403),
    "403 of a firewall": text("error code: 1010", 403, "text/plain"),
    "429": json({"detail": "slow down"}, 429, **{"retry-after": "9999"}),
    "500": json({"message": "oops"}, 500),
    "HTML": text("<html><title>Sorry</title>"),
    "half a body": Canned(200, b'{"token": "x', {"content-type": "application/json"}),
    "other JSON": json([CANARIES["jwt"], CANARIES["created"]]),
    "other types": json({"token": {"is": CANARIES["jwt"]}, "access_token": [CANARIES["jwt"]], "uuid": {}}),
    "a created token": json({"token": CANARIES["created"], "is_active": "maybe"}),
    "a success": json({"token": CANARIES["created"], "token_label": "ci"}),
    "broken compression": text(b"\x1f\x8b\x08 cut off", **{"content-encoding": "gzip"}),
    "a cookie": json({}, 500, **{"set-cookie": CANARIES["jwt"], "www-authenticate": CANARIES["jwt"]}),
    "a redirect": Canned(302, b"", {"location": f"https://evil.example/?token={CANARIES['jwt']}"}),
}


@pytest.mark.parametrize("credentials", sorted(CREDENTIALS.keys() - {"static"}))
@pytest.mark.parametrize("failure", FAILURES)
async def test_a_login_that_fails_shows_no_secret(credentials: str, failure: str, witness: Witness) -> None:
    """In its first step or its second."""
    for before in ([], [PENDING]):
        async with VirtualClock() as clock:
            hub = hub_for(CREDENTIALS[credentials](), Script([*before, FAILURES[failure]]), witness, clock=clock)
            await record(lambda: hub.access_tokens.get("u"), witness)  # noqa: B023 - called at once
            await record(lambda: hub.access_tokens.get("u"), witness)  # noqa: B023 - a remembered refusal


@pytest.mark.parametrize("credentials", ["password", "second factor", "oat", "static"])
@pytest.mark.parametrize("failure", [*FAILURES, "echo", "echo in JSON"])
async def test_a_call_that_fails_shows_no_secret(credentials: str, failure: str, witness: Witness) -> None:
    """A read, a write that returns a new token, a SCIM call, and a raw request."""
    reply = {"echo": echo, "echo in JSON": echo_json}.get(failure) or FAILURES[failure]
    login = {"static": [], "second factor": [PENDING, LOGGED_IN]}.get(credentials, [LOGGED_IN])
    calls: list[Callable[[AsyncHub], Awaitable[object]]] = [
        lambda hub: hub.access_tokens.get("u"),
        lambda hub: hub.access_tokens.create("ci", ["repo:read"]),
        lambda hub: hub.access_tokens.list().collect(),
        lambda hub: hub.raw.request("DELETE", "/v2/x", body={"a": 1}),
    ]
    for call in calls:
        async with VirtualClock() as clock:
            hub = hub_for(CREDENTIALS[credentials](), Script([*login, reply]), witness, clock=clock)
            if failure == "a success" and call is calls[3]:
                continue  # the caller gets the JSON itself
            if failure in {"other JSON", "other types", "a created token"} and call is calls[3]:
                continue
            await record(lambda: call(hub), witness)  # noqa: B023 - called at once
            session = hub._pipeline.session
            witness.see(hub, hub.raw, hub.access_tokens, hub._pipeline, session, getattr(session, "__dict__", ""))

    async with VirtualClock() as clock:
        hub = hub_for(CREDENTIALS[credentials](), Script([reply]), witness, clock=clock)
        await record(lambda: hub.scim.get_user("u"), witness)


async def never(request: httpx.Request) -> Canned:
    await anyio.sleep_forever()
    raise AssertionError


@pytest.mark.parametrize("credentials", CREDENTIALS)
@pytest.mark.parametrize("stage", ["login", "call"])
async def test_a_deadline_shows_no_secret(credentials: str, stage: str, witness: Witness) -> None:
    """During a login, or while it waits for the response."""
    login: list[Reply] = [] if stage == "login" or credentials == "static" else [LOGGED_IN]
    async with VirtualClock() as clock:
        hub = hub_for(CREDENTIALS[credentials](), Script([*login, never]), witness, clock=clock, deadline_s=5.0)
        await record(lambda: hub.access_tokens.get("u"), witness)


@pytest.mark.parametrize("credentials", ["password", "second factor", "pat", "oat", "static"])
async def test_a_cancellation_over_real_sockets_shows_no_secret(credentials: str, witness: Witness) -> None:
    """Its traceback would go through httpcore, which has the headers in its locals."""
    received = anyio.Event()

    async def silent(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()
        received.set()
        await anyio.sleep_forever()

    async with serving(silent) as url, hub_for(CREDENTIALS[credentials](), None, witness, base_url=url) as hub:

        async def call() -> None:
            try:
                await hub.raw.request("GET", "/v2/x")
            except BaseException as error:
                witness.see_error(error)
                raise

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await received.wait()
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    "reply", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", b"HTTP/1.1 200 OK\r\nx"]
)
@pytest.mark.parametrize("credentials", ["password", "static"])
async def test_a_failure_over_real_sockets_shows_no_secret(credentials: str, reply: bytes, witness: Witness) -> None:
    """The frames of the layers below are removed."""

    async def handle(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()
        if reply:
            await stream.send(reply)

    async with serving(handle) as url, hub_for(CREDENTIALS[credentials](), None, witness, base_url=url) as hub:
        await record(lambda: hub.with_options(max_attempts=1).access_tokens.get("u"), witness)


@pytest.mark.parametrize("bad", ["canary-static\n", "canary-static\u00e9", "canary-static\ud800", "canary-static\0"])
async def test_a_token_that_can_not_be_sent_is_not_shown(bad: str, witness: Witness) -> None:
    """Wherever the error is detected."""

    async def call() -> object:
        hub = AsyncHub(StaticToken(bad), scim_token="x", transport=Script([Canned(200)]))
        return await hub.raw.request("GET", "/v2/x")

    await record(call, witness)


@pytest.mark.parametrize("bad", ["canary-password\ud800", "canary-password\0\n"])
async def test_a_password_that_can_not_be_sent_is_not_shown(bad: str, witness: Witness) -> None:
    """The error of the encoder would contain it."""

    async def call() -> object:
        hub = AsyncHub(Password("moby", bad), transport=Script([json({"detail": "no"}, 401)]))
        return await hub.access_tokens.get("u")

    await record(call, witness)


async def test_a_whole_session_over_loopback_shows_no_secret(witness: Witness) -> None:
    """A login, a list, failures and refusals over real HTTP, with every logger at DEBUG."""
    fake = FakeHub(seed=7)
    fake.add_user("moby", password=CANARIES["password"], tokens=[CANARIES["pat"]])
    fake.add_org("acme", owners=["moby"], tokens=[CANARIES["oat"]], events=30)
    for name in ("password", "pat", "oat"):
        async with fake.serve() as url, hub_for(CREDENTIALS[name](), None, witness, base_url=url) as hub:
            await record(lambda: hub.audit_logs.list("acme").collect(), witness)
            await record(lambda: hub.audit_logs.actions("nobody"), witness)
            await record(lambda: hub.raw.request("GET", "/v2/nothing"), witness)
            fake.revoke_tokens()
            await record(lambda: hub.audit_logs.list("acme").first(), witness)
            token = await hub._pipeline.session.authentication.providers["bearer"].token(no_login)
            assert token.secret.reveal() not in "".join(witness.shown)
            witness.see(token, hub)


def test_credentials_and_models_show_no_secret() -> None:
    """Neither their repr nor their string."""
    witness = Witness()
    witness.see(*(make() for make in CREDENTIALS.values()))
    witness.see(
        AccessToken(token=CANARIES["created"]),
        PostUsersLoginSuccessResponse(token=CANARIES["jwt"]),
        PostUsersLoginErrorResponse(login_2fa_token=CANARIES["pending"]),
        UsersLoginRequest(username="moby", password=CANARIES["password"]),
        Users2FALoginRequest(login_2fa_token=CANARIES["pending"], code=CANARIES["code"]),
    )

    witness.check()


@pytest.mark.parametrize("name", CREDENTIALS)
def test_credentials_are_not_pickled(name: str) -> None:
    """The pickle would contain the secret."""
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(CREDENTIALS[name]().__getattribute__("password" if "Password" in repr(CREDENTIALS[name]())
                                                          else "token"))  # fmt: skip


def test_the_witness_detects_a_leak() -> None:
    """In a local of a frame outside the tests, anywhere in the chain."""

    def leak() -> None:
        scope: dict[str, Any] = {}
        exec(compile("def f(x):\n y = x\n raise ValueError('deep')", "/elsewhere/module.py", "exec"), scope)  # noqa: S102
        try:
            scope["f"](CANARIES["jwt"])
        except ValueError:
            raise KeyError("shallow") from None

    witness = Witness()
    try:
        leak()
    except KeyError as error:
        witness.see_error(error)

    with pytest.raises(AssertionError, match="the jwt is shown"):
        witness.check()
