"""SCIM filters with quoting, so that user input can't change the meaning of a filter.

::

    from hubapi.scim import User

    User.user_name == "jon.snow@docker.com"
    User.active.is_(True) & (User.name.family_name.starts_with("Sn") | ~User.display_name.contains("bot"))

Docker Hub supports `eq`, `ne`, `co`, `sw`, `and`, `or`, `not` and parentheses, and so does this module.

Sources: https://docs.docker.com/reference/api/hub/latest/#tag/scim/paths/~1v2~1scim~12.0~1Users/get; RFC 7644, 3.4.2.2
"""

import json
from typing import Final, NoReturn

from attrs import field, frozen

from hubapi.errors import ConfigurationError


@frozen
class Filter:
    r"""A condition on users. Combine conditions with `&`, `|` and `~`, with each comparison in parentheses.

    Args:
        text: The condition as sent to the server. Build it from the attributes of `User`, which quote values.
        is_or: Whether it is an `or`, which needs parentheses inside an `and`.

    Example:
        >>> from hubapi.scim import User
        >>> str((User.user_name == 'a"b@c.d') & ~User.active.is_(False))
        'userName eq "a\\"b@c.d" and not (active eq false)'
    """

    text: str
    is_or: bool = field(default=False, kw_only=True, repr=False)

    def __str__(self) -> str:
        return self.text

    def __and__(self, other: "Filter") -> "Filter":
        if not isinstance(other, Filter):  # pyright: ignore[reportUnnecessaryIsInstance]
            return NotImplemented
        return Filter(f"{self._in_and()} and {other._in_and()}")

    def __or__(self, other: "Filter") -> "Filter":
        if not isinstance(other, Filter):  # pyright: ignore[reportUnnecessaryIsInstance]
            return NotImplemented
        return Filter(f"{self} or {other}", is_or=True)

    def __invert__(self) -> "Filter":
        return Filter(f"not ({self})")

    def __bool__(self) -> NoReturn:
        raise TypeError("a SCIM filter has no truth value: combine filters with &, | and ~ instead of and, or and not")

    def __rand__(self, other: object) -> NoReturn:
        raise TypeError(f"put each comparison in parentheses: {other!r} & … binds more tightly than ==")

    __ror__ = __rand__

    def _in_and(self) -> str:
        """Return the text as an operand of `and`, which binds more tightly than `or`."""
        return f"({self})" if self.is_or else self.text


@frozen(eq=False)
class Attribute:
    """An attribute of a user, to filter and sort by. Its `str` is its SCIM name.

    Raises:
        ConfigurationError: it is compared with anything but a str or bool.
    """

    _name: str

    def __str__(self) -> str:
        return self._name

    def __eq__(self, value: object) -> Filter:  # type: ignore[override]
        return self._compared("eq", value)

    def __ne__(self, value: object) -> Filter:  # type: ignore[override]
        return self._compared("ne", value)

    def __hash__(self) -> int:
        return hash(self._name)

    def is_(self, value: bool) -> Filter:  # noqa: FBT001 - reads as `active.is_(True)`
        """Return `… eq true` or `… eq false`: the same as `==`, which linters reject with True and False."""
        return self._compared("eq", value)

    def contains(self, text: str) -> Filter:
        """Return a filter for values that contain *text*."""
        return self._compared("co", text)

    def starts_with(self, text: str) -> Filter:
        """Return a filter for values that start with *text*."""
        return self._compared("sw", text)

    def _compared(self, operator: str, value: object) -> Filter:
        if not isinstance(value, str | bool):
            raise ConfigurationError(f"{self._name} can't be compared with {type(value).__name__}: pass a str or bool")
        # Values in a filter are JSON (RFC 7644, 3.4.2.2), so JSON's quoting is sufficient.
        return Filter(f"{self._name} {operator} {json.dumps(value, ensure_ascii=False)}")


class _Name:
    given_name: Final = Attribute("name.givenName")
    family_name: Final = Attribute("name.familyName")


class User:
    """The attributes of a SCIM user.

    Example:
        >>> from hubapi.scim import User
        >>> async def inactive(hub):
        ...     return await hub.scim.list_users(filter=User.active == False, sort_by=User.user_name).collect()
    """

    id: Final = Attribute("id")
    """The user's UUID."""
    user_name: Final = Attribute("userName")
    """The email address."""
    display_name: Final = Attribute("displayName")
    """The Docker ID."""
    active: Final = Attribute("active")
    emails: Final = Attribute("emails.value")
    name: Final = _Name
