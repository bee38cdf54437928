"""Servers that are far away, or tell less, in virtual time."""

from random import Random

import httpx
from attrs import define, field

from hubapi._clock import Clock


@define
class Distant(httpx.AsyncBaseTransport):
    """A server so far away: half the time passes before it hears, half after it has answered."""

    inner: httpx.AsyncBaseTransport
    clock: Clock
    latency_s: float = 0.15
    random: Random = field(factory=lambda: Random(7))  # noqa: S311 - meant to repeat

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self.clock.sleep(self.latency_s / 2 * self.random.uniform(0.8, 1.2))
        response = await self.inner.handle_async_request(request)
        await self.clock.sleep(self.latency_s / 2 * self.random.uniform(0.8, 1.2))
        return response


@define
class Silent(httpx.AsyncBaseTransport):
    """Takes what tells of the limit out of every answer."""

    inner: httpx.AsyncBaseTransport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        for name in [name for name in response.headers if name.startswith("x-ratelimit")]:
            del response.headers[name]
        return response
