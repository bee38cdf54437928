"""An in-memory Docker Hub."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import get_args

import anyio.to_thread
import httpx
from starlette.types import ASGIApp

from hubapi._clock import Clock, SystemClock
from hubapi.testing._faults.injections import Injection, Injections
from hubapi.testing._resources import all_routes
from hubapi.testing._server.app import HubApp
from hubapi.testing._server.fault import Fault
from hubapi.testing._server.in_process import InProcessTransport
from hubapi.testing._server.loopback import LoopbackServer
from hubapi.testing._server.rate_limits import RateLimitPolicy, RateLimits, RetryAfter
from hubapi.testing._server.request_log import RequestLog, RequestRecord
from hubapi.testing._server.router import Router
from hubapi.testing._server.sessions import LoginPolicy, Sessions
from hubapi.testing._setup.account_setup import AccountSetup
from hubapi.testing._setup.audit_log_setup import AuditLogSetup
from hubapi.testing._setup.repository_setup import RepositorySetup
from hubapi.testing._setup.state import State


class FakeHub(AccountSetup, AuditLogSetup, RepositorySetup):
    """An in-memory Docker Hub that behaves like the real server, for tests and demonstrations.

    It is an ASGI application (`app`): use it in process through `transport`, or over HTTP on loopback with `serve`.
    All generated data follows from *seed*; `inject` adds faults. All methods may be called while it serves, from any
    thread. If the behaviour of the real server is not known, FakeHub does the simplest: `from` and `to` of an audit
    log are both inclusive.

    Args:
        seed: Determines the generated events, tags and tokens.
        clock: The source of time; the system's clock by default, or a `VirtualClock`.
        skew_s: Seconds by which the server's clock is ahead of *clock*; may be set at any time.
        limit: The rate limit of an account: by default 600 requests in a rolling minute.
        anonymous_limit: The rate limit of an address without a valid token, logins included: by default 180 requests in
            a rolling minute.
        retry_after: The form in which a 429 names the time to retry at: `"x-retry-after-epoch"` (the documented form),
            `"retry-after-epoch"`, `"retry-after-epoch-ms"`, `"retry-after-seconds"`, `"retry-after-date"` or `"none"`.
            It is the time when a request is accepted again, rounded up to whole seconds.
        token_lifetime_s: The lifetime of a bearer token, in whole seconds.
        max_failed_logins: The number of failed logins in a row that locks a name.
        lockout_s: Seconds for which the name stays locked, even with the right password: a 429 that names no time
            (docker/hub-feedback#642, #2201).

    Raises:
        ValueError: *retry_after* is none of the above.

    Example:
        >>> import anyio, httpx
        >>> fake = FakeHub(seed=7)
        >>> fake.add_user("moby", password="hunter2-hunter2")
        >>> fake.add_org("acme", owners=["moby"], events=250)
        >>> async def first_page() -> int:
        ...     async with httpx.AsyncClient(transport=fake.transport(), base_url="http://hub") as client:
        ...         login = {"username": "moby", "password": "hunter2-hunter2"}
        ...         token = (await client.post("/v2/users/login", json=login)).json()["token"]
        ...         response = await client.get("/v2/auditlogs/acme", headers={"authorization": f"Bearer {token}"})
        ...         return len(response.json()["logs"])
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
        self.skew_s = skew_s
        time = self._clock.time
        state = State.empty(seed, lambda: time() + self.skew_s)
        super().__init__(state)
        self._sessions = Sessions(state.accounts, seed, LoginPolicy(token_lifetime_s, max_failed_logins, lockout_s))
        routes = all_routes(state, self._sessions)
        self._injections = Injections(seed, [route.operation for route in routes])
        self._log = RequestLog()
        self._app = HubApp(
            now=state.now,
            clock=self._clock,
            router=Router(routes),
            sessions=self._sessions,
            rate_limits=RateLimits(limit, anonymous_limit),
            retry_after=retry_after,
            apply_faults=self._injections.apply,
            log=self._log,
            lock=state.lock,
        )
        self.app: ASGIApp = self._app

    def __repr__(self) -> str:
        return f"<FakeHub seed={self._state.seed}>"

    @property
    def requests(self) -> list[RequestRecord]:
        """All requests so far, in the order of arrival."""
        with self._state.lock:
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
        with self._state.lock:
            return self._log.count(operation=operation, status=status, account=account, method=method)

    def revoke_tokens(self) -> None:
        """Revoke all bearer tokens issued so far, before they expire."""
        with self._state.lock:
            self._sessions.end_all()

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
        """Apply *fault* to requests that have all of the given properties.

        At most one fault applies to a request: the first injected that is due. Each counts all requests that match.

        Args:
            fault: One of those in `hubapi.testing.faults`.
            operation: As in the request log, such as `"audit_logs.list"`, or a pattern such as `"scim.*"`.
            method: Such as `"POST"`.
            path: Such as `"/v2/auditlogs/acme"`, or a pattern such as `"/v2/auditlogs/*"`.
            account: The account whose bearer token the request carries.
            after: The number of matching requests before the first that the fault applies to.
            times: The number of requests that it applies to; None for no limit.
            probability: The probability that it applies to a request, from 0 to 1; the seed determines to which.

        Returns:
            The injection; its `matched` is the number of requests that the fault has applied to.

        Raises:
            ValueError: There is no such operation, or a number is out of range.
            TypeError: *fault* is not a fault.

        Example:
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
        with self._state.lock:
            self._injections.add(injection)
        return injection

    def unmatched_faults(self) -> list[Injection]:
        """Return the injections whose fault has not applied to any request: a test that ends so has tested nothing.

        The `str` of each describes the fault and the requests that it is meant for.
        """
        with self._state.lock:
            return self._injections.unmatched()

    def clear_faults(self) -> None:
        """Remove all injections, including those that have not applied yet."""
        with self._state.lock:
            self._injections.clear()

    def transport(self, *, address: str = "127.0.0.1") -> httpx.AsyncBaseTransport:
        """Return an httpx transport that responds to any URL, in process, on asyncio and trio.

        Delays are measured by the FakeHub's clock, as is httpx's read timeout; its other timeouts have no effect.

        Args:
            address: The client's address; anonymous requests are limited by address.
        """
        return InProcessTransport(self._app, self._clock, address)

    @asynccontextmanager
    async def serve(self, *, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str]:
        """Serve HTTP from a separate thread until the block ends, on asyncio and trio.

        Args:
            host: The address to listen on.
            port: The port to listen on; 0 is any free one.

        Returns:
            The base URL, such as `http://127.0.0.1:49152`.

        Raises:
            OSError: The address or port is not available.
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
        """Serve as `serve` does, for code that is not async."""
        server = LoopbackServer(self.app, host, port)
        server.start()
        try:
            yield server.url
        finally:
            server.stop()
