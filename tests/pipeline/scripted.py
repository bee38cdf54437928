"""A transport that returns the responses a test gives it, and records the requests."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import httpx
import msgspec
from anyio.lowlevel import checkpoint
from attrs import define, field, frozen

from hubapi import AsyncHub, RetryPolicy, Settings, StaticToken
from hubapi._pipeline.session import Options
from hubapi.testing import VirtualClock

JWT = "header.payload.signature"
SCIM_TOKEN = "scim-bearer"


@frozen
class Canned:
    """A response, whose body is still in its content encoding."""

    status: int = 200
    content: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(factory=dict[str, str])


Reply: TypeAlias = Canned | Exception | Callable[[httpx.Request], Any]


def json(content: object, status: int = 200, /, **headers: str) -> Canned:
    """Return a response in JSON."""
    return Canned(status, msgspec.json.encode(content), {"content-type": "application/json", **headers})


def text(content: str | bytes, status: int = 200, kind: str = "text/html", /, **headers: str) -> Canned:
    """Return a response in another content type."""
    body = content.encode() if isinstance(content, str) else content
    return Canned(status, body, {"content-type": kind, **headers})


@define(eq=False, repr=False)
class Script(httpx.AsyncBaseTransport):
    """Gives the replies in order, and then repeats the last one."""

    replies: Sequence[Reply]
    requests: list[httpx.Request] = field(factory=list[httpx.Request])
    closed: int = 0
    open_responses: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        await checkpoint()
        reply = self.replies[min(len(self.requests), len(self.replies)) - 1]
        if not isinstance(reply, Canned | Exception):
            reply = await reply(request)
        if isinstance(reply, Exception):
            raise reply
        self.open_responses += 1
        return httpx.Response(reply.status, headers=dict(reply.headers), stream=_Body(self, reply.content))

    async def aclose(self) -> None:
        self.closed += 1

    @property
    def sent(self) -> list[str]:
        """The requests sent so far, such as `GET /v2/x?page=2`."""
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]


@define(eq=False, repr=False)
class _Body(httpx.AsyncByteStream):
    script: Script
    content: bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content

    async def aclose(self) -> None:
        self.script.open_responses -= 1


def hub_of(
    script: httpx.AsyncBaseTransport,
    clock: VirtualClock | None = None,
    *,
    max_attempts: int = 4,
    deadline: float | None = None,
    base_url: str = "https://hub.docker.com",
    concurrency: int = 32,
    **settings: Any,
) -> AsyncHub:
    """Return a hub that sends a fixed token over a scripted transport."""
    options = Options(deadline_s=deadline, retry=RetryPolicy(max_attempts=max_attempts), concurrency=concurrency)
    return AsyncHub(
        StaticToken(JWT),
        scim_token=SCIM_TOKEN,
        transport=script,
        base_url=base_url,
        settings=Settings(options=options, **settings),
        clock=clock,
    )
