"""Repositories and their tags."""

from collections.abc import Awaitable

from attrs import frozen

from hubapi._generated.endpoints import repositories as endpoints
from hubapi._generated.models.repositories import PaginatedTags, Tag
from hubapi._operation import Client, Operation
from hubapi._pagination.paginator import Paginator
from hubapi._pagination.strategies import Page, State, by_link
from hubapi.errors import NotFound


@frozen
class Repositories:
    """Repositories and their tags. Public ones can be read without credentials.

    Source: https://docs.docker.com/reference/api/hub/latest/#tag/repositories
    """

    _client: Client
    _base_url: str

    def list_tags(
        self, namespace: str, repository: str, *, must_exist: bool = False, page_size: int = 100
    ) -> Paginator[Tag]:
        """List a repository's tags, most recently pushed first.

        A tag that was pushed a moment ago may still be missing (D36).

        Args:
            namespace: The user or organisation; `library` for official images.
            repository: The repository's name.
            must_exist: If the list is empty, check that the repository exists, and raise NotFound if not. Without it,
                the server returns an empty list for a namespace that does not exist (D17).
            page_size: Tags per request, 1 to 100.

        Raises:
            ConfigurationError: *page_size* is out of range.
            NotFound: the namespace has no such repository, or these credentials may not see it.

        Example:
            >>> async def names(hub):
            ...     return [tag.name async for tag in hub.repositories.list_tags("library", "python")]

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/repositories/paths/~1v2~1namespaces~1{namespace}~1repositories~1{repository}~1tags/get
        """

        async def call(client: Client) -> PaginatedTags:
            return await endpoints.list_tags(client, namespace, repository, page_size=page_size)

        fetch = by_link(self._client, self._base_url, call, page_size=page_size)

        async def fetch_existing(state: State) -> Page[Tag]:
            page = await fetch(state)
            if not page.items and "link" not in state and not await self.exists(namespace, repository):
                raise NotFound(
                    f"the repository {namespace}/{repository} does not exist, or these credentials may not see it",
                    status=404,
                )
            return page

        return Paginator("repositories.list_tags", fetch_existing if must_exist else fetch)

    async def exists(self, namespace: str, repository: str) -> bool:
        """Return whether a repository exists and these credentials may see it, with or without tags.

        Args:
            namespace: The user or organisation.
            repository: The repository's name.

        Raises:
            Forbidden: these credentials may not see it.

        Example:
            >>> async def is_published(hub):
            ...     return await hub.repositories.exists("moby", "buildkit")

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/repositories/operation/CheckRepository
        """
        # Documented since 2025-09-19; the API description that the endpoints are generated from is older.
        operation = Operation(
            id="repositories.exists",
            method="HEAD",
            path="/v2/namespaces/{namespace}/repositories/{repository}",
            path_values={"namespace": namespace, "repository": repository},
            result=type(None),
            auth="optional",
        )
        return await _exists(self._client.send(operation))

    async def has_tags(self, namespace: str, repository: str) -> bool:
        """Return whether a repository has any tag.

        Args:
            namespace: The user or organisation.
            repository: The repository's name.

        Raises:
            Forbidden: these credentials may not see it.

        Example:
            >>> async def is_empty(hub):
            ...     return not await hub.repositories.has_tags("moby", "buildkit")

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/repositories/paths/~1v2~1namespaces~1{namespace}~1repositories~1{repository}~1tags/head
        """
        return await _exists(endpoints.has_tags(self._client, namespace, repository))

    async def get_tag(self, namespace: str, repository: str, tag: str) -> Tag:
        """Return one tag with its images.

        Args:
            namespace: The user or organisation.
            repository: The repository's name.
            tag: The tag's name.

        Raises:
            NotFound: there is no such tag, or these credentials may not see it.

        Example:
            >>> async def digest(hub):
            ...     return (await hub.repositories.get_tag("library", "python", "3.13")).digest

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/repositories/paths/~1v2~1namespaces~1{namespace}~1repositories~1{repository}~1tags~1{tag}/get
        """
        return await endpoints.get_tag(self._client, namespace, repository, tag)

    async def has_tag(self, namespace: str, repository: str, tag: str) -> bool:
        """Return whether a tag exists.

        Args:
            namespace: The user or organisation.
            repository: The repository's name.
            tag: The tag's name.

        Raises:
            Forbidden: these credentials may not see it.

        Example:
            >>> async def is_released(hub, version):
            ...     return await hub.repositories.has_tag("moby", "buildkit", version)

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/repositories/paths/~1v2~1namespaces~1{namespace}~1repositories~1{repository}~1tags~1{tag}/head
        """
        return await _exists(endpoints.has_tag(self._client, namespace, repository, tag))


async def _exists(head: Awaitable[None]) -> bool:
    """Return whether a HEAD request succeeds. A 403 is raised, because it leaves the question open."""
    try:
        await head
    except NotFound:
        return False
    return True
