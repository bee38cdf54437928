"""One call: its attempts, its waits, and its result. `retry` makes the decisions."""

import logging
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

import anyio
from msgspec import Struct
from msgspec.structs import replace

from hubapi._auth.login import is_lockout
from hubapi._auth.token import Token
from hubapi._auth.token_source import LOGIN_TIMEOUT_S, TokenProvider
from hubapi._codec.error_body import error_of
from hubapi._codec.request import build_request
from hubapi._codec.response import decode
from hubapi._datetimes import from_epoch, parse_http_date
from hubapi._operation import Auth, Operation
from hubapi._pipeline.hooks import AttemptEvent, PauseEvent, RetryEvent, TokenEvent, log_response
from hubapi._pipeline.lifecycle import closed_during_call
from hubapi._pipeline.result import Failure, Result, Success
from hubapi._pipeline.retry import Attempt, Decision, Fail, Pause, Refresh, Retry, Return, backoff, decide
from hubapi._pipeline.session import Options, Session
from hubapi._rate_limit.headers import parse_retry_after
from hubapi._rate_limit.limiter import Permit, RateLimiter
from hubapi._transport.transport import Request, Response
from hubapi.errors import (
    ConfigurationError,
    DeadlineExceeded,
    DecodeError,
    HubError,
    NotSentError,
    RateLimited,
    StatusError,
    TransportError,
)

T = TypeVar("T")

_log = logging.getLogger("hubapi")


