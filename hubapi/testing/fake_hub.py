"""An in-memory Docker Hub."""

import json
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from random import Random
from threading import Lock
from typing import Any, get_args

import anyio.to_thread
import httpx
from starlette.types import ASGIApp

from hubapi._core.clock import Clock, SystemClock

from ._accounts import Accounts, LoginPolicy
from ._audit_events import encode_event, event_id, generate_events
from ._audit_logs import AuditLogs
from ._front import Front
from ._limits import Budgets, RateLimit, RetryAfter
from ._login import login_operations
from ._repositories import Repositories, Repository
from ._request_log import RequestLog, RequestRecord
from ._routes import Routes
from ._serve import InProcessTransport, LoopbackServer
from ._tags import generate_tag, tag_name
from ._timestamps import from_datetime, from_seconds

__all__ = ["FakeHub"]

_DEFAULT_HISTORY = timedelta(days=90)  # how far back the real log goes
_STRANGERS = ["octavia", "reinhard", "sanna"]
_HOUR_NS = 3600 * 10**9


class FakeHub:
    """An in-memory Docker Hub for tests and demonstrations, with the real server's manners.

    It is an ASGI application (`app`): reach it in process through `transport`, or over HTTP on loopback with
    `serve`. Everything it makes up follows from *seed*. All methods may be called while it serves,
    from any thread. Where the real server's ways are not known it takes the simplest: ``from`` and ``to``
    of the audit log are both inclusive.

    Args:
        seed: What generated events, tags and tokens follow from.
        clock: Where time comes from (only ``clock.time()`` is used); the system's clock by default, or a
            `VirtualClock`.
        skew_s: Seconds by which the server's clock is ahead of *clock*.
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
        limit: RateLimit = RateLimit(limit=600),  # noqa: B008 - frozen
        anonymous_limit: RateLimit = RateLimit(limit=180),  # noqa: B008 - frozen
        retry_after: RetryAfter = "x-retry-after-epoch",
        token_lifetime_s: int = 600,
        max_failed_logins: int = 5,
        lockout_s: float = 600.0,
    ) -> None:
        if retry_after not in get_args(RetryAfter):
            raise ValueError(f"retry_after is {retry_after!r}, not one of {', '.join(get_args(RetryAfter))}")
        self._seed = seed
        self._clock = clock or SystemClock()
        self._skew_s = skew_s
        self._lock = Lock()
        self._log = RequestLog()
        self._accounts = Accounts(seed, LoginPolicy(token_lifetime_s, max_failed_logins, lockout_s))
        self._audit_logs = AuditLogs(self._accounts)
        self._repositories = Repositories(self._accounts)
        self._added = Random(f"{seed}/added events")  # noqa: S311 - meant to repeat
        self.app: ASGIApp = Front(
            now=self._now,
            routes=Routes(
                [
                    *login_operations(self._accounts),
                    *self._audit_logs.operations(),
                    *self._repositories.operations(),
                ]
            ),
            accounts=self._accounts,
            budgets=Budgets(limit, anonymous_limit),
            retry_after=retry_after,
            log=self._log,
            lock=self._lock,
        )

    def __repr__(self) -> str:
        return f"<FakeHub seed={self._seed}>"

    def add_user(
        self,
        name: str,
        *,
        password: str | None = None,
        tokens: Iterable[str] = (),
        totp_secret: str | None = None,
    ) -> None:
        """Add a user, who signs in with *password* or with any of the personal access *tokens*.

        Args:
            name: The Docker ID.
            password: The password, if there is one.
            tokens: Personal access tokens.
            totp_secret: The key of the authenticator app, in base32, of a user who has two-factor authentication:
                the login then asks whoever gives the password for a code. It takes the present one, and the ones
                before and after; a wrong one is a failed login. Tokens need no code.

        Raises:
            ValueError: The name is taken, *totp_secret* is no base32 or is too short, or it comes without a
                *password*.
        """
        secrets = [*tokens] if password is None else [password, *tokens]
        with self._lock:
            if totp_secret is not None and password is None:
                raise ValueError("a second factor goes with a password: give one")
            self._accounts.add(name, secrets)
            if totp_secret is not None and password is not None:
                self._accounts.add_second_factor(name, password, totp_secret)

    def add_org(
        self,
        name: str,
        *,
        owners: Iterable[str] = (),
        tokens: Iterable[str] = (),
        events: int = 0,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> None:
        """Add an organisation, and audit events for it to have had.

        Args:
            name: The organisation's name.
            owners: Users, added before, who may read its audit log and its private repositories.
            tokens: Organisation access tokens: they only work on ``/v2/auth/token``.
            events: How many audit events to make up; the same ones for the same seed, name, owners and times.
                Some share their timestamp with the one before.
            since: The earliest they may be; 90 days before *until* by default. Aware.
            until: All are before this; the server's present by default. Aware.

        Raises:
            ValueError: The name is taken, an owner is unknown, a time is naive, or *since* is not before
                *until*.
        """
        owners = list(owners)
        until_ns = from_seconds(self._now()) if until is None else from_datetime(until)
        history_ns = _DEFAULT_HISTORY // timedelta(microseconds=1) * 1000
        since_ns = until_ns - history_ns if since is None else from_datetime(since)
        if since_ns >= until_ns:
            raise ValueError(f"since ({since}) is not before until ({until})")
        made_up = generate_events(
            name,
            events,
            since_ns=since_ns,
            until_ns=until_ns,
            people=[*owners, *_STRANGERS],
            random=Random(f"{self._seed}/{name}"),  # noqa: S311 - meant to repeat
        )
        with self._lock:
            self._accounts.add(name, tokens, owners)
            self._audit_logs.of(name).add(made_up)

    def add_event(
        self,
        account: str,
        action: str = "repo.tag.push",
        *,
        name: str | None = None,
        actor: str = "octavia",
        data: Mapping[str, Any] | None = None,
        description: str = "",
        at: datetime | None = None,
    ) -> str:
        """Add one audit event to a user's or an organisation's log, at its head unless *at* is in the past.

        Args:
            account: Whose log.
            action: Such as ``"repo.tag.push"``.
            name: What it is about; ``"<account>/service"`` by default.
            actor: Who did it.
            data: What else is known of it, if anything; must be fit for JSON.
            description: One sentence about it.
            at: When it happened; the server's present by default. Aware.

        Returns:
            The new event's ``event_id``.

        Raises:
            KeyError: There is no such account.
            ValueError: *at* is naive.
        """
        with self._lock:
            identifier = event_id(self._added)
            event = encode_event(
                account,
                time_ns=from_seconds(self._now()) if at is None else from_datetime(at),
                action=action,
                name=f"{account}/service" if name is None else name,
                actor=actor,
                data=data or {},
                description=description,
                identifier=identifier,
            )
            self._audit_logs.of(account).add([event])
        return identifier

    def add_repository(
        self, namespace: str, name: str, *, tags: int | Iterable[str] = 1, private: bool = False
    ) -> None:
        """Add a repository; its namespace need not be an account.

        Args:
            namespace: Such as ``"library"``.
            name: Such as ``"python"``.
            tags: The tags' names, as listed (newest first), or how many to make up: ``latest``, then
                versions.
            private: Whether only the namespace's owners see it; others are told that there is no such thing.

        Raises:
            ValueError: There already is such a repository.
        """
        names = [tag_name(number) for number in range(tags)] if isinstance(tags, int) else list(tags)
        random = Random(f"{self._seed}/{namespace}/{name}")  # noqa: S311 - meant to repeat
        repository = Repository(private=private)
        updated_ns = from_seconds(self._now())
        for tag in names:
            updated_ns -= random.randrange(_HOUR_NS)
            repository.tags[tag] = generate_tag(tag, owner=namespace, updated_ns=updated_ns, random=random)
        with self._lock:
            self._repositories.add(namespace, name, repository)

    def revoke_tokens(self) -> None:
        """Make every bearer token handed out so far worthless, whatever its expiry says."""
        with self._lock:
            self._accounts.revoke_tokens()

    def raw_events(self, account: str) -> list[bytes]:
        """Return all audit events of *account*, newest first, each in the bytes it is served as.

        Raises:
            KeyError: There is no such account.
        """
        with self._lock:
            return self._audit_logs.of(account).newest_first()

    def events(self, account: str) -> list[dict[str, Any]]:
        """Return all audit events of *account*, newest first, as `raw_events` does, but decoded."""
        return [json.loads(raw) for raw in self.raw_events(account)]

    def event_ids(self, account: str) -> list[str]:
        """Return the ``event_id`` of all audit events of *account*, newest first."""
        return [event["event_id"] for event in self.events(account)]

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

    def transport(self, *, address: str = "127.0.0.1") -> httpx.AsyncBaseTransport:
        """Return an httpx transport that answers any URL, in process, on asyncio and trio.

        Args:
            address: Where requests seem to come from: anonymous ones are limited by address.
        """
        return InProcessTransport(self.app, client=(address, 0))

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

    def _now(self) -> float:
        return self._clock.time() + self._skew_s
