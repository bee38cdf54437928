"""The async Python client for the Docker Hub API.

::

    from hubapi import AsyncHub, Password

    async with AsyncHub(Password("moby", password)) as hub:
        async for event in hub.audit_logs.list("acme"):
            print(event.timestamp, event.actor, event.action)
"""

from hubapi._core.lazy import attach

TYPE_CHECKING = False  # as type checkers know it: importing `typing` would be most of what `import hubapi` costs

if TYPE_CHECKING:
    from hubapi._core.gate import Gate as Gate
    from hubapi._core.headers import RateLimit as RateLimit
    from hubapi._core.hooks import AttemptAnswer as AttemptAnswer
    from hubapi._core.hooks import AttemptEvent as AttemptEvent
    from hubapi._core.hooks import AttemptRequest as AttemptRequest
    from hubapi._core.hooks import CallNext as CallNext
    from hubapi._core.hooks import Event as Event
    from hubapi._core.hooks import Middleware as Middleware
    from hubapi._core.hooks import PauseEvent as PauseEvent
    from hubapi._core.hooks import RetryEvent as RetryEvent
    from hubapi._core.hooks import TokenEvent as TokenEvent
    from hubapi._core.paging import Paginator as Paginator
    from hubapi._core.pipeline import Options as Options
    from hubapi._core.retry import RetryPolicy as RetryPolicy
    from hubapi._core.token_files import FileTokenStore as FileTokenStore
    from hubapi._core.token_store import MemoryTokenStore as MemoryTokenStore
    from hubapi._core.token_store import StoredToken as StoredToken
    from hubapi._core.token_store import TokenStore as TokenStore
    from hubapi._core.wire import UNSET as UNSET
    from hubapi._core.wire import UnsetType as UnsetType
    from hubapi._hub import AsyncHub as AsyncHub
    from hubapi._hub import Settings as Settings
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
    from hubapi.errors import NoAnswerError as NoAnswerError
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
        "hubapi._core.gate": "Gate",
        "hubapi._core.hooks": (
            "AttemptAnswer AttemptEvent AttemptRequest CallNext Event Middleware PauseEvent RetryEvent TokenEvent"
        ),
        "hubapi._core.headers": "RateLimit",
        "hubapi._core.paging": "Paginator",
        "hubapi._core.pipeline": "Options",
        "hubapi._core.retry": "RetryPolicy",
        "hubapi._core.wire": "UNSET UnsetType",
        "hubapi._core.token_files": "FileTokenStore",
        "hubapi._core.token_store": "MemoryTokenStore StoredToken TokenStore",
        "hubapi._hub": "AsyncHub Settings",
        "hubapi._version": "__version__",
        "hubapi.credentials": "Anonymous Credentials OrgAccessToken Password PersonalAccessToken StaticToken Totp",
        "hubapi.errors": (
            "AccountLocked AuthenticationError BadRequest Blocked ConfigurationError Conflict DeadlineExceeded "
            "DecodeError Forbidden HubError NoAnswerError NotFound NotSentError RateLimited ServerError StatusError "
            "TransportError TwoFactorRequired Unauthorized UnsafeLinkError"
        ),
    },
)


def __getattr__(name: str) -> object:
    return _get(name)


def __dir__() -> list[str]:
    return _names()
