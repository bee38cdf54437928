"""Below the operations: any route, and the answer as it came."""

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
    """What a method returned, and the answer it made that of.

    Attributes:
        result: What the method returned.
        status: The HTTP status.
        headers: The headers, names in lower case, without cookies.
        body: The body as it came, which may hold a secret.
        rate_limit: What the answer says of the limit, if anything.
    """

    result: T = field(repr=False)
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    rate_limit: RateLimit | None = None

    def json(self) -> Any:
        """Return the body as plain Python values, unknown keys and all; None where there is none.

        Raises:
            ConfigurationError: it is not JSON.
        """
        try:
            return msgspec.json.decode(self.body) if self.body.strip() else None
        except msgspec.DecodeError:
            problem = "this answer has no JSON: see its body"
        raise ConfigurationError(problem)


@frozen
class Raw:
    """Any route, with the same login, gate and retries; and the answer beside a method's result."""

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
        """Send a request and return the JSON of its answer; None where it has none.

        Args:
            method: Such as `GET`.
            path: The path, percent-encoded, such as `/v2/namespaces/library/repositories`.
            query: The query's arguments; None is not sent.
            body: What to send as JSON.
            auth: Which bearer: `bearer`, `optional`, `scim` or `none`.

        Raises:
            ConfigurationError: the path does not begin with a slash, or climbs; or the body is not fit for JSON.
            DecodeError: the answer is not JSON.
            HubError: whatever else went wrong, as for any operation.

        Example:
            >>> async def stars(hub):
            ...     answer = await hub.raw.request("GET", "/v2/repositories/library/python", auth="optional")
            ...     return answer["star_count"]
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
        """Await a call of any method of a hub, and return its result with the answer it was made of.

        Args:
            call: What the method returned, not awaited yet. Of several requests, the last one's answer is kept.

        Raises:
            ConfigurationError: no request was made, as for what a paginator has already.
            HubError: whatever the call raises.

        Example:
            >>> async def tag_with_unknown_keys(hub):
            ...     answer = await hub.raw.response(hub.repositories.get_tag("library", "python", "3.13"))
            ...     return answer.result.name, answer.json(), answer.headers["date"], answer.rate_limit
        """
        with capture_response() as responses:
            result = await call
        if not responses:
            raise ConfigurationError("this call made no request, so there is no answer to show")
        last = responses[-1]
        reading = read_headers(last.headers)
        limit = reading.rate_limit if reading else None
        return RawResponse(result=result, status=last.status, headers=last.headers, body=last.content, rate_limit=limit)
