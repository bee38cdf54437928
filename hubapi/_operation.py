"""One API call as a plain value, and the protocol of the clients that send it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

from msgspec import Struct, UnsetType

T = TypeVar("T")

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


class Client(Protocol):
    """Anything that sends operations. The endpoint functions take one."""

    async def send(self, operation: Operation[T], /) -> T:
        """Send an operation and return its result."""
        ...
