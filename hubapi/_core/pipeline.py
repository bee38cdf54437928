"""One call's way: gate, token, attempt, and what to do with the answer. The decisions are made elsewhere."""

import logging
from collections.abc import Mapping
from typing import Any, TypeVar

import anyio
import anyio.lowlevel
from attrs import define, evolve, field, frozen

from hubapi._core.clock import Clock
from hubapi._core.codec import build_request, decode, error_of, is_readable
from hubapi._core.gate import Gate
from hubapi._core.login import is_lockout
from hubapi._core.operation import Auth, Operation
from hubapi._core.retry import RetryPolicy, backoff, classify, parse_date, parse_retry_after, retry_at
from hubapi._core.tokens import Bearer, Token
from hubapi._core.transport import Answer, Request, Transport
from hubapi.errors import ConfigurationError, DeadlineExceeded, HubError, NotSentError, RateLimited, TransportError

T = TypeVar("T")

_log = logging.getLogger("hubapi")


@frozen(kw_only=True)
class Options:
    """What may differ from call to call.

    Args:
        deadline_s: Seconds a whole call may take, waits and all; None for as long as it needs.
        retry: How patient it is.
        concurrency: How many requests may be under way at once.
    """

    deadline_s: float | None = None
    retry: RetryPolicy = field(factory=RetryPolicy)
    concurrency: int = 32


@define
class Counters:
    """What a hub has done so far."""

    requests: int = 0
    rate_limited: int = 0
    retries: int = 0
    logins: int = 0


@define(eq=False)
class Line:
    """What every call of a hub and of its clones shares."""

    base_url: str
    user_agent: str
    transport: Transport
    gate: Gate
    bearers: Mapping[Auth, Bearer] = field(repr=False)
    clock: Clock
    counters: Counters = field(factory=Counters)
    closed: bool = False
    _loop: object = None

    def check_open(self) -> None:
        """Refuse a call on a closed hub, or from another event loop than the first.

        Raises:
            ConfigurationError: it says which of the two.
        """
        if self.closed:
            raise ConfigurationError("this hub is closed; open another")
        loop = anyio.lowlevel.current_token()
        if self._loop is None:
            self._loop = loop
        elif self._loop != loop:
            raise ConfigurationError("this hub belongs to another event loop; open one in each")


@define(eq=False)
class Pipeline:
    """Sends operations: `hubapi._core.operation.Client`, as the endpoint functions know it."""

    line: Line
    options: Options = field(factory=Options)
    _slots: anyio.CapacityLimiter | None = None

    def with_options(self, options: Options) -> "Pipeline":
        """Return a pipeline that shares everything but its options."""
        return Pipeline(self.line, options)

    async def send(self, operation: Operation[T], /) -> T:
        """Send an operation and return its result.

        Raises:
            HubError: of the kind that fits.
        """
        answer, attempts = await self.deliver(operation, self.line.bearers.get(operation.auth), self.line.gate)
        try:
            if answer.status >= 300:
                raise error_of(answer, operation)
            return decode(answer, operation)
        except HubError as error:
            error.attempts = attempts
            raise

    async def exchange(self, operation: Operation[Any]) -> Answer:
        """Send an operation without bearer or gate and return whatever answer comes: a login's way."""
        self.line.counters.logins += 1
        options = evolve(self.options, deadline_s=60.0)
        answer, _ = await self.with_options(options).deliver(operation, None, None)
        return answer

    async def deliver(self, operation: Operation[Any], bearer: Bearer | None, gate: Gate | None) -> tuple[Answer, int]:
        """Return the answer that ends a call, a success or not, and how often it was sent."""
        self.line.check_open()
        if bearer is None and operation.auth not in {"none", "optional"}:
            raise ConfigurationError(_no_bearer(operation.auth), operation=operation.id)
        call = _Call(self, operation, bearer, gate)
        seconds = self.options.deadline_s
        if seconds is None:
            return await call.run(), call.attempts
        call.ends = self.line.clock.monotonic() + seconds
        with self.line.clock.move_on_after(seconds):
            return await call.run(), call.attempts
        raise DeadlineExceeded(
            f"no answer within the {seconds:g} s given to it", operation=operation.id, attempts=call.attempts
        )

    async def attempt(self, request: Request) -> Answer:
        """Send once, within the width."""
        if self._slots is None:
            self._slots = anyio.CapacityLimiter(self.options.concurrency)
        async with self._slots:
            self.line.counters.requests += 1
            return await self.line.transport.send(request)


