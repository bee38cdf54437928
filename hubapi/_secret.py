"""A string that is never shown: the only form in which passwords and tokens travel through the package."""

import hmac
from typing import NoReturn, Self

from hubapi.errors import ConfigurationError


class Secret:
    """Holds a secret and shows it to nobody but who calls `reveal`.

    It has no readable repr, str or format, and refuses to be pickled. Code keeps it wrapped until the very expression
    that sends it, so that no local variable of a traceback ever holds the plain text.

    Args:
        value: The plain text, or another secret.

    Example:
        >>> f"{Secret('hunter2')} {Secret('hunter2')!r} {Secret('hunter2').reveal()}"
        "*** Secret('***') hunter2"
    """

    __slots__ = ("__value",)

    def __init__(self, value: "str | Secret") -> None:
        self.__value: str = value.reveal() if isinstance(value, Secret) else value

    def reveal(self) -> str:
        """Return the plain text. Use it in place; don't give it a name."""
        return self.__value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self), _bytes(other))

    def __hash__(self) -> int:
        return hash(("Secret", self.__value))

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled: hand it over another way, for example through the environment")

    def __getstate__(self) -> NoReturn:
        self.__reduce__()


def _bytes(secret: Secret) -> bytes:
    # An environment variable that is no UTF-8 reads as text with surrogates.
    return secret.reveal().encode("utf-8", "surrogatepass")


def check_token(token: Secret, what: str) -> None:
    """Refuse what can't be a token, such as one that was read from a file with its line break.

    Args:
        token: The token.
        what: What it is called in the message.

    Raises:
        ConfigurationError: it is empty, or holds a character that no token holds; the message says where.
    """
    if not token:
        raise ConfigurationError(f"{what} is empty")
    for place, kind in enumerate(map(_kind, token.reveal()), 1):
        if kind:
            raise ConfigurationError(
                f"{what} has {kind} as character {place} of {len(token.reveal())}; "
                "a token is printable ASCII without spaces: was it copied or read whole, and nothing else?"
            )


def _kind(character: str) -> str:
    """Say what is wrong with one character of a token; nothing, if it may be in one."""
    if character in "\r\n":
        return "a line break"
    if character.isspace():
        return "a space or tab"
    if not character.isascii():
        return "something that is not ASCII"
    return "" if character.isprintable() else "a control character"
