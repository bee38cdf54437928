"""The likely cause in the message of a 403: the kind of credentials."""

from typing import Any

import pytest

from hubapi import (
    Anonymous,
    AsyncHub,
    Credentials,
    Forbidden,
    NotFound,
    OrgAccessToken,
    Password,
    PersonalAccessToken,
    StaticToken,
)
from tests.pipeline.scripted import Script, json

pytestmark = pytest.mark.anyio

LOGIN = json({"token": "a.b.c", "access_token": "a.b.c"})
REFUSED = json({"message": "forbidden", "errinfo": {}}, 403)


@pytest.mark.parametrize(
    ("credentials", "cause"),
    [
        (Password("moby", "canary"), "moby may lack permission"),
        (
            PersonalAccessToken("moby", "canary"),
            r"personal access token, which some routes refuse: use .* for audit logs, otherwise",
        ),
        (PersonalAccessToken("moby", "canary", exchange=True), r"which some routes refuse: use Password\(…\)"),
        (OrgAccessToken("acme", "canary"), "acme is logged in with an organisation access token"),
    ],
)
async def test_a_403_names_the_kind_of_credentials(credentials: Credentials, cause: str) -> None:
    """And what to do about it, but never the secret (D18)."""
    hub = AsyncHub(credentials, transport=Script([LOGIN, REFUSED]))

    with pytest.raises(Forbidden, match=f"^audit_logs.actions: 403 forbidden. Likely cause: .*{cause}") as caught:
        await hub.audit_logs.actions("acme")

    assert "canary" not in str(caught.value)
    assert "forbidden" == caught.value.message


async def test_a_static_token_may_lack_the_right() -> None:
    """Its origin is not known."""
    hub = AsyncHub(StaticToken("a.b.c"), transport=Script([REFUSED]))

    with pytest.raises(Forbidden, match="the token may lack permission"):
        await hub.audit_logs.actions("acme")


async def test_an_anonymous_hub_is_named() -> None:
    """Public routes refuse access to private repositories."""
    hub = AsyncHub(Anonymous(), transport=Script([REFUSED]))

    with pytest.raises(Forbidden, match="this hub is anonymous"):
        await hub.repositories.get_tag("moby", "secret", "latest")


async def test_a_refused_scim_token_is_named() -> None:
    """It is independent of the hub's credentials."""
    hub = AsyncHub(Password("moby", "x"), scim_token="canary", transport=Script([json({"detail": "no"}, 403)]))

    with pytest.raises(Forbidden, match=r"403 no\. Likely cause: the SCIM token"):
        await hub.scim.get_user("1")


@pytest.mark.parametrize("status", [404, 409])
async def test_other_statuses_have_no_likely_cause(status: int) -> None:
    """They don't depend on the kind of credentials."""
    hub = AsyncHub(StaticToken("a.b.c"), transport=Script([json({"message": "no"}, status)]))
    errors: Any = Exception

    with pytest.raises(errors) as caught:
        await hub.audit_logs.actions("acme")

    assert f"audit_logs.actions: {status} no" == str(caught.value)
    assert (status == 404) == isinstance(caught.value, NotFound)