class Call(Struct, Generic[T], eq=False, kw_only=True):
    """One call of one operation.

    Args:
        session: The state that all calls of a client share.
        operation: The operation to send.
        options: The deadline and the retry policy.
        slots: Bounds the requests in flight.
        provider: The source of its token; None to send it without a token.
        limiter: The rate limiter; None for a login, which does not count towards an account's limit.
        identity: Requests of different identities never share a connection.
    """

    session: Session
    operation: Operation[T]
    options: Options
    slots: anyio.Semaphore | None = None
    provider: TokenProvider | None = None
    limiter: RateLimiter | None = None
    identity: Hashable = None
    attempts: int = 0
    _deadline: float = float("inf")  # on the monotonic clock
    _refreshed: bool = False
    _maybe_processed: bool = False  # an earlier attempt may have been processed

    def __repr__(self) -> str:
        return f"Call({self.operation.id})"

    async def run(self) -> Result[T]:
        """Return the call's result, a success or a failure.

        Raises:
            HubError: nothing was sent, the deadline passed, or the client was closed.
        """
        with self.session.lifecycle.call():
            try:
                seconds = self.options.deadline_s
                return await (self._run() if seconds is None else self._run_within(seconds))
            finally:
                self.session.budget.earn()
        raise closed_during_call(self.operation.id)

    async def _run_within(self, seconds: float) -> Result[T]:
        clock = self.session.clock
        self._deadline = clock.monotonic() + seconds
        with clock.move_on_after(seconds):
            return await self._run()
        raise DeadlineExceeded(
            f"no response within the deadline of {seconds:g} s", operation=self.operation.id, attempts=self.attempts
        )

    async def _run(self) -> Result[T]:
        request = self._request()
        while True:
            result = await self._attempt(request)
            match self._decide(result):
                case Return() | Fail():
                    return result
                case Refresh():
                    self._refreshed = True
                case Pause(wait_s):
                    await self._pause(wait_s)
                case Retry(wait_s):
                    if not self.session.budget.spend():
                        return result
                    await self._back_off(result, wait_s)

    def _decide(self, result: Result[T]) -> Decision:
        attempt = Attempt(
            number=self.attempts,
            idempotent=self.operation.idempotent,
            can_refresh=isinstance(result, Failure) and self._reject_token(result),
            left_s=self._deadline - self.session.clock.monotonic(),
        )
        return decide(result.outcome, attempt, self.options.retry)

    def _request(self) -> Request:
        session, operation = self.session, self.operation
        if self.provider is None and operation.auth not in {"none", "optional"}:
            raise ConfigurationError(_no_credentials(operation.auth))
        return build_request(
            session.base_url, operation, session.user_agent, limits=session.limits, identity=self.identity
        )

    def _reject_token(self, failure: Failure) -> bool:
        """Drop the token that a 401 refused; return whether to try once more with another."""
        refused = failure.response is not None and failure.response.status == 401
        if not refused or failure.token is None or self.provider is None or self._refreshed:
            return False
        return self.provider.reject(failure.token)

    # --- one attempt

    async def _attempt(self, request: Request) -> Result[T]:
        if self.limiter is None:
            sent = await self._send(request)
            return self._read(sent, None, self._asked_wait(sent))
        max_wait_s = self.options.retry.max_retry_after_s
        with await self.limiter.acquire(max_wait_s=max_wait_s, deadline=self._deadline) as permit:
            token = await self.provider.token(self._send_login_step) if self.provider else None
            if token is not None:
                request = replace(request, bearer=token.secret)
            sent = await self._send(request, permit)
            wait_s = self._asked_wait(sent)
            # A 401 reports the limit of the client's address: the server recognised no account.
            if isinstance(sent, Response) and sent.status != 401:
                permit.update(sent.headers, wait_s)
        return self._read(sent, token, wait_s)

    async def _send(self, request: Request, permit: Permit | None = None) -> Response | TransportError:
        """Send once, within the concurrency limit."""
        slots = self.slots
        if slots is not None:
            if slots.value:
                slots.acquire_nowait()  # `acquire` would yield to the event loop
            else:
                await slots.acquire()
        try:
            return await self._send_through_hooks(request, permit)
        except NotSentError as error:
            if permit is not None:
                permit.mark_unsent()
            return error
        except TransportError as error:
            return error
        finally:
            if slots is not None:
                slots.release()

    async def _send_through_hooks(self, request: Request, permit: Permit | None) -> Response:
        session, operation = self.session, self.operation.id
        session.counters.requests += 1
        self.attempts += 1
        if permit is not None:
            permit.mark_sent()
        began = session.clock.monotonic()
        status: int | None = None
        try:
            response = await session.hooks.send(request, operation, self.attempts, session.exchange)
            status = response.status
        finally:
            seconds = session.clock.monotonic() - began
            if session.hooks.on_event is not None:
                session.hooks.emit(
                    AttemptEvent(operation=operation, attempt=self.attempts, status=status, seconds=seconds)
                )
        log_response(operation, self.attempts, seconds, request, response)
        return response

    def _asked_wait(self, response: Response | TransportError) -> float | None:
        """Return the seconds that a 429 asks to wait; None for a lock-out and any other response.

        For a 429 without a wait it is a second and a random part, so that many callers do not retry together.
        """
        if not isinstance(response, Response) or response.status != 429 or is_lockout(response):
            return None
        now = self.limiter.server_time() if self.limiter else self.session.clock.time()
        seconds = parse_retry_after(response.headers, now)
        return backoff(1, self.options.retry) + 1.0 if seconds is None else seconds

    def _read(self, sent: Response | TransportError, token: Token | None, wait_s: float | None) -> Result[T]:
        """Return the result of an attempt: the decoded response, or the failure."""
        if isinstance(sent, TransportError):
            return Failure(error=sent)
        if sent.status == 404 and self.operation.method == "DELETE" and self._maybe_processed:
            # An earlier attempt may have deleted it.
            sent = Response(status=204, headers=sent.headers, content=b"")
        if sent.status >= 300:
            return Failure(error=self._status_error(sent, wait_s), response=sent, token=token, wait_s=wait_s)
        try:
            return Success(value=decode(sent, self.operation), response=sent)
        except DecodeError as error:
            return Failure(error=error.with_traceback(None), response=sent)

    def _status_error(self, response: Response, wait_s: float | None) -> StatusError:
        if wait_s is None:
            hint = self.session.authentication.hints.get(self.operation.auth, "")
            likely_cause = f". Likely cause: {hint}" if hint and response.status == 403 else ""
            return error_of(response, self.operation, likely_cause)
        server_now = parse_http_date(response.headers.get("date"))
        retry_at = from_epoch((self.session.clock.time() if server_now is None else server_now) + wait_s)
        until = f" (until {retry_at:%Y-%m-%d %H:%M:%S} UTC)" if retry_at else ""
        error = error_of(
            response, self.operation, f": the server asks to wait {wait_s:.0f} s{until}, longer than allowed"
        )
        if isinstance(error, RateLimited):
            error.retry_after, error.retry_at = wait_s, retry_at
            state = self.limiter.state if self.limiter else None
            error.limit, error.remaining = (state.limit, state.remaining) if state else (None, None)
        return error

    # --- waits

    async def _pause(self, wait_s: float) -> None:
        """Wait as long as a 429 asks. The attempt does not count."""
        session, operation = self.session, self.operation.id
        session.counters.rate_limited += 1
        _log.info("%s: rate limited; the server asks to wait %.1f s", operation, wait_s)
        session.hooks.emit(PauseEvent(operation=operation, attempt=self.attempts, status=429, seconds=wait_s))
        self.attempts -= 1
        if self.limiter is None:  # otherwise the limiter waits, on behalf of all calls
            await session.clock.sleep(max(1.0, wait_s))  # the time that the server asks for may have passed

    async def _back_off(self, result: Result[T], wait_s: float) -> None:
        """Wait before the next attempt."""
        session, operation = self.session, self.operation.id
        error = result.error if isinstance(result, Failure) else None
        self._maybe_processed = self._maybe_processed or not isinstance(error, NotSentError)
        session.counters.retries += 1
        _log.info("%s: attempt %d failed (%s); again in %.1f s", operation, self.attempts, error, wait_s)
        status = error.status if isinstance(error, StatusError) else None
        session.hooks.emit(RetryEvent(operation=operation, attempt=self.attempts, status=status, seconds=wait_s))
        await session.clock.sleep(wait_s)

    # --- a login

    async def _send_login_step(self, operation: Operation[Any]) -> Response:
        """Send a step of a login, with this call's options, and return its response: a success, or the API's refusal.

        Raises:
            HubError: there was no response, the server failed, or it asks for too long a wait.
        """
        session = self.session
        session.counters.logins += 1
        options = replace(self.options, deadline_s=LOGIN_TIMEOUT_S)
        login: Call[Any] = Call(session=session, operation=operation, options=options, identity=self.identity)
        began = session.clock.monotonic()
        status: int | None = None
        try:
            result = await login.run()
            status = result.outcome.status
            match result:
                case Success(response=response):
                    pass
                case Failure(response=Response() as response, wait_s=None) if response.status < 500:
                    pass
                case Failure(error=failure):
                    raise failure
        except HubError as error:
            error.operation, error.attempts = error.operation or operation.id, error.attempts or login.attempts
            raise
        finally:
            seconds = session.clock.monotonic() - began
            session.hooks.emit(
                TokenEvent(operation=operation.id, attempt=login.attempts, status=status, seconds=seconds)
            )
        return response


def _no_credentials(auth: Auth) -> str:
    if auth == "scim":
        return "the SCIM routes take their own token: give AsyncHub(scim_token=), or set HUBAPI_SCIM_TOKEN"
    return (
        "this operation needs credentials: give AsyncHub(credentials), for example PersonalAccessToken(username, token)"
    )
