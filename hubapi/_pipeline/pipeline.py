"""One call's way: gate, token, attempt, and what to do with the answer. The decisions are made elsewhere."""

import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import anyio
from attrs import define, field
from msgspec import Struct
from msgspec.structs import replace

from hubapi._auth.login import is_lockout
from hubapi._auth.token import Token
from hubapi._auth.token_source import LOGIN_S, Bearer
from hubapi._auth.token_store import TokenStore
from hubapi._clock import Clock
from hubapi._codec.codec import build_request, decode, is_garbled
from hubapi._codec.error_body import error_of
from hubapi._datetimes import from_epoch, parse_http_date
from hubapi._operation import Auth, Operation
from hubapi._pipeline.hooks import AttemptEvent, Hooks, PauseEvent, RetryEvent, TokenEvent, log_answer
from hubapi._pipeline.lifecycle import Life, closed_meanwhile
from hubapi._pipeline.retry import RetryBudget, RetryPolicy, backoff, classify
from hubapi._rate_limit.headers import parse_retry_after
from hubapi._rate_limit.limiter import Passage, RateLimiter
from hubapi._transport.exchange import exchange
from hubapi._transport.transport import Limits, Request, Response, Transport
from hubapi.errors import (
    ConfigurationError,
    DeadlineExceeded,
    DecodeError,
    Forbidden,
    HubError,
    NotSentError,
    RateLimited,
    StatusError,
    TransportError,
)

T = TypeVar("T")

_log = logging.getLogger("hubapi")
_listening: ContextVar[tuple[list[Response], ...]] = ContextVar("hubapi answers", default=())


class Options(Struct, frozen=True, kw_only=True):
    """What may differ from call to call.

    Args:
        deadline_s: Seconds a whole call may take, waits and all; None for as long as it needs.
        retry: How patient it is.
        concurrency: How many requests may be under way at once.
    """

    deadline_s: float | None = None
    retry: RetryPolicy = RetryPolicy()
    concurrency: int = 32


class Counters(Struct):
    """What a hub has done so far."""

    requests: int = 0
    rate_limited: int = 0
    retries: int = 0
    logins: int = 0


@define(eq=False, repr=False)
class Line:
    """What every call of a hub and of its clones shares."""

    base_url: str
    user_agent: str
    transport: Transport
    gate: RateLimiter
    bearers: Mapping[Auth, Bearer]
    clock: Clock
    limits: Limits = Limits()  # noqa: RUF009 - it is frozen
    token_store: TokenStore | None = None
    likely_causes: Mapping[Auth, str] = field(factory=dict[Auth, str])
    hooks: Hooks = field(factory=Hooks)
    counters: Counters = field(factory=Counters)
    budget: RetryBudget = field(factory=RetryBudget)
    life: Life = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.life = Life(self.clock)

    async def exchange(self, request: Request) -> Response:
        """Send a request once."""
        return await exchange(self.transport, request)


@contextmanager
def listen() -> Generator[list[Response]]:
    """Keep the last answer of the calls that succeed inside the block, and in the tasks it starts."""
    responses: list[Response] = []
    token = _listening.set((*_listening.get(), responses))
    try:
        yield responses
    finally:
        _listening.reset(token)


