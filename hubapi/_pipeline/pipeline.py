"""The pipeline: for each operation it makes a `Call`, runs it, and returns or raises its result."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import anyio
from attrs import define, field

from hubapi._operation import Operation
from hubapi._pipeline.call import Call
from hubapi._pipeline.result import Failure
from hubapi._pipeline.session import Options, Session
from hubapi._secret import Secret
from hubapi._transport.transport import Response
from hubapi.credentials import Credentials
from hubapi.errors import HubError

T = TypeVar("T")

_captures: ContextVar[tuple[list[Response], ...]] = ContextVar("hubapi captures", default=())


@contextmanager
def capture_response() -> Generator[list[Response]]:
    """Capture the last response of the calls that succeed inside the block, and in the tasks that it starts."""
    last: list[Response] = []
    token = _captures.set((*_captures.get(), last))
    try:
        yield last
    finally:
        _captures.reset(token)


@define(eq=False, repr=False)
class Pipeline:
    """Sends operations: the `hubapi._operation.Client` of the generated endpoint functions.

    Args:
        session: The state that all calls of a client share.
        options: The options of its calls.
    """

    session: Session
    options: Options = field(factory=Options)
    _slots: anyio.Semaphore | None = field(default=None, init=False)

    def with_options(self, options: Options) -> "Pipeline":
        """Return a pipeline that shares everything but its options."""
        return Pipeline(self.session, options)

    def with_credentials(self, credentials: Credentials, scim_token: Secret | None = None) -> "Pipeline":
        """Return a pipeline with other credentials, and so with its own login and rate limit.

        Raises:
            ConfigurationError: the SCIM token is invalid.
        """
        return Pipeline(self.session.with_credentials(credentials, scim_token), self.options)

    async def send(self, operation: Operation[T], /) -> T:
        """Send an operation and return its result.

        Raises:
            HubError: the call failed.
        """
        result, _ = await self.send_with_response(operation)
        return result

    async def send_with_response(self, operation: Operation[T]) -> tuple[T, Response]:
        """Send an operation and return its result, and the response that it was decoded from.

        Raises:
            HubError: the call failed.
        """
        session = self.session
        slots = self._slots = self._slots or anyio.Semaphore(self.options.concurrency)
        provider = session.authentication.providers.get(operation.auth)
        call = Call(
            session=session,
            operation=operation,
            options=self.options,
            slots=slots,
            provider=provider,
            limiter=session.limiter,
            identity=provider,
        )
        try:
            result = await call.run()
            if isinstance(result, Failure):
                raise result.error
        except HubError as error:
            error.operation = error.operation or operation.id
            error.attempts = error.attempts or call.attempts
            raise
        for last in _captures.get():
            last[:] = [result.response]
        return result.value, result.response
