"""Audit logs: the events of an organisation or user."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from hubapi._codec.wire import or_unset
from hubapi._datetimes import to_aware
from hubapi._generated.endpoints import audit_logs as endpoints
from hubapi._generated.models.audit_logs import AuditLog, GetAuditActionsResponse
from hubapi._pagination.paginator import Paginator
from hubapi._pagination.strategies import by_number
from hubapi._pipeline.pipeline import Pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from hubapi.credentials import Credentials
    from hubapi.export.follow import Follow
    from hubapi.export.formats import FormatName
    from hubapi.export.options import ExportOptions
    from hubapi.export.report import ExportReport, Progress


@frozen
class AuditLogs:
    """The audit logs of the accounts that the hub is logged in as an owner of.

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
        page_size: int = 100,
    ) -> Paginator[AuditLog]:
        """List events, newest first.

        Without `until`, new events may arrive while you read, and shift events to the next page, where they come a
        second time. `export` removes such duplicates.

        Args:
            account: The organisation or user.
            action: Only events with this action, such as `repo.tag.push`.
            name: Only events of the repository, organisation or user with this name.
            actor: Only events caused by this user.
            since: Only events from this time on: an aware datetime, or a date for the start of that day in UTC.
            until: Only events up to this time, likewise.
            page_size: Events per request, 1 to 100.

        Raises:
            ConfigurationError: a datetime has no time zone, or *page_size* is out of range.
            Forbidden: the hub is not logged in as an owner, or its kind of credentials can't read audit logs (D18).
            NotFound: the account does not exist.

        Example:
            >>> async def actors(hub):
            ...     return {event.actor async for event in hub.audit_logs.list("acme", action="repo.tag.push")}

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/audit-logs/operation/AuditLogs_GetAuditLogs
        """
        start, end = to_aware(since), to_aware(until)

        async def call(page: int) -> Sequence[AuditLog] | None:
            response = await endpoints.list(
                self._client,
                account,
                action=or_unset(action),
                name=or_unset(name),
                actor=or_unset(actor),
                from_=or_unset(start),
                to=or_unset(end),
                page=page,
                page_size=page_size,
            )
            return response.logs

        return Paginator("audit_logs.list", by_number(call, page_size=page_size))

    async def actions(self, account: str) -> GetAuditActionsResponse:
        """Return the actions that can occur in an account's log, by group.

        Args:
            account: The organisation or user.

        Raises:
            Forbidden: these credentials may not read the account's log.
            NotFound: the account does not exist.

        Example:
            >>> async def names(hub):
            ...     groups = (await hub.audit_logs.actions("acme")).actions or {}
            ...     return {name: [action.name for action in group.actions or []] for name, group in groups.items()}

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/audit-logs/operation/AuditLogs_GetAuditActions
        """
        return await endpoints.actions(self._client, account)

    async def export(
        self,
        accounts: Iterable[str],
        *,
        to: Path,
        since: datetime | date | Literal["last"] | None = None,
        until: datetime | date | None = None,
        format: FormatName = "jsonl",  # noqa: A002 - the usual word
        partition: Literal["day"] | None = None,
        concurrency: int = 16,
        progress: Callable[[Progress], None] | None = None,
        credentials: Mapping[str, Credentials] | None = None,
    ) -> ExportReport:
        """Write the logs of many accounts to files: each event once, as the bytes that came, oldest first.

        If an account fails, its error is in the report, and the others go on. A log is put in place when it is
        complete, and is then recorded in the folder's `manifest.json` with its events and its SHA-256. To continue an
        export that was interrupted, or even killed, call it again: it ends in the same bytes.

        Args:
            accounts: The organisations or users.
            to: The folder. It is created if it is missing; its files are for their owner only (0600). One export at a
                time can use it.
            since: Only events from this time on: an aware datetime, or a date, which means its first moment in UTC; or
                `last`: what is new since the last run in this folder, including events that appeared up to ten minutes
                late.
            until: Only events before this time, likewise. The latest is a minute before the present, by the server's
                clock, so that no late event is missed.
            format: `jsonl`, the bytes that came, one event per line; `jsonl.gz` and `jsonl.zst` (extra `zstd`), the
                same compressed; `csv`, safe to open in a spreadsheet; `parquet` (extra `parquet`).
            partition: `day` for `<account>/<day>.jsonl` instead of `<account>.jsonl`.
            concurrency: The number of accounts of one login that are read at the same time.
            progress: Called after each page, and when an account is finished.
            credentials: Other credentials for some of the accounts. Each login has its own rate limit.

        Raises:
            ConfigurationError: there are no accounts, a name is not an account name, the window is empty, the folder
                holds something else or can't be written, another export uses it, or a library is missing.

        Example:
            >>> async def nightly(hub, folder):
            ...     report = await hub.audit_logs.export(["acme", "umbrella"], to=folder, since="last")
            ...     return report.events, [failed.account for failed in report.failed]
        """
        from hubapi.export.options import ExportOptions  # noqa: PLC0415 - see `export_with`

        options = ExportOptions(
            accounts=accounts,
            to=to,
            since=since,
            until=until,
            format=format,
            partition=partition,
            concurrency=concurrency,
            credentials=credentials or {},
        )
        return await self.export_with(options, progress=progress)

    async def export_with(
        self, options: ExportOptions, *, progress: Callable[[Progress], None] | None = None
    ) -> ExportReport:
        """Write the logs of many accounts to files, with options that were made elsewhere; see `export`.

        Args:
            options: The options.
            progress: Called after each page, and when an account is finished.

        Raises:
            ConfigurationError: the folder holds something else or can't be written, or another export uses it.

        Example:
            >>> async def nightly(hub, folder):
            ...     from hubapi.export import ExportOptions
            ...     return await hub.audit_logs.export_with(ExportOptions(accounts=["acme"], to=folder, since="last"))
        """
        # Not needed by a service that exports nothing.
        from hubapi.export.run import export  # noqa: PLC0415

        return await export(self._client, options, progress)

    def follow(
        self,
        account: str,
        *,
        since: datetime | date | None = None,
        every: float = 60.0,
        cursor: str | None = None,
    ) -> Follow:
        """Iterate over events as they happen, each once, without an end.

        The events from *since* on come first, oldest first, then what is new at each poll, in the order of time. An
        event that appears late comes too, out of order, if it is no more than ten minutes late.

        The iterator holds no connection and no task: you can leave it at any time. Its `cursor` is its position after
        any event; given here, even in another process, it continues with the rest. Process or store an event before
        you store the cursor, and a crash loses nothing. A *since* far in the past is caught up with in stretches of
        time, so that memory holds about a thousand events, or those of ten minutes if these are more.

        An error that lasts for all attempts of a poll is raised, with the cursor. You can continue to iterate: the next
        poll is *every* seconds after that one. An event that can't be read is a DecodeError, once.

        Args:
            account: The organisation or user.
            since: Only events from this time on: an aware datetime, or a date, which means its first moment in UTC. By
                default from the first `anext` on, by the server's clock, which has whole seconds.
            every: Seconds from one poll to the next, at least 1. A poll is one to three requests, if the events of the
                last ten minutes fit a page of 100.
            cursor: The `cursor` of an earlier `Follow` of this account, or of an error that it raised.

        Raises:
            ConfigurationError: a datetime has no zone, *every* is too short, *since* and *cursor* are both given, or
                *cursor* is invalid, or belongs to another account.
            HubError: while iterating, of the kind that fits: Forbidden as in `list`, ServerError, TransportError, which
                includes a NoResponseError if the hub is closed in the meantime.

        Example:
            >>> async def feed(hub, store):
            ...     events = hub.audit_logs.follow("acme", cursor=await store.load())
            ...     async for event in events:
            ...         await store.save(event, events.cursor)

        Source: https://docs.docker.com/reference/api/hub/latest/#tag/audit-logs/operation/AuditLogs_GetAuditLogs
        """
        # Not needed by a service that follows nothing.
        from hubapi.export.follow import follow  # noqa: PLC0415

        return follow(self._client, account, since=since, every=every, cursor=cursor)
