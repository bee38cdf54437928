"""All exceptions of the package, as one tree.

::

    HubError                    .operation .request_id .attempts .cursor
    ├── ConfigurationError      found before anything is sent
    ├── AuthenticationError     login refused; never retried
    │   ├── TwoFactorRequired   the account requires a second factor
    │   └── AccountLocked       too many failed logins; locked for ten minutes
    ├── TransportError          no response
    │   ├── NotSentError        the request was not sent: safe to repeat
    │   ├── NoResponseError     the request was sent and may have been processed
    │   └── DeadlineExceeded    the call took longer than its deadline
    ├── StatusError             .status .code .message .details .headers .body
    │   ├── BadRequest          400
    │   ├── Unauthorized        401
    │   ├── Forbidden           403
    │   ├── NotFound            404
    │   ├── Conflict            409
    │   ├── Blocked             403 that is not JSON: from a firewall, not the API
    │   ├── ServerError         500 and above
    │   └── RateLimited         429: .retry_at .retry_after .limit .remaining
    ├── DecodeError             .path .expected
    └── UnsafeLinkError         a link off the server, not followed

All of them can be pickled and copied, and none contains a secret. Like other exceptions, they compare by identity: a
copy has the same attributes, but is not equal to the original.
"""

import re
from collections.abc import Mapping
from datetime import datetime

_MAX_SHOWN = 300  # characters of the server's message that an error's message repeats
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+")


class HubError(Exception):
    """The base class of all errors.

    Attributes:
        operation: The operation's name, such as `audit_logs.list`.
        request_id: The id that the server gave the request, if any.
        attempts: The number of times the request was sent.
        cursor: For a paginated listing, the position to resume it from.
    """

    def __init__(
        self,
        reason: str,
        *,
        operation: str | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        cursor: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.operation = operation
        self.request_id = request_id
        self.attempts = attempts
        self.cursor = cursor

    @property
    def reason(self) -> str:
        """The message without the operation's name."""
        return str(self.args[0]) if self.args else type(self).__name__

    def __str__(self) -> str:
        return f"{self.operation}: {self.reason}" if self.operation else self.reason


class ConfigurationError(HubError):
    """The call, or the hub's configuration, is invalid. Raised before anything is sent."""


class AuthenticationError(HubError):
    """The server refused a login. It is not retried, because failed logins lock an account (D26)."""


class TwoFactorRequired(AuthenticationError):
    """The account has two-factor authentication, and the credentials have no second factor."""


class AccountLocked(AuthenticationError):
    """The account is locked for ten minutes, after too many failed logins (D26)."""


class TransportError(HubError):
    """There is no response."""


class NotSentError(TransportError):
    """The request was not sent. It is safe to repeat."""


class NoResponseError(TransportError):
    """The request was sent, but no complete response was received. The server may have processed it."""


class DeadlineExceeded(TransportError):
    """The call took longer than its deadline."""


class StatusError(HubError):
    """The response has an error status.

    Attributes:
        status: The HTTP status.
        code: The server's error code, if it sent one.
        message: The server's message, or the standard phrase of the status.
        details: The other fields of the body.
        headers: The response's headers, with lower-case names, without cookies.
        body: The body as received; empty for a login, or if it contains a token.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int = 0,
        code: str | None = None,
        message: str = "",
        details: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        operation: str | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        cursor: str | None = None,
    ) -> None:
        super().__init__(reason, operation=operation, request_id=request_id, attempts=attempts, cursor=cursor)
        self.status = status
        self.code = code
        self.message = message
        self.details: dict[str, object] = dict(details or {})
        self.headers: dict[str, str] = dict(headers or {})
        self.body = body


class BadRequest(StatusError):
    """400: the server does not accept the request."""


class Unauthorized(StatusError):
    """401: the token is missing or no longer valid, and a new one did not help."""


class Forbidden(StatusError):
    """403: these credentials don't permit the operation."""


class NotFound(StatusError):
    """404: the resource does not exist, or these credentials may not see it."""


class Conflict(StatusError):
    """409: the resource already exists, or has changed."""


class Blocked(StatusError):
    """403 that is not JSON: a firewall in front of the API refuses this client or address (D10)."""


class ServerError(StatusError):
    """500 and above: the server failed."""


class RateLimited(StatusError):
    """429, and the wait is longer than the call allows.

    Attributes:
        retry_at: The time from which the server accepts requests again.
        retry_after: The seconds until then, from the time of the response.
        limit: The number of requests that the window allows.
        remaining: The number of requests left in it.
    """

    retry_at: datetime | None = None
    retry_after: float | None = None
    limit: int | None = None
    remaining: int | None = None


class DecodeError(HubError):
    """The response can't be read.

    Attributes:
        path: The JSON path of the unreadable value, such as `$.logs[3].timestamp`.
        expected: The kind of value expected there.
    """

    def __init__(
        self,
        reason: str,
        *,
        path: str = "$",
        expected: str = "",
        operation: str | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        cursor: str | None = None,
    ) -> None:
        super().__init__(reason, operation=operation, request_id=request_id, attempts=attempts, cursor=cursor)
        self.path = path
        self.expected = expected


class UnsafeLinkError(HubError):
    """The server sent a link that leads off the server. It was not followed."""


STATUS_ERRORS: Mapping[int, type[StatusError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}


def shorten(text: str) -> str:
    """Return a text of the server on one line, cut to a message's length, without terminal control characters."""
    line = _CONTROL.sub(" ", text[: 10 * _MAX_SHOWN]).strip()
    return line if len(line) <= _MAX_SHOWN else line[: _MAX_SHOWN - 1] + "…"
