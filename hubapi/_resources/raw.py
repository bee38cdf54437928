"""Requests to any route, and the raw response of any method."""

from collections.abc import Awaitable, Mapping
from typing import Any, Generic, TypeVar, cast

import msgspec
from attrs import field, frozen

from hubapi._operation import Argument, Auth, Operation
from hubapi._pipeline.pipeline import Pipeline, capture_response
from hubapi._rate_limit.headers import RateLimit, read_headers
from hubapi.errors import ConfigurationError

T = TypeVar("T")


@frozen(kw_only=True)
class RawResponse(Generic[T]):
    """The result of a method, with the response that it was read from.

    Attributes:
        result: The method's result.
        status: The HTTP status.
        headers: The headers, with lower-case names, without cookies.
        body: The body as received. It may contain a secret.
        rate_limit: The rate limit that the response reports, if any.
    """

    result: T = field(repr=False)
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    rate_limit: RateLimit | None = None

    def json(self) -> Any:
        """Return the body as plain Python values, including unknown keys; None if it is empty.

        Raises:
            ConfigurationError: the body is not JSON.
        """
        try:
            return msgspec.json.decode(self.body) if self.body.strip() else None
        except msgspec.DecodeError:
            problem = "the response is not JSON: read its body instead"
        raise ConfigurationError(problem)


@frozen
class Raw:
    """Requests to any route, with the hub's login, rate limiter and retries; and raw responses of any method."""

    _client: Pipeline

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Argument] | None = None,
        body: object = None,
        auth: Auth = "bearer",
    ) -> Any:
        """Send a request and return the JSON of its response, or None if the response is empty.

        Args:
            method: The HTTP method, such as `GET`.
            path: The path, percent-encoded, such as `/v2/namespaces/library/repositories`.
            query: The query arguments. None is not sent.
            body: The body, sent as JSON.
            auth: The token to send: the hub's (`bearer`), the hub's if it has credentials (`optional`), the SCIM token
                (`scim`) or none (`none`).

        Raises:
            ConfigurationError: the path does not start with a slash, is not percent-encoded or has a `..` segment, or
                JSON can't represent the body.
            DecodeError: the response is not JSON.
            HubError: any other failure, as with other operations.

        Example:
            >>> async def stars(hub):
            ...     repository = await hub.raw.request("GET", "/v2/repositories/library/python", auth="optional")
            ...     return repository["star_count"]
        """
        operation: Operation[Any] = Operation(
            id=f"raw {method.upper()} {path.partition('?')[0]}",
            method=method.upper(),
            path=path.replace("{", "%7B").replace("}", "%7D"),
            query=dict(query or {}),
            body=body,
            result=cast("type[Any]", Any),
            auth=auth,
        )
        return await self._client.send(operation)

    async def response(self, call: Awaitable[T]) -> RawResponse[T]:
        """Await a method call of this hub, and return its result with the response.

        Args:
            call: The method call, not yet awaited. If it makes several requests, the response is the last one.

        Raises:
            ConfigurationError: the call made no request, as when a paginator already has the item.
            HubError: the call's own error.

        Example:
            >>> async def tag_with_unknown_keys(hub):
            ...     response = await hub.raw.response(hub.repositories.get_tag("library", "python", "3.13"))
            ...     return response.result.name, response.json(), response.headers["date"], response.rate_limit
        """
        with capture_response() as responses:
            result = await call
        if not responses:
            raise ConfigurationError("the call made no request, so there is no response: call its method directly")
        last = responses[-1]
        reading = read_headers(last.headers)
        limit = reading.rate_limit if reading else None
        return RawResponse(result=result, status=last.status, headers=last.headers, body=last.content, rate_limit=limit)
