"""Moments as callers give them."""

from datetime import UTC, date, datetime

from hubapi.errors import ConfigurationError


def moment(value: datetime | date | None) -> datetime | None:
    """Return an aware datetime: itself, or of a date the first moment in UTC.

    Raises:
        ConfigurationError: a datetime has no zone.
    """
    if value is None:
        return None
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if value.tzinfo is None:
        raise ConfigurationError(f"{value!r} has no time zone; give an aware datetime, for example with tzinfo=UTC")
    return value
