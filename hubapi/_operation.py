"""One API call as a plain value, and the protocol of the clients that send it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar, cast

from msgspec import Struct, UnsetType
from msgspec.structs import replace

T = TypeVar("T")
R = TypeVar("R")

Auth: TypeAlias = Literal["none", "optional", "bearer", "scim"]
"""The token to send: none, the hub's if it has credentials (`optional`), the hub's (`bearer`), or the SCIM token."""

Argument: TypeAlias = str | int | float | bool | datetime | Sequence[str] | None | UnsetType


class Operation(Struct, Generic[T], frozen=True, kw_only=True):
    """One call of one route.

    `path` is a template for `path_values`, each of which is percent-encoded on its own. Query and header arguments that
    are unset or None are not sent. `link`, a path and query from the server, replaces `path` and `query`. The repr
    never shows the body, because a login's contains a password.
    """

    id: str
    method: str
    path: str
    path_values: Mapping[str, str | int] = {}
    query: Mapping[str, Argument] = {}
    headers: Mapping[str, Argument] = {}
    body: object = None
    media_type: str = "application/json"
    result: type[T]
    auth: Auth = "bearer"
    repeatable: bool = False
    link: str | None = None

    def __repr__(self) -> str:
        return f"Operation({self.id}: {self.method} {self.path})"

    @property
    def idempotent(self) -> bool:
        """Whether sending it twice has the same effect as sending it once (RFC 9110, 9.2.2, or `repeatable`)."""
        return self.repeatable or self.method in {"GET", "HEAD", "PUT", "DELETE"}

    def with_result(self, result: type[R]) -> "Operation[R]":
        """Return the same operation with a result of another type."""
        return cast("Operation[R]", replace(self, result=result))


class Client(Protocol):
    """Anything that sends operations. The endpoint functions take one."""

    async def send(self, operation: Operation[T], /) -> T:
        """Send an operation and return its result."""
        ...


class _BuiltError(Exception):
    """Carries an operation out of the endpoint function that built it."""

    def __init__(self, operation: Operation[Any]) -> None:
        self.operation = operation


class _Builder:
    async def send(self, operation: Operation[T], /) -> T:
        raise _BuiltError(operation)


async def operation_of(call: Callable[[Client], Awaitable[T]]) -> Operation[T]:
    """Return the operation that an endpoint function sends, without sending it.

    For callers that also need the response, such as a login or an export.

    Args:
        call: Calls the endpoint function with the client that it is given.

    Raises:
        TypeError: it did not call an endpoint function.
    """
    try:
        await call(_Builder())
    except _BuiltError as built:
        return built.operation
    raise TypeError("not a call of an endpoint function: it sent nothing")
