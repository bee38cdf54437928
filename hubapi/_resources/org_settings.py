"""Settings of an organisation."""

from attrs import frozen

from hubapi._generated.endpoints import org_settings as endpoints
from hubapi._generated.models.org_settings import (
    OrgSettings,
    RestrictedImages,
    UpdateOrgSettingsRequest,
    UpdateRestrictedImages,
)
from hubapi._operation import Client


@frozen
class OrgSettingsGroup:
    """The settings of organisations that the hub is logged in as an owner of.

    Source: https://docs.docker.com/reference/api/hub/latest/#tag/org-settings
    """

    _client: Client

    async def get(self, org: str) -> OrgSettings:
        """Return an organisation's settings.

        Args:
            org: The organisation's name.

        Raises:
            Forbidden: the login may not see them.
            NotFound: there is no such organisation.

        Example:
            >>> async def is_restricted(hub):
            ...     images = (await hub.org_settings.get("acme")).restricted_images
            ...     return images is not None and images.enabled

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/org-settings/paths/~1v2~1orgs~1{name}~1settings/get
        """
        return await endpoints.get(self._client, org)

    async def update(self, org: str, restricted_images: RestrictedImages | UpdateRestrictedImages) -> OrgSettings:
        """Change which images the organisation's members may use. Takes effect on a business plan only.

        Args:
            org: The organisation's name.
            restricted_images: All three switches; the server takes no fewer. One that is None counts as false.

        Raises:
            Forbidden: the login is no owner.
            NotFound: there is no such organisation.

        Example:
            >>> from hubapi.models import RestrictedImages
            >>> only_official = RestrictedImages(
            ...     enabled=True, allow_official_images=True, allow_verified_publishers=False
            ... )
            >>> async def restrict(hub):
            ...     return await hub.org_settings.update("acme", only_official)

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/org-settings/paths/~1v2~1orgs~1{name}~1settings/put
        """
        switches = UpdateRestrictedImages(
            enabled=bool(restricted_images.enabled),
            allow_official_images=bool(restricted_images.allow_official_images),
            allow_verified_publishers=bool(restricted_images.allow_verified_publishers),
        )
        return await endpoints.update(self._client, org, UpdateOrgSettingsRequest(restricted_images=switches))
