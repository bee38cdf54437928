"""The transports that `AsyncHub(transport=)` accepts."""

import sys
from typing import TypeAlias, cast

from attrs import define

from hubapi._transport.httpx import HttpxAdapter, HttpxLike
from hubapi._transport.transport import Request, Response, Transport
from hubapi.errors import ConfigurationError

AnyTransport: TypeAlias = Transport | HttpxLike
"""A transport of httpx or httpx2, or any object with the two methods of `Transport`."""

_LIBRARIES = ("httpx", "httpx2")


def as_transport(given: AnyTransport) -> Transport:
    """Return a caller's transport as a `Transport` whose `aclose` leaves it open: the caller closes it.

    Raises:
        ConfigurationError: it is not a transport.
    """
    if isinstance(given, type):
        raise ConfigurationError(f"transport is the class {given.__name__}: give an instance of it")
    library = _library_of(given, "AsyncBaseTransport")
    if library is not None:
        return HttpxAdapter(cast("HttpxLike", given), sys.modules[library])
    for kind in ("AsyncClient", "Client", "BaseTransport"):
        library = _library_of(given, kind)
        if library is not None:
            raise ConfigurationError(
                f"transport is a {type(given).__name__} of {library}: give an async transport, "
                f"such as {library}.AsyncHTTPTransport()"
            )
    if callable(getattr(given, "send", None)) and callable(getattr(given, "aclose", None)):
        return _Borrowed(cast("Transport", given))
    raise ConfigurationError(
        f"transport is a {type(given).__name__}: give an async transport of httpx or httpx2, "
        "or an object with the methods `send` and `aclose` of the protocol `Transport`"
    )


def _library_of(given: object, kind: str) -> str | None:
    """Return the library whose class *kind* an object is an instance of, without importing a library not in use."""
    for base in type(given).__mro__:
        library = base.__module__.partition(".")[0]
        if base.__name__ == kind and library in _LIBRARIES:
            return library
    return None


@define(eq=False, repr=False)
class _Borrowed:
    transport: Transport

    async def send(self, request: Request, /) -> Response:
        return await self.transport.send(request)

    async def aclose(self) -> None: ...
