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
    """The options of a call; they hold for the logins that it causes, too.

    Args:
        deadline_s: Seconds a whole call may take, waits included; None for no deadline.
        retry: How often and how long it is repeated.
        concurrency: How many requests may be in flight at once.
    """

    deadline_s: float | None = None
    retry: RetryPolicy = RetryPolicy()
    concurrency: int = 32


class Counters(Struct):
    """The work of a client and its clones so far."""

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
        authentication: The token of each kind of operation.
        clock: The source of time.
        token_store: Keeps tokens between hubs and processes.
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
        """Return a session of other credentials: it shares everything but the login and the rate limit.

        Raises:
            ConfigurationError: the SCIM token holds what no token holds.
        """
        authentication = authenticate(
            credentials, scim_token, base_url=self.base_url, clock=self.clock, store=self.token_store
        )
        limiter = RateLimiter(self.limiter.window_s, self.clock)
        return evolve(self, authentication=authentication, limiter=limiter)
