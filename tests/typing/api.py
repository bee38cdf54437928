"""The public API with its expected types; checked by mypy and pyright, never run."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, assert_type

from hubapi import (
    UNSET,
    AsyncHub,
    HubError,
    OrgAccessToken,
    Paginator,
    Password,
    PersonalAccessToken,
    RateLimit,
    UnsetType,
    models,
)
from hubapi.export import ExportReport, Follow
from hubapi.scim import Attribute, Filter, User


async def access_tokens(hub: AsyncHub) -> None:
    tokens = hub.access_tokens
    assert_type(await tokens.create("ci", ["repo:read"]), models.AccessToken)
    assert_type(tokens.list(page_size=10), Paginator[models.AccessToken])
    assert_type(await tokens.get("1"), models.AccessToken)
    assert_type(await tokens.update("1", is_active=False), models.AccessToken)
    await tokens.delete("1")


async def audit_logs(hub: AsyncHub) -> None:
    logs = hub.audit_logs.list("acme")
    assert_type(logs, Paginator[models.AuditLog])
    async for event in logs:
        assert_type(event, models.AuditLog)
        assert_type(event.actor, str | None)
    assert_type(await logs.first(), models.AuditLog | None)
    assert_type(await logs.collect(limit=5), list[models.AuditLog])
    assert_type(await hub.audit_logs.actions("acme"), models.GetAuditActionsResponse)
    hub.audit_logs.list("acme", since=date(2026, 1, 1), until=datetime(2026, 1, 2, tzinfo=UTC), action="repo.tag.push")
    assert_type(await hub.audit_logs.export(["acme"], to=Path("logs")), ExportReport)
    own = {"acme": OrgAccessToken("acme", "dckr_oat_example")}
    report = await hub.audit_logs.export(own, to=Path("logs"), since="last", partition="day", credentials=own)
    assert_type(report.events, int)
    events = hub.audit_logs.follow("acme", since=date(2026, 1, 1), every=5)
    assert_type(events, Follow)
    assert_type(events.cursor, str)
    assert_type(await anext(events), models.AuditLog)


async def paginators(hub: AsyncHub) -> None:
    tokens = hub.access_tokens.list()
    assert_type(tokens.cursor, str)
    assert_type(tokens.resume(tokens.cursor), Paginator[models.AccessToken])
    assert_type(await tokens.next_page(), Sequence[models.AccessToken] | None)
    async for page in tokens.pages():
        assert_type(page, Sequence[models.AccessToken])
    async with tokens.prefetch(2) as ahead:
        assert_type(ahead, Paginator[models.AccessToken])


async def org_settings(hub: AsyncHub) -> None:
    settings = await hub.org_settings.get("acme")
    assert_type(settings, models.OrgSettings)
    if settings.restricted_images:
        assert_type(await hub.org_settings.update("acme", settings.restricted_images), models.OrgSettings)


async def repositories(hub: AsyncHub) -> None:
    assert_type(hub.repositories.list_tags("library", "python"), Paginator[models.Tag])
    assert_type(await hub.repositories.has_tags("library", "python"), bool)
    assert_type(await hub.repositories.get_tag("library", "python", "3"), models.Tag)
    assert_type(await hub.repositories.has_tag("library", "python", "3"), bool)
    assert_type(await hub.repositories.exists("library", "python"), bool)
    assert_type(hub.repositories.list_tags("library", "python", must_exist=True), Paginator[models.Tag])


async def raw(hub: AsyncHub) -> None:
    assert_type(await hub.raw.request("GET", "/v2/x"), Any)
    response = await hub.raw.response(hub.repositories.get_tag("library", "python", "3"))
    assert_type(response.result, models.Tag)
    assert_type((response.status, response.body), tuple[int, bytes])
    assert_type(response.rate_limit, RateLimit | None)


async def scim(hub: AsyncHub) -> None:
    assert_type(await hub.scim.get_service_provider_config(), models.ScimServiceProviderConfig)
    assert_type(await hub.scim.list_resource_types(), list[models.ScimResourceType])
    assert_type(await hub.scim.get_resource_type("User"), models.ScimResourceType)
    assert_type(await hub.scim.list_schemas(), list[models.ScimSchema])
    assert_type(await hub.scim.get_schema("urn"), models.ScimSchema)
    found = (User.user_name == "a@b.c") & ~User.active.is_(False)
    assert_type(found, Filter)
    assert_type(User.name.family_name, Attribute)
    assert_type(hub.scim.list_users(filter=found, sort_by=User.id, sort_order="ascending"), Paginator[models.ScimUser])
    assert_type(await hub.scim.create_user("a@b.c"), models.ScimUser)
    assert_type(await hub.scim.get_user("1", attributes=[User.user_name, "emails"]), models.ScimUser)
    assert_type(await hub.scim.update_user("1", enabled=True), models.ScimUser)


async def hub_itself() -> None:
    async with AsyncHub(Password("moby", "hunter2")) as hub:
        assert_type(hub, AsyncHub)
        assert_type(hub.rate_limit, RateLimit | None)
        assert_type(hub.with_options(deadline=5), AsyncHub)
        assert_type(hub.with_credentials(OrgAccessToken("acme", "dckr_oat_example")), AsyncHub)
    AsyncHub(PersonalAccessToken("moby", "dckr_pat"))
    unset: UnsetType = UNSET
    del unset


def errors(error: HubError) -> None:
    assert_type(error.operation, str | None)
    assert_type(error.attempts, int)
