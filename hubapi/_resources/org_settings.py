"""Organisation settings."""

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
            Forbidden: these credentials may not read the settings.
            NotFound: the organisation does not exist.

        Example:
            >>> async def is_restricted(hub):
            ...     images = (await hub.org_settings.get("acme")).restricted_images
            ...     return images is not None and images.enabled

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/org-settings/paths/~1v2~1orgs~1{name}~1settings/get
        """
        return await endpoints.get(self._client, org)

    async def update(self, org: str, restricted_images: RestrictedImages | UpdateRestrictedImages) -> OrgSettings:
        """Restrict the images that the organisation's members may use. Only effective with a Business subscription.

        Args:
            org: The organisation's name.
            restricted_images: All three settings, because the server requires them all. None is sent as false.

        Raises:
            Forbidden: the hub is not logged in as an owner.
            NotFound: the organisation does not exist.

        Example:
            >>> from hubapi.models import RestrictedImages
            >>> only_official = RestrictedImages(
            ...     enabled=True, allow_official_images=True, allow_verified_publishers=False
            ... )
            >>> async def restrict(hub):
            ...     return await hub.org_settings.update("acme", only_official)

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/org-settings/paths/~1v2~1orgs~1{name}~1settings/put
        """
        body = UpdateRestrictedImages(
            enabled=bool(restricted_images.enabled),
            allow_official_images=bool(restricted_images.allow_official_images),
            allow_verified_publishers=bool(restricted_images.allow_verified_publishers),
        )
        return await endpoints.update(self._client, org, UpdateOrgSettingsRequest(restricted_images=body))
