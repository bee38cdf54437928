"""The wrapper that passwords and tokens stay in throughout the package."""

import hmac
from typing import NoReturn, Self

from hubapi.errors import ConfigurationError


class Secret:
    """A string that only `reveal` shows.

    Its repr, str and format are masked, and it can't be pickled. Call `reveal` only in the expression that sends the
    text, so that no local variable in a traceback holds it.

    Args:
        value: The plain text, or another `Secret`.

    Example:
        >>> f"{Secret('hunter2')} {Secret('hunter2')!r} {Secret('hunter2').reveal()}"
        "*** Secret('***') hunter2"
    """

    __slots__ = ("__value",)

    def __init__(self, value: "str | Secret") -> None:
        self.__value: str = value.reveal() if isinstance(value, Secret) else value

    def reveal(self) -> str:
        """Return the plain text. Use it in place; don't bind it to a variable."""
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
        raise TypeError("a secret is not pickled: pass it another way, for example in an environment variable")

    def __getstate__(self) -> NoReturn:
        self.__reduce__()


def _bytes(secret: Secret) -> bytes:
    # Python decodes an environment variable that is not UTF-8 to surrogates.
    return secret.reveal().encode("utf-8", "surrogatepass")


def optional_secret(value: str | Secret | None) -> Secret | None:
    """Wrap a plain text at once; None for nothing or an empty text."""
    return Secret(value) if value else None


def check_token(token: Secret, what: str) -> None:
    """Check that a token is printable ASCII, and not, for example, read from a file with its line break.

    Args:
        token: The token.
        what: The token's name in the message.

    Raises:
        ConfigurationError: it is empty, or has another character. The message gives the position.
    """
    if not token:
        raise ConfigurationError(f"{what} is empty")
    for position, problem in enumerate(map(_problem_with, token.reveal()), 1):
        if problem:
            raise ConfigurationError(
                f"{what} has {problem} at position {position} of {len(token.reveal())}; "
                "a token is printable ASCII without spaces: copy it again, whole and without anything around it"
            )


def _problem_with(character: str) -> str:
    """Return the name of a character that a token can't contain, or an empty string."""
    if character in "\r\n":
        return "a line break"
    if character.isspace():
        return "a space or tab"
    if not character.isascii():
        return "a character that is not ASCII"
    return "" if character.isprintable() else "a control character"
