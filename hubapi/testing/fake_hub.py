"""An in-memory Docker Hub."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import get_args

import anyio.to_thread
import httpx
from starlette.types import ASGIApp

from hubapi._clock import Clock, SystemClock
from hubapi.testing._faults.injections import Injection, Injections
from hubapi.testing._server.app import Front
from hubapi.testing._server.delivery import Fault
from hubapi.testing._server.loopback import InProcessTransport, LoopbackServer
from hubapi.testing._server.rate_limits import Budgets, RateLimitPolicy, RetryAfter
from hubapi.testing._server.request_log import RequestLog, RequestRecord
from hubapi.testing._server.router import Routes
from hubapi.testing._setup.accounts import LoginPolicy
from hubapi.testing._setup.contents import Contents

__all__ = ["FakeHub"]


class FakeHub(Contents):
    """An in-memory Docker Hub for tests and demonstrations, with the real server's manners.

    It is an ASGI application (`app`): reach it in process through `transport`, or over HTTP on loopback with
    `serve`. Everything it makes up follows from *seed*; what goes wrong is up to `inject`. All methods may be
    called while it serves, from any thread. Where the real server's ways are not known it takes the simplest:
    ``from`` and ``to`` of the audit log are both inclusive.

    Args:
        seed: What generated events, tags and tokens follow from.
        clock: Where time comes from; the system's clock by default, or a `VirtualClock`.
        skew_s: Seconds by which the server's clock is ahead of *clock*; may be set at any time.
        limit: Requests an account may make: by default 600 in a rolling minute.
        anonymous_limit: Requests an address may make without a valid token, logins included: by default
            180 in a rolling minute.
        retry_after: How a 429 says when to come back: ``"x-retry-after-epoch"`` (the documented form),
            ``"retry-after-epoch"``, ``"retry-after-epoch-ms"``, ``"retry-after-seconds"``,
            ``"retry-after-date"`` or ``"none"``. It is the time when a request passes again, rounded up to
            whole seconds.
        token_lifetime_s: Whole seconds for which a bearer token is good.
        max_failed_logins: Failed logins in a row that lock a name.
        lockout_s: Seconds for which the name stays locked, for the right password too: a 429 that tells no
            time (docker/hub-feedback#642, #2201).

    Raises:
        ValueError: *retry_after* is none of the above.

    >>> import anyio, httpx
    >>> fake = FakeHub(seed=7)
    >>> fake.add_user("moby", password="hunter2-hunter2")
    >>> fake.add_org("acme", owners=["moby"], events=250)
    >>> async def first_page() -> int:
    ...     async with httpx.AsyncClient(transport=fake.transport(), base_url="http://hub") as client:
    ...         login = {"username": "moby", "password": "hunter2-hunter2"}
    ...         token = (await client.post("/v2/users/login", json=login)).json()["token"]
    ...         answer = await client.get("/v2/auditlogs/acme", headers={"authorization": f"Bearer {token}"})
    ...         return len(answer.json()["logs"])
    >>> anyio.run(first_page)
    25
    >>> fake.count(operation="login"), fake.count(status=200)
    (1, 2)
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        clock: Clock | None = None,
        skew_s: float = 0.0,
        limit: RateLimitPolicy = RateLimitPolicy(limit=600),  # noqa: B008 - frozen
        anonymous_limit: RateLimitPolicy = RateLimitPolicy(limit=180),  # noqa: B008 - frozen
        retry_after: RetryAfter = "x-retry-after-epoch",
        token_lifetime_s: int = 600,
        max_failed_logins: int = 5,
        lockout_s: float = 600.0,
    ) -> None:
        if retry_after not in get_args(RetryAfter):
            raise ValueError(f"retry_after is {retry_after!r}, not one of {', '.join(get_args(RetryAfter))}")
        self._clock: Clock = clock or SystemClock()
        time = self._clock.time
        policy = LoginPolicy(token_lifetime_s, max_failed_logins, lockout_s)
        self.skew_s = skew_s
        super().__init__(seed, lambda: time() + self.skew_s, policy)
        self._log = RequestLog()
        operations = self._operations()
        self._injections = Injections(seed, [operation.name for operation in operations])
        self._front = Front(
            now=self._now,
            clock=self._clock,
            routes=Routes(operations),
            accounts=self._accounts,
            budgets=Budgets(limit, anonymous_limit),
            retry_after=retry_after,
            injections=self._injections,
            log=self._log,
            lock=self._lock,
        )
        self.app: ASGIApp = self._front

    def __repr__(self) -> str:
        return f"<FakeHub seed={self._seed}>"

    @property
    def requests(self) -> list[RequestRecord]:
        """Every request so far, in the order of arrival."""
        with self._lock:
            return self._log.records()

    def count(
        self,
        *,
        operation: str | None = None,
        status: int | None = None,
        account: str | None = None,
        method: str | None = None,
    ) -> int:
        """Count the requests so far that have all of the given properties."""
        with self._lock:
            return self._log.count(operation=operation, status=status, account=account, method=method)

    def inject(
        self,
        fault: Fault,
        *,
        operation: str | None = None,
        method: str | None = None,
        path: str | None = None,
        account: str | None = None,
        after: int = 0,
        times: int | None = 1,
        probability: float | None = None,
    ) -> Injection:
        """Let *fault* happen to requests that have all of the given properties.

        A request meets one fault at most: the first injected whose turn it is. Each counts all requests that fit.

        Args:
            fault: One of those in `hubapi.testing.faults`.
            operation: As in the request log, such as ``"audit_logs.list"``, or a pattern such as ``"scim.*"``.
            method: Such as ``"POST"``.
            path: Such as ``"/v2/auditlogs/acme"``, or a pattern such as ``"/v2/auditlogs/*"``.
            account: Whose bearer token it carries.
            after: How many requests that fit are let through first.
            times: How many it happens to; None for no end.
            probability: How likely it is to happen to each, from 0 to 1; which ones follows from the fake's seed.

        Returns:
            What was injected; its ``matched`` says how many requests it has happened to.

        Raises:
            ValueError: There is no such operation, or a number is out of range.
            TypeError: *fault* is none.

        >>> from hubapi.testing import faults
        >>> fake = FakeHub()
        >>> injected = fake.inject(faults.Drop("after"), method="POST", times=None)
        >>> injected.matched
        0
        """
        injection = Injection(
            fault=fault,
            operation=operation,
            method=method,
            path=path,
            account=account,
            after=after,
            times=times,
            probability=probability,
        )
        with self._lock:
            self._injections.add(injection)
        return injection

    def unmatched_faults(self) -> list[Injection]:
        """Return what was injected and has not happened to any request: a test that ends so has tested nothing.

        Each one's ``str`` names the fault and the requests it waits for.
        """
        with self._lock:
            return self._injections.unmatched()

    def clear_faults(self) -> None:
        """Take back all faults, and forget them: those that have not happened, too."""
        with self._lock:
            self._injections.clear()

    def transport(self, *, address: str = "127.0.0.1") -> httpx.AsyncBaseTransport:
        """Return an httpx transport that answers any URL, in process, on asyncio and trio.

        It waits by the fake's clock, and so does httpx's time-out for reading; the others never end anything.

        Args:
            address: Where requests seem to come from: anonymous ones are limited by address.
        """
        return InProcessTransport(self._front, self._clock, address)

    @asynccontextmanager
    async def serve(self, *, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str]:
        """Serve HTTP from a thread of its own, for as long as the block lasts, on asyncio and trio.

        Args:
            host: The address to listen on.
            port: The port to listen on; 0 is any free one.

        Returns:
            The base URL, such as ``http://127.0.0.1:49152``.

        Raises:
            OSError: The address or port can't be had.
        """
        server = LoopbackServer(self.app, host, port)
        server.start()
        try:
            yield server.url
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(server.stop)

    @contextmanager
    def serve_in_thread(self, *, host: str = "127.0.0.1", port: int = 0) -> Generator[str]:
        """Do as `serve` does, for code that isn't async."""
        server = LoopbackServer(self.app, host, port)
        server.start()
        try:
            yield server.url
        finally:
            server.stop()