@define(eq=False, repr=False)
class Pipeline:
    """Sends operations: `hubapi._operation.Client`, as the endpoint functions know it."""

    line: Line
    options: Options = field(factory=Options)
    _slots: anyio.Semaphore | None = None

    def with_options(self, options: Options) -> "Pipeline":
        """Return a pipeline that shares everything but its options."""
        return Pipeline(self.line, options)

    async def send(self, operation: Operation[T], /) -> T:
        """Send an operation and return its result.

        Raises:
            HubError: of the kind that fits.
        """
        result, _ = await self.send_and_keep(operation)
        return result

    async def send_and_keep(self, operation: Operation[T]) -> tuple[T, Response]:
        """Send an operation and return its result, and the answer it was read from.

        Raises:
            HubError: of the kind that fits.
        """
        call = _Call(self, operation, self.line.bearers.get(operation.auth), self.line.gate, reads=True)
        try:
            response = await self.deliver(call)
            if response.status >= 300:
                raise self._explained(error_of(response, operation), operation.auth)
            if call.unreadable is not None:
                raise call.unreadable
        except HubError as error:
            error.operation = error.operation or operation.id
            error.attempts = error.attempts or call.attempts
            raise
        for heard in _listening.get():
            heard[:] = [response]
        return call.result, response

    def _explained(self, error: StatusError, auth: Auth) -> StatusError:
        if isinstance(error, Forbidden) and auth in self.line.likely_causes:
            error.args = (f"{error.reason}. Likely cause: {self.line.likely_causes[auth]}",)
        return error

    async def exchange(self, operation: Operation[Any]) -> Response:
        """Send an operation without bearer or gate and return whatever answer comes: a login's way."""
        line = self.line
        line.counters.logins += 1
        options = replace(self.options, deadline_s=LOGIN_S)
        call, began = _Call(self.with_options(options), operation, None, None), line.clock.monotonic()
        status: int | None = None
        try:
            response = await call.pipeline.deliver(call)
            status = response.status
        finally:
            seconds = line.clock.monotonic() - began
            line.hooks.tell(TokenEvent(operation=operation.id, attempt=call.attempts, status=status, seconds=seconds))
        return response

    async def deliver(self, call: "_Call") -> Response:
        """Return the answer that ends a call, a success or not."""
        with self.line.life.call():
            try:
                seconds = self.options.deadline_s
                return await (call.run() if seconds is None else self._in_time(call, seconds))
            finally:
                self.line.budget.earn()
        raise closed_meanwhile(call.operation.id)

    async def _in_time(self, call: "_Call", seconds: float) -> Response:
        call.ends = self.line.clock.monotonic() + seconds
        with self.line.clock.move_on_after(seconds):
            return await call.run()
        raise DeadlineExceeded(
            f"no answer within the {seconds:g} s given to it", operation=call.operation.id, attempts=call.attempts
        )

    async def attempt(self, request: Request, operation: str, number: int, passage: Passage | None = None) -> Response:
        """Send once, within the width and through the middleware."""
        slots = self._slots = self._slots or anyio.Semaphore(self.options.concurrency)
        if slots.value:
            slots.acquire_nowait()  # else it would be a turn of the event loop
        else:
            await slots.acquire()
        line = self.line
        try:
            line.counters.requests += 1
            if passage is not None:
                passage.sending()
            began = line.clock.monotonic()
            status: int | None = None
            try:
                response = await line.hooks.send(request, operation, number, line.exchange)
                status = response.status
            finally:
                seconds = line.clock.monotonic() - began
                if line.hooks.on_event is not None:
                    line.hooks.tell(AttemptEvent(operation=operation, attempt=number, status=status, seconds=seconds))
            log_answer(operation, number, seconds, request, response)
            return response
        finally:
            slots.release()


