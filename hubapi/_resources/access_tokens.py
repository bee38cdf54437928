"""Personal access tokens."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from attrs import frozen

from hubapi._codec.wire import UNSET, UnsetType
from hubapi._generated.endpoints import access_tokens as endpoints
from hubapi._generated.models.access_tokens import (
    AccessToken,
    CreateAccessTokenRequest,
    GetAccessTokensResponse,
    PatchAccessTokenRequest,
)
from hubapi._operation import Client
from hubapi._pagination.paginator import Paginator
from hubapi._pagination.strategies import by_link


@frozen
class AccessTokens:
    """The personal access tokens of the user that the hub is logged in as.

    The server may refuse a login with a personal access token here with 403: log in with the password (D18).

    Source: https://docs.docker.com/reference/api/hub/latest/#tag/access-tokens
    """

    _client: Client
    _base_url: str

    async def create(self, token_label: str, scopes: Sequence[str]) -> AccessToken:
        """Create a token. Only this response contains the secret, in `token`.

        Args:
            token_label: The name, 1 to 100 characters.
            scopes: The permissions: repo:admin, repo:write, repo:read or repo:public_read.

        Raises:
            BadRequest: the server does not accept the label or the scopes.
            Forbidden: the hub is logged in with a personal access token (D18).

        Example:
            >>> async def new_token(hub):
            ...     created = await hub.access_tokens.create("ci", ["repo:read"])
            ...     return created.token

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/access-tokens/paths/~1v2~1access-tokens/post
        """
        body = CreateAccessTokenRequest(token_label=token_label, scopes=builtins.list(scopes))
        return await endpoints.create(self._client, body)

    def list(self, *, page_size: int = 100) -> Paginator[AccessToken]:
        """List the tokens. `token` is empty in each.

        Args:
            page_size: Tokens per request, 1 to 100.

        Raises:
            ConfigurationError: *page_size* is out of range.
            Forbidden: the hub is logged in with a personal access token (D18).

        Example:
            >>> async def unused(hub):
            ...     return [token.token_label async for token in hub.access_tokens.list() if token.last_used is None]

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/access-tokens/paths/~1v2~1access-tokens/get
        """

        async def call(client: Client) -> GetAccessTokensResponse:
            return await endpoints.list(client, page_size=page_size)

        return Paginator("access_tokens.list", by_link(self._client, self._base_url, call, page_size=page_size))

    async def get(self, uuid: str) -> AccessToken:
        """Return one token. Its `token` is empty.

        Args:
            uuid: The token's `uuid`.

        Raises:
            NotFound: no token has this `uuid`.

        Example:
            >>> async def scopes(hub, uuid):
            ...     return (await hub.access_tokens.get(uuid)).scopes

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/access-tokens/paths/~1v2~1access-tokens~1{uuid}/get
        """
        return await endpoints.get(self._client, uuid)

    async def update(
        self, uuid: str, *, token_label: str | UnsetType = UNSET, is_active: bool | UnsetType = UNSET
    ) -> AccessToken:
        """Rename, activate or deactivate a token. Arguments that are not passed leave their value unchanged.

        Args:
            uuid: The token's `uuid`.
            token_label: The new name, 1 to 100 characters.
            is_active: Whether the token can be used.

        Raises:
            BadRequest: the server does not accept the label.
            NotFound: no token has this `uuid`.

        Example:
            >>> async def deactivate(hub, uuid):
            ...     await hub.access_tokens.update(uuid, is_active=False)

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/access-tokens/paths/~1v2~1access-tokens~1{uuid}/patch
        """
        return await endpoints.update(
            self._client, uuid, PatchAccessTokenRequest(token_label=token_label, is_active=is_active)
        )

    async def delete(self, uuid: str) -> None:
        """Delete a token. This can't be undone.

        Args:
            uuid: The token's `uuid`.

        Raises:
            NotFound: no token has this `uuid`.

        Example:
            >>> async def clean_up(hub):
            ...     async for token in hub.access_tokens.list():
            ...         if not token.is_active and token.uuid:
            ...             await hub.access_tokens.delete(token.uuid)

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/access-tokens/paths/~1v2~1access-tokens~1{uuid}/delete
        """
        await endpoints.delete(self._client, uuid)
