"""The result of an attempt: a success with its value, or a failure with its error."""

from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct

from hubapi._auth.token import Token
from hubapi._codec.response import is_garbled
from hubapi._pipeline.retry import Outcome
from hubapi._transport.transport import Response
from hubapi.errors import DecodeError, HubError, NotSentError

T = TypeVar("T")


class Success(Struct, Generic[T], frozen=True, kw_only=True):
    """An attempt that succeeded: the value, and the response that it was decoded from."""

    value: T
    response: Response

    @property
    def outcome(self) -> Outcome:
        """The part that the retry rules need."""
        return Outcome(status=self.response.status)


class Failure(Struct, frozen=True, kw_only=True):
    """An attempt that failed.

    Attributes:
        error: The reason.
        response: The response; None if there was none.
        token: The token that the request carried.
        wait_s: The seconds that a 429 asks to wait.
    """

    error: HubError
    response: Response | None = None
    token: Token | None = None
    wait_s: float | None = None

    @property
    def outcome(self) -> Outcome:
        """The part that the retry rules need."""
        return Outcome(
            status=None if self.response is None else self.response.status,
            sent=not isinstance(self.error, NotSentError),
            readable=not (isinstance(self.error, DecodeError) and is_garbled(self.error)),
            wait_s=self.wait_s,
        )


Result: TypeAlias = Success[T] | Failure
