"""The report of an export, and its progress."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from attrs import field, frozen

from hubapi.errors import HubError


@frozen(kw_only=True)
class Progress:
    """The progress of one account's export.

    Attributes:
        account: The organisation or user.
        events: Events read so far, including those of an interrupted run.
        pages: Pages read so far by this run.
        reached: The time of the oldest event read so far; events are read newest first.
        done: Whether the account is finished, successfully or not.
        error: The error, if the account failed.
    """

    account: str
    events: int
    pages: int
    reached: datetime | None = None
    done: bool = False
    error: HubError | None = None


@frozen(kw_only=True)
class AccountReport:
    """The result of one account's export.

    Attributes:
        account: The organisation or user.
        events: Events written.
        pages: Pages read by this run; 0 if an earlier run had finished the account.
        repeated: Events that came again on another page, and were written once.
        files: The files with the events; empty if the account failed.
        error: The error, if the account failed.
    """

    account: str
    events: int = 0
    pages: int = 0
    repeated: int = 0
    files: tuple[Path, ...] = ()
    error: HubError | None = None


@frozen(kw_only=True)
class ExportReport:
    """The result of an export.

    Attributes:
        accounts: The result of each account, in the order of the options.
        folder: The folder of the export.
        until: The end of the window: all events are earlier.
        actions: The number of events by action.
        days: The number of events by day (UTC), or `undated`.
        requests: Requests sent by this run.
        rate_limited: How many of them were answered with 429.
        logins: How many of them were logins.
        paused_s: Seconds spent waiting for the rate limit.
        seconds: Seconds that the run took.
    """

    accounts: tuple[AccountReport, ...]
    folder: Path
    until: datetime
    actions: Mapping[str, int] = field(factory=dict[str, int], repr=False)
    days: Mapping[str, int] = field(factory=dict[str, int], repr=False)
    requests: int = 0
    rate_limited: int = 0
    logins: int = 0
    paused_s: float = 0.0
    seconds: float = 0.0

    @property
    def events(self) -> int:
        """The number of events written."""
        return sum(account.events for account in self.accounts)

    @property
    def failed(self) -> tuple[AccountReport, ...]:
        """The accounts that failed."""
        return tuple(account for account in self.accounts if account.error is not None)
