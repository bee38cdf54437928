"""The state that a client and its clones share."""

from attrs import define, evolve, field
from msgspec import Struct

from hubapi._auth.schemes import Authentication, authenticate
from hubapi._auth.token_store import TokenStore
from hubapi._clock import Clock
from hubapi._pipeline.hooks import Hooks
from hubapi._pipeline.lifecycle import Lifecycle
from hubapi._pipeline.retry import RetryBudget, RetryPolicy
from hubapi._rate_limit.limiter import RateLimiter
from hubapi._secret import Secret
from hubapi._transport.exchange import exchange
from hubapi._transport.transport import Limits, Request, Response, Transport
from hubapi.credentials import Credentials


class Options(Struct, frozen=True, kw_only=True):
    """The options of a call, which also apply to the logins that it makes.

    Args:
        deadline_s: Seconds that a whole call may take, including waits; None for no deadline.
        retry: The limits on repeating it.
        concurrency: The maximum number of requests in flight.

    Example:
        >>> settings = Settings(options=Options(deadline_s=30.0, concurrency=8))
    """

    deadline_s: float | None = None
    retry: RetryPolicy = RetryPolicy()
    concurrency: int = 32


class Counters(Struct):
    """The work of a client and its clones so far.

    Attributes:
        requests: Requests sent, including retries and logins.
        rate_limited: 429s after which a call waited.
        retries: Attempts repeated after a failure.
        logins: Login steps sent.
    """

    requests: int = 0
    rate_limited: int = 0
    retries: int = 0
    logins: int = 0


@define(eq=False, repr=False, kw_only=True)
class Session:
    """The state that a client and its clones share.

    Args:
        base_url: Scheme, host and path of the API.
        user_agent: The `User-Agent` header.
        transport: Sends requests.
        limits: Time and size limits of an exchange.
        limiter: Keeps requests within the account's rate limit.
        authentication: The token provider for each kind of operation.
        clock: The source of time.
        token_store: Shares tokens between hubs and processes.
        hooks: Middleware and events.
    """

    base_url: str
    user_agent: str
    transport: Transport
    limits: Limits
    limiter: RateLimiter
    authentication: Authentication
    clock: Clock
    token_store: TokenStore | None = None
    hooks: Hooks = field(factory=Hooks)
    counters: Counters = field(factory=Counters)
    budget: RetryBudget = field(factory=RetryBudget)
    lifecycle: Lifecycle

    async def exchange(self, request: Request) -> Response:
        """Send a request once."""
        return await exchange(self.transport, request)

    def with_credentials(self, credentials: Credentials, scim_token: Secret | None) -> "Session":
        """Return a session with other credentials, which shares everything except the login and the rate limit.

        Raises:
            ConfigurationError: the SCIM token is invalid.
        """
        authentication = authenticate(
            credentials, scim_token, base_url=self.base_url, clock=self.clock, store=self.token_store
        )
        limiter = RateLimiter(self.limiter.window_s, self.clock)
        return evolve(self, authentication=authentication, limiter=limiter)
