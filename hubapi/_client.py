"""AsyncHub, the composition root: the only module that knows every part."""

import copy
import os
import ssl
from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from attrs import field, frozen
from msgspec.structs import replace

from hubapi._auth.schemes import authenticate
from hubapi._auth.token_store import TokenStore
from hubapi._clock import Clock, SystemClock
from hubapi._pipeline.hooks import Event, Hooks, Middleware
from hubapi._pipeline.lifecycle import Lifecycle
from hubapi._pipeline.pipeline import Pipeline
from hubapi._pipeline.session import Counters, Options, Session
from hubapi._rate_limit.headers import RateLimit
from hubapi._rate_limit.limiter import RateLimiter
from hubapi._secret import Secret, optional_secret
from hubapi._transport.httpx import HttpxTransport
from hubapi._transport.proxy import is_loopback
from hubapi._transport.select import AnyTransport, as_transport
from hubapi._transport.transport import Limits
from hubapi._version import __version__
from hubapi.credentials import (
    Anonymous,
    Credentials,
    credentials_from_env,
    scim_token_from_env,
)
from hubapi.errors import ConfigurationError

if TYPE_CHECKING:
    from hubapi._resources.access_tokens import AccessTokens
    from hubapi._resources.audit_logs import AuditLogs
    from hubapi._resources.org_settings import OrgSettingsGroup
    from hubapi._resources.raw import Raw
    from hubapi._resources.repositories import Repositories
    from hubapi._resources.scim import Scim

BASE_URL = "https://hub.docker.com"


@frozen(kw_only=True)
class Settings:
    """The settings of a hub and its clones.

    Args:
        options: The options of its calls; `with_options` changes them for some.
        connect_s: Seconds to establish a connection, including name lookup, proxy and TLS handshake.
        read_s: Seconds that may pass without a byte being sent or received.
        max_response_bytes: The largest response body in bytes, both as received and decoded. A larger success raises a
            `DecodeError`, and the rest of it is not read.
        ssl_context: Verifies servers; None for the certificates of `SSL_CERT_FILE` or `SSL_CERT_DIR`, or else
            certifi's. Add a client certificate with `ssl_context.load_cert_chain(file)`.
        proxy: The URL of a proxy for all requests, such as `http://user:password@proxy:3128` or, with
            `pip install httpx[socks]`, `socks5://proxy`. None for the one that `HTTPS_PROXY`, `HTTP_PROXY` or
            `ALL_PROXY` sets, unless `NO_PROXY` exempts the host or it is this machine.
        window_s: The length of the server's rate-limit window in seconds; Docker Hub's is a minute.
        user_agent: The `User-Agent` header. Docker's firewall refuses those of some libraries (D10).
        allow_http: Allow `http://` to hosts other than this machine. Tokens are then sent unencrypted.
        middleware: Wraps every attempt: an async callable that takes the request, without its token and body, and the
            callable that sends it. It may add headers, measure, or raise.
        on_event: Called with each event: attempts, retries, pauses, logins. Its first exception is logged, and none
            stops a call.

    Example:
        >>> async def traced(request, call_next):
        ...     return await call_next(request.with_headers({"traceparent": "00-0af7651916cd43dd-b7ad6b71-01"}))
        >>> settings = Settings(middleware=traced, on_event=print)

    Raises:
        ConfigurationError: a value is invalid.
    """

    options: Options = field(factory=Options)
    connect_s: float = 10.0
    read_s: float = 60.0
    max_response_bytes: int = 64 << 20
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    proxy: Secret | None = field(default=None, converter=optional_secret)
    window_s: float = 60.0
    user_agent: str = f"hubapi/{__version__}"
    allow_http: bool = False
    middleware: Middleware | None = None
    on_event: Callable[[Event], object] | None = None

    def __attrs_post_init__(self) -> None:
        if self.proxy is None:  # otherwise a traceback would show its password, a local of the generated `__init__`
            _check(self)


