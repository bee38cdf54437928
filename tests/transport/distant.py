"""Transports that delay responses or remove headers, in virtual time."""

from random import Random

import httpx
from attrs import define, field

from hubapi._clock import Clock


@define
class Distant(httpx.AsyncBaseTransport):
    """Adds a latency: half before the server gets the request, half after its response."""

    inner: httpx.AsyncBaseTransport
    clock: Clock
    latency_s: float = 0.15
    random: Random = field(factory=lambda: Random(7))  # noqa: S311 - reproducible on purpose

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self.clock.sleep(self.latency_s / 2 * self.random.uniform(0.8, 1.2))
        response = await self.inner.handle_async_request(request)
        await self.clock.sleep(self.latency_s / 2 * self.random.uniform(0.8, 1.2))
        return response


@define
class Silent(httpx.AsyncBaseTransport):
    """Removes the rate limit headers from every response."""

    inner: httpx.AsyncBaseTransport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        for name in [name for name in response.headers if name.startswith("x-ratelimit")]:
            del response.headers[name]
        return response
