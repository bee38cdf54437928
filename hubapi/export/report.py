"""What an export says of itself: while it runs, and in the end."""

from pathlib import Path

from attrs import frozen

from hubapi.errors import HubError


@frozen(kw_only=True)
class Progress:
    """Where one account's export stands.

    Attributes:
        account: Whose log it is.
        events: Events read so far.
        pages: Pages read so far.
        done: Whether the account is finished, well or badly.
        error: What it failed with, if it failed.
    """

    account: str
    events: int
    pages: int
    done: bool = False
    error: HubError | None = None


@frozen(kw_only=True)
class AccountReport:
    """How one account's export ended.

    Attributes:
        account: Whose log it is.
        events: Events written.
        pages: Pages read.
        repeated: Events that came again at the seam of two pages, and were not written twice.
        file: Where the events are; None where it failed.
        error: What it failed with, if it failed.
    """

    account: str
    events: int = 0
    pages: int = 0
    repeated: int = 0
    file: Path | None = None
    error: HubError | None = None


@frozen(kw_only=True)
class ExportReport:
    """How an export ended, account by account.

    Attributes:
        accounts: One report each, in the order asked for.
        requests: Requests sent, all told.
        rate_limited: How many were answered with 429.
        logins: Logins among them.
        paused_s: Seconds spent waiting for the rate limit.
        seconds: How long it took.
    """

    accounts: tuple[AccountReport, ...]
    requests: int
    rate_limited: int
    logins: int
    paused_s: float
    seconds: float

    @property
    def events(self) -> int:
        """Events written, all told."""
        return sum(account.events for account in self.accounts)

    @property
    def failed(self) -> tuple[AccountReport, ...]:
        """The accounts that could not be exported."""
        return tuple(account for account in self.accounts if account.error is not None)
