"""Audit logs: what happened in an organisation, and who did it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, TypeVar

from attrs import frozen

from hubapi._core.moments import moment
from hubapi._core.paging import Paginator, by_number
from hubapi._core.pipeline import Pipeline
from hubapi._core.wire import UNSET, UnsetType
from hubapi._generated.endpoints import audit_logs as endpoints
from hubapi._generated.models.audit_logs import AuditLog, GetAuditActionsResponse
from hubapi.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from hubapi.export.report import ExportReport, Progress

T = TypeVar("T")

PAGE_SIZE = 100  # the most a page holds (D14)


@frozen
class AuditLogs:
    """The audit log of any account whose owner the hub is logged in as.

    Source: https://docs.docker.com/reference/api/hub/latest/#tag/audit-logs
    """

    _client: Pipeline

    def list(
        self,
        account: str,
        *,
        action: str | None = None,
        name: str | None = None,
        actor: str | None = None,
        since: datetime | date | None = None,
        until: datetime | date | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Paginator[AuditLog]:
        """List events, the newest first.

        Without `until` the log may grow while it is read, and events at the seam of two pages come twice; `export`
        takes care of that.

        Args:
            account: The organisation or user.
            action: Only this action, such as `repo.tag.push`.
            name: Only events of this repository, organisation or user.
            actor: Only what this user did.
            since: Only events from here on: an aware datetime, or a date, which means its first moment in UTC.
            until: Only events up to here, likewise.
            page_size: Events a request, 1 to 100.

        Raises:
            ConfigurationError: a datetime has no zone, or *page_size* is out of range.

        Example:
            >>> async def actors(hub):
            ...     return {event.actor async for event in hub.audit_logs.list("acme", action="repo.tag.push")}
        """
        if not 1 <= page_size <= PAGE_SIZE:
            raise ConfigurationError(f"page_size is {page_size}; the server gives 1 to {PAGE_SIZE} events a page")
        start, end = moment(since), moment(until)

        async def call(page: int) -> Sequence[AuditLog] | None:
            answer = await endpoints.list(
                self._client,
                account,
                action=_or_unset(action),
                name=_or_unset(name),
                actor=_or_unset(actor),
                from_=_or_unset(start),
                to=_or_unset(end),
                page=page,
                page_size=page_size,
            )
            return answer.logs

        return Paginator("audit_logs.list", by_number(call, page_size))

    async def actions(self, account: str) -> GetAuditActionsResponse:
        """Return the actions that events of an account can have, by group.

        Args:
            account: The organisation or user.
        """
        return await endpoints.actions(self._client, account)

    async def export(
        self,
        accounts: Iterable[str],
        *,
        to: Path,
        since: datetime | date | None = None,
        until: datetime | date | None = None,
        concurrency: int = 16,
        progress: Callable[[Progress], None] | None = None,
    ) -> ExportReport:
        """Write the logs of many accounts to files: each event once, as the bytes that came, oldest first.

        An account that fails is in the report, and stops no other. A log is put in place when it is whole.

        Args:
            accounts: The organisations or users.
            to: The folder for `<account>.jsonl`, made if need be; the files are for their owner only (0600).
            since: Only events from here on: an aware datetime, or a date, which means its first moment in UTC.
            until: Only events up to here, likewise; never later than a minute before now, so that no late event is
                missed.
            concurrency: How many accounts are read side by side.
            progress: Called after each page, and when an account is finished.

        Raises:
            ConfigurationError: there are no accounts, a name can't be one, or no time lies between the two.

        Example:
            >>> async def nightly(hub, folder):
            ...     report = await hub.audit_logs.export(["acme", "umbrella"], to=folder)
            ...     return report.events, [failed.account for failed in report.failed]
        """
        # What a service that exports nothing need not load.
        from hubapi.export.run import export  # noqa: PLC0415

        return await export(
            self._client, accounts, to=to, since=since, until=until, concurrency=concurrency, progress=progress
        )


def _or_unset(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value
