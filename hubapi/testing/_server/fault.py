"""The interface of a fault: it receives one request, and decides what becomes of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

from attrs import field, frozen
from starlette.datastructures import QueryParams
from starlette.responses import Response

from hubapi.testing._server.delivery import Delivery


class Process(Protocol):
    """Processes a request."""

    def __call__(self, query: QueryParams | None = None, /) -> Delivery:
        """Return the response to the request, or to the same request with another *query*."""
        ...


@frozen
class Exchange:
    """One request, as a fault receives it.

    Attributes:
        now: The server's time, in seconds since the epoch.
        method: Such as `GET`.
        path: Such as `/v2/auditlogs/acme`.
        account: The account whose bearer token it carries.
        operation: Such as `audit_logs.list`; `unknown` if there is no such route.
        url: Absolute, as the client addressed it, without the query.
        query: The query.
        process: Processes the request, and returns the right response.
        error_response: Makes an error in the shape of the route, if that is not the shape of most routes.
    """

    now: float
    method: str
    path: str
    account: str | None
    operation: str
    url: str
    query: QueryParams
    process: Process = field(repr=False)
    error_response: Callable[[str, int], Response] | None = field(default=None, repr=False)


class Fault(ABC):
    """Something that goes wrong with a request: one of those in `hubapi.testing.faults`."""

    @abstractmethod
    def __call__(self, exchange: Exchange) -> Delivery | None:
        """Return the response, after processing the request or without; None leaves the request to other faults."""