class _Call(Struct, eq=False):
    """One call, from its first attempt to its last.

    Where it `reads`, the answer is decoded as soon as it is there: half an answer is worth another attempt.
    """

    pipeline: Pipeline
    operation: Operation[Any]
    bearer: Bearer | None
    gate: RateLimiter | None
    reads: bool = False
    ends: float = float("inf")
    attempts: int = 0
    result: Any = None
    unreadable: DecodeError | None = None
    _refreshed: bool = False
    _maybe_done: bool = False  # an earlier attempt may have been processed

    def __repr__(self) -> str:
        return f"_Call({self.operation.id})"

    async def run(self) -> Response:
        """Return the answer that ends the call, a success or not."""
        request = self._request()
        while True:
            self.attempts += 1
            try:
                response, token = await self._attempt(request)
            except RateLimited as error:
                if error.operation is None:  # by the gate, which has let nothing pass
                    self.attempts -= 1
                raise
            except TransportError as error:
                if error.operation is not None:  # a login's, which has had its own attempts
                    raise
                failure: HubError = error
            else:
                match classify(response.status, idempotent=self.operation.idempotent, readable=self._read(response)):
                    case "rate limited" if not is_lockout(response):
                        await self._rate_limited(response)
                        continue
                    case "refresh" if token is not None and not self._refreshed and self._may_renew(token):
                        self._refreshed = True
                        continue
                    case "again":
                        failure = self.unreadable or error_of(response, self.operation)
                    case _:
                        return self._gone_as_asked(response)
            await self._back_off(failure)

    def _request(self) -> Request:
        line, operation = self.pipeline.line, self.operation
        if self.bearer is None and operation.auth not in {"none", "optional"}:
            raise ConfigurationError(_no_bearer(operation.auth))
        return replace(build_request(line.base_url, operation, line.user_agent), limits=line.limits)

    def _read(self, response: Response) -> bool:
        """Decode a success; return False where it was no JSON, or half of it (D10)."""
        self.unreadable = None
        if response.status >= 300 or not self.reads:
            return True
        try:
            self.result = None if self.operation.method == "HEAD" else decode(response, self.operation)
        except DecodeError as error:
            self.unreadable = error.with_traceback(None)
            return not is_garbled(error)
        return True

    def _gone_as_asked(self, response: Response) -> Response:
        """Take a 404 for a success where an earlier attempt of the same DELETE may have done the work."""
        if response.status == 404 and self.operation.method == "DELETE" and self._maybe_done:
            return Response(status=204, headers=response.headers, content=b"")
        return response

    def _may_renew(self, token: Token) -> bool:
        return self.bearer is not None and self.bearer.refused(token)

    async def _attempt(self, request: Request) -> tuple[Response, Token | None]:
        operation = self.operation.id
        if self.gate is None:
            return await self.pipeline.attempt(request, operation, self.attempts), None
        patience_s = self.pipeline.options.retry.max_retry_after_s
        with await self.gate.permit(patience_s=patience_s, ends=self.ends) as passage:
            token = await self.bearer.token() if self.bearer else None
            if token is not None:
                request = replace(request, bearer=token.secret, identity=self.bearer)
            response = await self.pipeline.attempt(request, operation, self.attempts, passage)
            if response.status != 401:  # whose budget is that of the address: the server saw no account
                passage.answered(response.headers, self._asked_to_wait(response))
        return response, token

    def _asked_to_wait(self, response: Response) -> float | None:
        """Return the seconds a 429 asks to wait; a second where it doesn't say, None for any other answer."""
        if response.status != 429:
            return None
        now = self.gate.server_time() if self.gate else self.pipeline.line.clock.time()
        seconds = parse_retry_after(response.headers, now)
        return backoff(1, self.pipeline.options.retry) + 1.0 if seconds is None else seconds

    async def _rate_limited(self, response: Response) -> None:
        """Wait as long as the server asks, or say at once that it is too long. It is not an attempt of this call."""
        line, policy = self.pipeline.line, self.pipeline.options.retry
        line.counters.rate_limited += 1
        seconds = self._asked_to_wait(response) or 0.0
        if seconds > policy.max_retry_after_s or line.clock.monotonic() + seconds > self.ends:
            raise self._too_long(response, seconds)
        _log.info("%s: rate limited; the server asks to wait %.1f s", self.operation.id, seconds)
        line.hooks.tell(PauseEvent(operation=self.operation.id, attempt=self.attempts, status=429, seconds=seconds))
        self.attempts -= 1
        if self.gate is None:
            await line.clock.sleep(max(1.0, seconds))  # the time it names may be past

    def _too_long(self, response: Response, seconds: float) -> HubError:
        error = error_of(response, self.operation)
        if isinstance(error, RateLimited):
            server_now = parse_http_date(response.headers.get("date"))
            now = self.pipeline.line.clock.time() if server_now is None else server_now
            error.retry_after, error.retry_at = seconds, from_epoch(now + seconds)
            state = self.gate.state if self.gate else None
            error.limit, error.remaining = (state.limit, state.remaining) if state else (None, None)
            when = f" (until {error.retry_at:%Y-%m-%d %H:%M:%S} UTC)" if error.retry_at else ""
            error.args = (f"{error.reason}: the server asks to wait {seconds:.0f} s{when}, longer than allowed",)
        error.attempts = self.attempts
        return error

    async def _back_off(self, failure: HubError) -> None:
        """Wait before sending again, or raise what failed where it may not be repeated, or no time or attempt is left.

        What was not sent may always be repeated, anything else only where twice is no more than once.
        """
        line, policy = self.pipeline.line, self.pipeline.options.retry
        seconds = backoff(self.attempts, policy)
        sent = not isinstance(failure, NotSentError)
        if (
            (sent and not self.operation.idempotent)
            or self.attempts >= policy.max_attempts
            or line.clock.monotonic() + seconds > self.ends
            or not line.budget.spend()
        ):
            failure.operation, failure.attempts = self.operation.id, self.attempts
            raise failure
        self._maybe_done = self._maybe_done or sent
        line.counters.retries += 1
        _log.info("%s: attempt %d failed (%s); again in %.1f s", self.operation.id, self.attempts, failure, seconds)
        status = failure.status if isinstance(failure, StatusError) else None
        line.hooks.tell(RetryEvent(operation=self.operation.id, attempt=self.attempts, status=status, seconds=seconds))
        await line.clock.sleep(seconds)


def _no_bearer(auth: Auth) -> str:
    if auth == "scim":
        return "the SCIM routes take their own bearer: give AsyncHub(scim_token=), or set HUBAPI_SCIM_TOKEN"
    return (
        "this operation needs credentials: give AsyncHub(credentials), for example PersonalAccessToken(username, token)"
    )
