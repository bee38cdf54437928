"""What an export says of itself: while it runs, and in the end."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from attrs import field, frozen

from hubapi.errors import HubError


@frozen(kw_only=True)
class Progress:
    """Where one account's export stands.

    Attributes:
        account: Whose log it is.
        events: Events read so far, those of an interrupted run among them.
        pages: Pages read so far, by this run.
        reached: When the oldest event read so far happened; the walk goes from the newest to the oldest.
        done: Whether the account is finished, well or badly.
        error: What it failed with, if it failed.
    """

    account: str
    events: int
    pages: int
    reached: datetime | None = None
    done: bool = False
    error: HubError | None = None


@frozen(kw_only=True)
class AccountReport:
    """How one account's export ended.

    Attributes:
        account: Whose log it is.
        events: Events written.
        pages: Pages read by this run; 0 where an earlier one had finished it.
        repeated: Events that came again between two pages, and were not written twice.
        files: Where the events are; none where it failed.
        error: What it failed with, if it failed.
    """

    account: str
    events: int = 0
    pages: int = 0
    repeated: int = 0
    files: tuple[Path, ...] = ()
    error: HubError | None = None


@frozen(kw_only=True)
class ExportReport:
    """How an export ended, account by account.

    Attributes:
        accounts: One report each, in the order asked for.
        folder: Where everything is.
        until: All events are before this.
        actions: How many events there are of each action.
        days: How many events there are of each day, in UTC.
        requests: Requests sent by this run, all told.
        rate_limited: How many were answered with 429.
        logins: Logins among them.
        paused_s: Seconds spent waiting for the rate limit.
        seconds: How long it took.
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
        """Events written, all told."""
        return sum(account.events for account in self.accounts)

    @property
    def failed(self) -> tuple[AccountReport, ...]:
        """The accounts that could not be exported."""
        return tuple(account for account in self.accounts if account.error is not None)
