"""The async Python client for the Docker Hub API.

::

    from hubapi import AsyncHub, Password

    async with AsyncHub(Password("moby", password)) as hub:
        async for event in hub.audit_logs.list("acme"):
            print(event.timestamp, event.actor, event.action)
"""

from hubapi._lazy import attach

TYPE_CHECKING = False  # as type checkers know it: importing `typing` would be most of what `import hubapi` costs

if TYPE_CHECKING:
    from hubapi._auth.file_token_store import FileTokenStore as FileTokenStore
    from hubapi._auth.token_store import MemoryTokenStore as MemoryTokenStore
    from hubapi._auth.token_store import StoredToken as StoredToken
    from hubapi._auth.token_store import TokenStore as TokenStore
    from hubapi._client import AsyncHub as AsyncHub
    from hubapi._client import Settings as Settings
    from hubapi._codec.wire import UNSET as UNSET
    from hubapi._codec.wire import UnsetType as UnsetType
    from hubapi._pagination.paginator import Paginator as Paginator
    from hubapi._pipeline.hooks import AttemptEvent as AttemptEvent
    from hubapi._pipeline.hooks import AttemptRequest as AttemptRequest
    from hubapi._pipeline.hooks import AttemptResponse as AttemptResponse
    from hubapi._pipeline.hooks import CallNext as CallNext
    from hubapi._pipeline.hooks import Event as Event
    from hubapi._pipeline.hooks import Middleware as Middleware
    from hubapi._pipeline.hooks import PauseEvent as PauseEvent
    from hubapi._pipeline.hooks import RetryEvent as RetryEvent
    from hubapi._pipeline.hooks import TokenEvent as TokenEvent
    from hubapi._pipeline.retry import RetryPolicy as RetryPolicy
    from hubapi._pipeline.session import Options as Options
    from hubapi._rate_limit.headers import RateLimit as RateLimit
    from hubapi._rate_limit.limiter import RateLimiter as RateLimiter
    from hubapi._transport.fast import FastTransport as FastTransport
    from hubapi._transport.transport import Limits as Limits
    from hubapi._transport.transport import Request as Request
    from hubapi._transport.transport import Response as Response
    from hubapi._transport.transport import Transport as Transport
    from hubapi._version import __version__ as __version__
    from hubapi.credentials import Anonymous as Anonymous
    from hubapi.credentials import Credentials as Credentials
    from hubapi.credentials import OrgAccessToken as OrgAccessToken
    from hubapi.credentials import Password as Password
    from hubapi.credentials import PersonalAccessToken as PersonalAccessToken
    from hubapi.credentials import StaticToken as StaticToken
    from hubapi.credentials import Totp as Totp
    from hubapi.errors import AccountLocked as AccountLocked
    from hubapi.errors import AuthenticationError as AuthenticationError
    from hubapi.errors import BadRequest as BadRequest
    from hubapi.errors import Blocked as Blocked
    from hubapi.errors import ConfigurationError as ConfigurationError
    from hubapi.errors import Conflict as Conflict
    from hubapi.errors import DeadlineExceeded as DeadlineExceeded
    from hubapi.errors import DecodeError as DecodeError
    from hubapi.errors import Forbidden as Forbidden
    from hubapi.errors import HubError as HubError
    from hubapi.errors import NoResponseError as NoResponseError
    from hubapi.errors import NotFound as NotFound
    from hubapi.errors import NotSentError as NotSentError
    from hubapi.errors import RateLimited as RateLimited
    from hubapi.errors import ServerError as ServerError
    from hubapi.errors import StatusError as StatusError
    from hubapi.errors import TransportError as TransportError
    from hubapi.errors import TwoFactorRequired as TwoFactorRequired
    from hubapi.errors import Unauthorized as Unauthorized
    from hubapi.errors import UnsafeLinkError as UnsafeLinkError

_get, _names = attach(
    __name__,
    {
        "hubapi._rate_limit.limiter": "RateLimiter",
        "hubapi._pipeline.hooks": (
            "AttemptEvent AttemptRequest AttemptResponse CallNext Event Middleware PauseEvent RetryEvent TokenEvent"
        ),
        "hubapi._rate_limit.headers": "RateLimit",
        "hubapi._pagination.paginator": "Paginator",
        "hubapi._pipeline.session": "Options",
        "hubapi._pipeline.retry": "RetryPolicy",
        "hubapi._codec.wire": "UNSET UnsetType",
        "hubapi._auth.file_token_store": "FileTokenStore",
        "hubapi._auth.token_store": "MemoryTokenStore StoredToken TokenStore",
        "hubapi._client": "AsyncHub Settings",
        "hubapi._transport.transport": "Limits Request Response Transport",
        "hubapi._transport.fast": "FastTransport",
        "hubapi._version": "__version__",
        "hubapi.credentials": "Anonymous Credentials OrgAccessToken Password PersonalAccessToken StaticToken Totp",
        "hubapi.errors": (
            "AccountLocked AuthenticationError BadRequest Blocked ConfigurationError Conflict DeadlineExceeded "
            "DecodeError Forbidden HubError NoResponseError NotFound NotSentError RateLimited ServerError StatusError "
            "TransportError TwoFactorRequired Unauthorized UnsafeLinkError"
        ),
    },
)


def __getattr__(name: str) -> object:
    return _get(name)


def __dir__() -> list[str]:
    return _names()
