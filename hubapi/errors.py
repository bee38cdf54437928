"""Everything that can go wrong, as one tree.

::

    HubError                    .operation .request_id .attempts .cursor
    ├── ConfigurationError      found before any I/O
    ├── AuthenticationError     a login was refused; it is never retried
    │   ├── TwoFactorRequired   the account needs a second factor
    │   └── AccountLocked       too many failed logins: locked for ten minutes
    ├── TransportError
    │   ├── NotSentError        nothing reached the server: safe to repeat
    │   ├── NoResponseError       the server may have done the work
    │   └── DeadlineExceeded    the call's time is up
    ├── StatusError             .status .code .message .details .headers .body
    │   ├── BadRequest          400
    │   ├── Unauthorized        401
    │   ├── Forbidden           403
    │   ├── NotFound            404
    │   ├── Conflict            409
    │   ├── Blocked             a 403 that is not JSON: a firewall, not the API
    │   ├── ServerError         500 and above
    │   └── RateLimited         429: .retry_at .retry_after .limit .remaining
    ├── DecodeError             .path .expected
    └── UnsafeLinkError         a link that leads off the server: not followed

All of them pickle and copy, and none holds a secret. As any exceptions, two are equal only if they are one and the
same: a copy, pickled or not, is another error with the same attributes.
"""

import re
from collections.abc import Mapping
from datetime import datetime

_SHOWN = 300  # characters of the server's own words that a message repeats
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+")


class HubError(Exception):
    """Whatever failed.

    Attributes:
        operation: The operation's name, such as `audit_logs.list`.
        request_id: The server's own name for the request, where it gave one.
        attempts: How often it was sent.
        cursor: Where to resume a walk over pages, where there was one.
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
        """What went wrong, without the operation's name."""
        return str(self.args[0]) if self.args else type(self).__name__

    def __str__(self) -> str:
        return f"{self.operation}: {self.reason}" if self.operation else self.reason


class ConfigurationError(HubError):
    """What was asked for can't work; found before anything was sent."""


class AuthenticationError(HubError):
    """A login was refused. It is not repeated: failed logins lock an account (D26)."""


class TwoFactorRequired(AuthenticationError):
    """The account has two-factor authentication, and the credentials bring no second factor."""


class AccountLocked(AuthenticationError):
    """The server refuses the account for ten minutes, after too many failed logins (D26)."""


class TransportError(HubError):
    """No answer came."""


class NotSentError(TransportError):
    """Nothing reached the server; repeating is safe."""


class NoResponseError(TransportError):
    """The request went out and no whole answer came; the server may have done the work."""


class DeadlineExceeded(TransportError):
    """The time given to the call was up before an answer came."""


class StatusError(HubError):
    """The server answered with an error.

    Attributes:
        status: The HTTP status.
        code: The server's own code, where it gave one.
        message: The server's words, or the status's meaning.
        details: Whatever else the body said.
        headers: The answer's headers, names in lower case, without cookies.
        body: The body as it came; empty for a login, and where a token stands in it.
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
    """400: the server does not understand what was asked."""


class Unauthorized(StatusError):
    """401: the bearer is missing or no longer good, and a fresh one did not help."""


class Forbidden(StatusError):
    """403: these credentials may not do this."""


class NotFound(StatusError):
    """404: there is no such thing, or these credentials may not see it."""


class Conflict(StatusError):
    """409: it already exists, or has changed."""


class Blocked(StatusError):
    """A 403 that is not JSON: something in front of the API refuses this client or address (D10)."""


class ServerError(StatusError):
    """500 and above: the server failed."""


class RateLimited(StatusError):
    """429, and the wait is longer than allowed.

    Attributes:
        retry_at: When the server would accept a request again.
        retry_after: The seconds until then, at the time of the answer.
        limit: Requests the window allows.
        remaining: Requests left in it.
    """

    retry_at: datetime | None = None
    retry_after: float | None = None
    limit: int | None = None
    remaining: int | None = None


class DecodeError(HubError):
    """The server's answer could not be read.

    Attributes:
        path: Where in the answer, such as `$.logs[3].timestamp`.
        expected: What should have stood there.
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
    """The server gave a link that leads away from it; nothing was sent there."""


STATUS_ERRORS: Mapping[int, type[StatusError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}


def shorten(text: str) -> str:
    """Return the server's words on one line, no longer than a message should be, without what moves a terminal."""
    line = _CONTROL.sub(" ", text[: 10 * _SHOWN]).strip()
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