@define(eq=False)
class _Call:
    """One call, from its first attempt to its last."""

    pipeline: Pipeline
    operation: Operation[Any]
    bearer: Bearer | None
    gate: Gate | None
    ends: float = float("inf")
    attempts: int = 0
    _refreshed: bool = False

    async def run(self) -> Answer:
        """Return the answer that ends the call, a success or not."""
        line = self.pipeline.line
        request = build_request(line.base_url, self.operation, line.user_agent)
        while True:
            self.attempts += 1
            try:
                answer, token = await self._attempt(request)
            except TransportError as error:
                error.operation, error.attempts = self.operation.id, self.attempts
                if not (isinstance(error, NotSentError) or self.operation.idempotent):
                    raise
                await self._back_off(error)
                continue
            readable = is_readable(answer, self.operation)
            match classify(answer.status, idempotent=self.operation.idempotent, readable=readable):
                case "rate limited" if not is_lockout(answer):
                    await self._rate_limited(answer)
                case "refresh" if token is not None and not self._refreshed and self._may_renew(token):
                    self._refreshed = True
                case "again" if self.attempts < self.pipeline.options.retry.max_attempts:
                    await self._back_off(error_of(answer, self.operation) if answer.status >= 300 else None)
                case _:
                    return answer

    def _may_renew(self, token: Token) -> bool:
        return self.bearer is not None and self.bearer.refused(token)

    async def _attempt(self, request: Request) -> tuple[Answer, Token | None]:
        if self.gate is None:
            answer = await self.pipeline.attempt(request)
            self._note(answer)
            return answer, None
        async with self.gate.permit() as passage:
            token = await self.bearer.token() if self.bearer else None
            answer = await self.pipeline.attempt(evolve(request, bearer=token.secret) if token else request)
            if answer.status != 401:  # whose budget is that of the address: the server saw no account
                passage.answered(answer.headers, self._asked_to_wait(answer))
        self._note(answer)
        return answer, token

    def _asked_to_wait(self, answer: Answer) -> float | None:
        """Return the seconds a 429 asks to wait; a second where it doesn't say, None for any other answer."""
        if answer.status != 429:
            return None
        seconds = parse_retry_after(answer.headers, self.pipeline.line.clock.time())
        return backoff(1, self.pipeline.options.retry) + 1.0 if seconds is None else seconds

    def _note(self, answer: Answer) -> None:
        _log.debug("%s: attempt %d: %d", self.operation.id, self.attempts, answer.status)

    async def _rate_limited(self, answer: Answer) -> None:
        """Wait as long as the server asks, or say at once that it is too long. It is not an attempt of this call."""
        line, policy = self.pipeline.line, self.pipeline.options.retry
        line.counters.rate_limited += 1
        self.attempts -= 1
        seconds = self._asked_to_wait(answer) or 0.0
        if seconds > policy.max_retry_after_s or line.clock.monotonic() + seconds > self.ends:
            raise self._too_long(answer, seconds)
        _log.info("%s: rate limited; the server asks to wait %.1f s", self.operation.id, seconds)
        if self.gate is None:
            await line.clock.sleep(seconds)

    def _too_long(self, answer: Answer, seconds: float) -> HubError:
        error = error_of(answer, self.operation)
        if isinstance(error, RateLimited):
            server_now = parse_date(answer.headers.get("date"))
            now = self.pipeline.line.clock.time() if server_now is None else server_now
            error.retry_after, error.retry_at = seconds, retry_at(seconds, now)
            state = self.gate.state if self.gate else None
            error.limit, error.remaining = (state.limit, state.remaining) if state else (None, None)
            when = f" (until {error.retry_at:%Y-%m-%d %H:%M:%S} UTC)" if error.retry_at else ""
            error.args = (f"{error.reason}: the server asks to wait {seconds:.0f} s{when}, longer than allowed",)
        error.attempts = self.attempts
        return error

    async def _back_off(self, error: HubError | None) -> None:
        """Wait before sending again, or raise what failed where there is no time or no attempt left."""
        line, policy = self.pipeline.line, self.pipeline.options.retry
        seconds = backoff(self.attempts, policy)
        if error and (self.attempts >= policy.max_attempts or line.clock.monotonic() + seconds > self.ends):
            error.attempts = self.attempts
            raise error
        line.counters.retries += 1
        _log.info("%s: attempt %d failed (%s); again in %.1f s", self.operation.id, self.attempts, error, seconds)
        await line.clock.sleep(seconds)


def _no_bearer(auth: Auth) -> str:
    if auth == "scim":
        return "the SCIM routes take their own bearer: give AsyncHub(scim_token=), or set HUBAPI_SCIM_TOKEN"
    return (
        "this operation needs credentials: give AsyncHub(credentials), for example PersonalAccessToken(username, token)"
    )
