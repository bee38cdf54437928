"""The options of an export: made once, by `AuditLogs.export` or by the command line, and passed on whole."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

from attrs import field, frozen

from hubapi._datetimes import format_timestamp, to_aware
from hubapi.credentials import Credentials
from hubapi.errors import ConfigurationError
from hubapi.export.formats import FormatName, format_of

LAST: Final = "last"
"""As `since`: continue each account from the end of its last run."""

Since: TypeAlias = datetime | Literal["last"] | None

_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def _account_names(accounts: Iterable[str]) -> tuple[str, ...]:
    """Return the accounts without duplicates. Each one names a file, so two must not differ by case alone."""
    names = tuple(dict.fromkeys(accounts))
    if not names:
        raise ConfigurationError("no accounts to export")
    for name in names:
        if not _ACCOUNT.fullmatch(name):
            raise ConfigurationError(f"{name!r} is not an account name")
    folded = {name.casefold(): name for name in names}
    for name in names:
        if folded[name.casefold()] != name:
            raise ConfigurationError(
                f"{name!r} and {folded[name.casefold()]!r} are the same account: names are lower case"
            )
    return names


def _since(value: datetime | date | str | None) -> Since:
    if not isinstance(value, str):
        return to_aware(value)
    if value == LAST:
        return "last"
    raise ConfigurationError(f"since is {value!r}; give a datetime, a date or {LAST!r}")


@frozen(kw_only=True)
class ExportOptions:
    """The options of an export. The arguments are those of `AuditLogs.export`, which describes them.

    Raises:
        ConfigurationError: an option can't work.

    Example:
        >>> ExportOptions(accounts=["acme", "acme"], to=Path("logs"), since=date(2026, 1, 1)).window
        ('2026-01-01T00:00:00Z', None)
    """

    accounts: tuple[str, ...] = field(converter=_account_names)
    to: Path
    since: Since = field(default=None, converter=_since)
    until: datetime | None = field(default=None, converter=to_aware)
    format: FormatName = "jsonl"
    partition: Literal["day"] | None = None
    concurrency: int = 16
    credentials: Mapping[str, Credentials] = field(factory=dict[str, Credentials])

    def __attrs_post_init__(self) -> None:
        format_of(self.format)
        if self.partition not in {None, "day"}:
            raise ConfigurationError(f"partition is {self.partition!r}; give 'day', or None for one file per account")
        if self.concurrency < 1:
            raise ConfigurationError(f"concurrency is {self.concurrency}; give 1 or more")
        since, until = self.window
        if isinstance(self.since, datetime) and self.until is not None and self.since >= self.until:
            raise ConfigurationError(f"the window is empty: since is {since}, and until is {until}")

    @property
    def window(self) -> tuple[str | None, str | None]:
        """`since` and `until` as text, the way the manifest records them."""
        since = format_timestamp(self.since) if isinstance(self.since, datetime) else self.since
        return since, None if self.until is None else format_timestamp(self.until)
