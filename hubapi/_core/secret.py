"""A string that is never shown: the only form in which passwords and tokens travel through the package."""

import hmac
from typing import NoReturn


class Secret:
    """Holds a secret and shows it to nobody but who calls `reveal`.

    It has no readable repr, str or format, and refuses to be pickled. Code keeps it wrapped until the very expression
    that sends it, so that no local variable of a traceback ever holds the plain text.
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

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__value.encode(), other.__value.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self.__value))

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled: hand it over another way, for example through the environment")
