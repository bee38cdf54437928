"""Repositories and their tags."""

from attrs import frozen

from hubapi._core.operation import Client
from hubapi._core.paging import Paginator, by_link
from hubapi._generated.endpoints import repositories as endpoints
from hubapi._generated.models.repositories import PaginatedTags, Tag
from hubapi.errors import NotFound


@frozen
class Repositories:
    """Tags of any repository that the hub may read; public ones without credentials.

    Source: https://docs.docker.com/reference/api/hub/latest/#tag/repositories
    """

    _client: Client
    _base_url: str

    def list_tags(self, namespace: str, repository: str, *, page_size: int = 100) -> Paginator[Tag]:
        """List a repository's tags. A namespace that does not exist lists nothing (D17).

        Args:
            namespace: The user or organisation; `library` for official images.
            repository: The repository's name.
            page_size: Tags a request, 1 to 100.

        Example:
            >>> async def names(hub):
            ...     return [tag.name async for tag in hub.repositories.list_tags("library", "python")]
        """

        async def call(client: Client) -> PaginatedTags:
            return await endpoints.list_tags(client, namespace, repository, page_size=page_size)

        fetch = by_link(
            self._client, self._base_url, call, lambda page: page.results, lambda page: page.next, page_size=page_size
        )
        return Paginator("repositories.list_tags", fetch)

    async def has_tags(self, namespace: str, repository: str) -> bool:
        """Return whether a repository has any tag.

        Args:
            namespace: The user or organisation.
            repository: The repository's name.

        Raises:
            Forbidden: the login may not see it.
        """
        try:
            await endpoints.has_tags(self._client, namespace, repository)
        except NotFound:
            return False
        return True

    async def get_tag(self, namespace: str, repository: str, tag: str) -> Tag:
        """Return one tag with its images.

        Args:
            namespace: The user or organisation.
            repository: The repository's name.
            tag: The tag's name.

        Raises:
            NotFound: there is no such tag, or the login may not see it.
        """
        return await endpoints.get_tag(self._client, namespace, repository, tag)

    async def has_tag(self, namespace: str, repository: str, tag: str) -> bool:
        """Return whether a tag exists.

        Args:
            namespace: The user or organisation.
            repository: The repository's name.
            tag: The tag's name.

        Raises:
            Forbidden: the login may not see it.
        """
        try:
            await endpoints.has_tag(self._client, namespace, repository, tag)
        except NotFound:
            return False
        return True