class AsyncHub:
    """An async client of the Docker Hub API.

    It logs in when first needed, refreshes its token, keeps within the rate limit and waits out a 429. Open one, keep
    it, and share it among the tasks of one event loop.

    Args:
        credentials: How to authenticate; without credentials the hub reads public repositories.
        scim_token: The token of the SCIM routes, which accept no other.
        base_url: The API's base URL.
        transport: A transport of httpx or httpx2, or an object with the methods of `Transport`. You close it.
        limiter: The rate limiter of another hub of the same account, to share it.
        token_store: Keeps tokens for other hubs and processes of the same credentials and base URL, such as
            `FileTokenStore(directory)`.
        settings: Settings other than the defaults.
        clock: The source of time, for tests.

    Raises:
        ConfigurationError: an argument is invalid.

    Example:
        >>> async def main():
        ...     async with AsyncHub(PersonalAccessToken("moby", "dckr_pat_example")) as hub:
        ...         return await hub.repositories.has_tag("library", "python", "3.13")
    """

    def __init__(
        self,
        credentials: Credentials | None = None,
        *,
        scim_token: str | Secret | None = None,
        base_url: str = BASE_URL,
        transport: AnyTransport | None = None,
        limiter: RateLimiter | None = None,
        token_store: TokenStore | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        scim_token = optional_secret(scim_token)  # at once: a traceback shows this frame's locals
        settings = settings or Settings()
        _check(settings)
        clock = clock or SystemClock()
        base_url = _checked(base_url, allow_http=settings.allow_http)
        session = Session(
            base_url=base_url,
            user_agent=settings.user_agent,
            transport=HttpxTransport(ssl_context=settings.ssl_context, proxy=settings.proxy)
            if transport is None
            else as_transport(transport),
            limits=Limits(
                connect_s=settings.connect_s, read_s=settings.read_s, max_response_bytes=settings.max_response_bytes
            ),
            limiter=limiter or RateLimiter(settings.window_s, clock),
            authentication=authenticate(
                credentials or Anonymous(), scim_token, base_url=base_url, clock=clock, store=token_store
            ),
            clock=clock,
            token_store=token_store,
            hooks=Hooks(settings.middleware, settings.on_event),
            lifecycle=Lifecycle(clock),
        )
        self._pipeline = Pipeline(session, settings.options)

    # A group is loaded at its first use: defining its models takes longer than creating the hub.

    @cached_property
    def access_tokens(self) -> "AccessTokens":
        """Personal access tokens of the hub's user."""
        from hubapi._resources.access_tokens import AccessTokens  # noqa: PLC0415

        return AccessTokens(self._pipeline, self._pipeline.session.base_url)

    @cached_property
    def audit_logs(self) -> "AuditLogs":
        """Audit logs: to list, to follow and to export in bulk."""
        from hubapi._resources.audit_logs import AuditLogs  # noqa: PLC0415

        return AuditLogs(self._pipeline)

    @cached_property
    def org_settings(self) -> "OrgSettingsGroup":
        """Settings of organisations."""
        from hubapi._resources.org_settings import OrgSettingsGroup  # noqa: PLC0415

        return OrgSettingsGroup(self._pipeline)

    @cached_property
    def repositories(self) -> "Repositories":
        """Repositories and their tags."""
        from hubapi._resources.repositories import Repositories  # noqa: PLC0415

        return Repositories(self._pipeline, self._pipeline.session.base_url)

    @cached_property
    def scim(self) -> "Scim":
        """Users provisioned by an identity provider."""
        from hubapi._resources.scim import Scim  # noqa: PLC0415

        return Scim(self._pipeline)

    @cached_property
    def raw(self) -> "Raw":
        """Any route, and the response with a method's result."""
        from hubapi._resources.raw import Raw  # noqa: PLC0415

        return Raw(self._pipeline)

    @classmethod
    def from_env(cls, **options: Any) -> Self:
        """Make a hub from environment variables.

        Reads `HUBAPI_USERNAME` with `HUBAPI_PASSWORD` or `HUBAPI_TOKEN`, or `HUBAPI_ORG` with `HUBAPI_ORG_TOKEN`; and
        `HUBAPI_SCIM_TOKEN`, `HUBAPI_BASE_URL`.

        Args:
            **options: Other arguments of `AsyncHub`.

        Raises:
            ConfigurationError: half of a pair is missing, more than one login is set, or a value is invalid.
        """
        options.setdefault("scim_token", scim_token_from_env())
        options.setdefault("base_url", os.environ.get("HUBAPI_BASE_URL") or BASE_URL)
        return cls(credentials_from_env(), **options)

    @property
    def rate_limit(self) -> RateLimit | None:
        """The rate limit as the last response reported it; None before the first."""
        return self._pipeline.session.limiter.state

    @property
    def limiter(self) -> RateLimiter:
        """The rate limiter; give it to another hub of the same account to share it."""
        return self._pipeline.session.limiter

    @property
    def counters(self) -> Counters:
        """The work of this hub and its clones so far."""
        return self._pipeline.session.counters

    def with_options(
        self,
        *,
        deadline: float | None = None,
        max_attempts: int | None = None,
        max_retry_after: float | None = None,
        concurrency: int | None = None,
    ) -> "AsyncHub":
        """Return a clone with other options; it shares the connections, the token and the rate limiter.

        Args:
            deadline: Seconds that a whole call may take, including waits.
            max_attempts: The maximum number of times a call is sent; 429s don't count.
            max_retry_after: The longest wait, in seconds, that the server may ask for.
            concurrency: The maximum number of requests of the clone in flight.

        Example:
            >>> quick = AsyncHub().with_options(deadline=2.0, max_attempts=2)
        """
        old = self._pipeline.options
        retry = replace(
            old.retry,
            max_attempts=old.retry.max_attempts if max_attempts is None else max_attempts,
            max_retry_after_s=old.retry.max_retry_after_s if max_retry_after is None else max_retry_after,
        )
        options = replace(
            old,
            retry=retry,
            deadline_s=old.deadline_s if deadline is None else deadline,
            concurrency=old.concurrency if concurrency is None else concurrency,
        )
        return self._clone(self._pipeline.with_options(options))

    def with_credentials(self, credentials: Credentials, *, scim_token: str | Secret | None = None) -> "AsyncHub":
        """Return a clone with other credentials, and so with its own login and rate limit, on the same transport.

        Args:
            credentials: How the clone authenticates.
            scim_token: The token of the SCIM routes.

        Raises:
            ConfigurationError: an argument is invalid.

        Example:
            >>> async def tags_of_two(hub):
            ...     other = hub.with_credentials(PersonalAccessToken("gordon", "dckr_pat_example"))
            ...     return [await some.repositories.has_tags("moby", "private") for some in (hub, other)]
        """
        scim_token = optional_secret(scim_token)  # at once: a traceback shows this frame's locals
        return self._clone(self._pipeline.with_credentials(credentials, scim_token))

    def _clone(self, pipeline: Pipeline) -> "AsyncHub":
        clone = copy.copy(self)
        vars(clone).clear()  # the cached groups have the other pipeline
        clone._pipeline = pipeline  # noqa: SLF001 - of its own class
        return clone

    async def reauthenticate(self) -> None:
        """Drop the token and any refused login: the next call logs in again."""
        for provider in self._pipeline.session.authentication.providers.values():
            provider.reset()

    async def aclose(self) -> None:
        """End the calls in flight with a `NoResponseError`, and close every connection.

        Its clones are closed too, but not a transport that you passed. It may be called again, even concurrently.

        Raises:
            ConfigurationError: the hub was used in another event loop: close it there.
        """
        session = self._pipeline.session
        await session.lifecycle.close(session.transport.aclose)

    async def __aenter__(self) -> Self:
        self._pipeline.session.lifecycle.enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pipeline.session.lifecycle.leave():
            await self.aclose()

    def __repr__(self) -> str:
        pipeline: Pipeline | None = getattr(self, "_pipeline", None)  # None in a traceback of the constructor
        return f"AsyncHub(base_url={pipeline.session.base_url!r})" if pipeline else "AsyncHub()"


def _check(settings: Settings) -> None:
    for name, kinds in (("connect_s", float), ("read_s", float), ("window_s", float), ("max_response_bytes", int)):
        value: object = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int | kinds) or not value > 0:
            raise ConfigurationError(f"Settings({name}=) is {value!r}: give a number above 0")
    context: object = getattr(settings, "ssl_context")  # noqa: B009 - its actual type, not the declared one
    if not isinstance(context, ssl.SSLContext | None):
        raise ConfigurationError(f"Settings(ssl_context=) is a {type(context).__name__}: give an ssl.SSLContext")


def _checked(base_url: str, *, allow_http: bool) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"base_url is {base_url!r}; give a URL such as {BASE_URL}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError("base_url has a user, a query or a fragment; give scheme, host and path alone")
    if parts.scheme == "http" and not (allow_http or is_loopback(parts.hostname)):
        raise ConfigurationError(
            f"base_url is {base_url!r}: http would send tokens in the clear. Use https, or Settings(allow_http=True)"
        )
    return base_url.rstrip("/")
