"""The faults that wait for their requests."""

from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from random import Random
from typing import Any

from attrs import define, field

from hubapi.testing._server.delivery import Asked, Delivery, Fault

__all__ = ["Injection", "Injections"]


def _is_fault(_injection: object, _attribute: object, value: Any) -> None:
    if not isinstance(value, Fault):
        raise TypeError(f"a fault is needed, such as faults.Status(503), not {value!r}")


@define(eq=False, kw_only=True)
class Injection:
    """A fault, and which requests it is meant for: what `FakeHub.inject` returns.

    Its ``str`` says both, and how it went, on one line.

    Attributes:
        fault: What goes wrong.
        matched: How many requests it has happened to.
    """

    fault: Fault = field(validator=_is_fault)
    operation: str | None
    method: str | None
    path: str | None
    account: str | None
    after: int
    times: int | None
    probability: float | None
    matched: int = field(default=0, init=False)
    _seen: int = field(default=0, init=False)
    random: Random = field(factory=Random, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.path is not None and not self.path.startswith(("/", "*")):
            raise ValueError(f"a path begins with a slash: {self.path!r}")
        if self.after < 0:
            raise ValueError(f"after counts requests, from 0: {self.after}")
        if self.times is not None and self.times < 1:
            raise ValueError(f"times is at least 1, or None for ever: {self.times}")
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise ValueError(f"a probability is between 0 and 1: {self.probability}")

    def __str__(self) -> str:
        wanted = {"operation": self.operation, "method": self.method, "path": self.path, "account": self.account}
        which = ", ".join(f"{name} {value}" for name, value in wanted.items() if value is not None) or "any request"
        after = f" after {self.after}" if self.after else ""
        chance = "" if self.probability is None else f" with probability {self.probability}"
        return f"{self.fault!r} for {which}{after}{chance}: applied to {self.matched} of {self._seen} that came"

    def is_due(self, asked: Asked) -> bool:
        """Count a request if it is one of those meant, and say whether it is this one's turn."""
        if not (
            (self.operation is None or fnmatchcase(asked.operation, self.operation))
            and (self.method is None or self.method.upper() == asked.method)
            and (self.path is None or fnmatchcase(asked.path.rstrip("/"), self.path.rstrip("/")))
            and (self.account is None or self.account == asked.account)
        ):
            return False
        self._seen += 1
        if self._seen <= self.after or (self.times is not None and self.matched >= self.times):
            return False
        return self.probability is None or self.random.random() < self.probability


class Injections:
    """All of them, in order: the first whose turn it is takes a request.

    Every one counts every request that it is meant for, whoever takes it.
    """

    def __init__(self, seed: int, operations: Iterable[str]) -> None:
        self._seed = seed
        self._operations = [*operations, "unknown"]
        self._injections: list[Injection] = []
        self._made = 0

    def add(self, injection: Injection) -> None:
        operation = injection.operation
        if operation is not None and not any(fnmatchcase(known, operation) for known in self._operations):
            [nearest] = get_close_matches(operation, self._operations, n=1, cutoff=0.0)
            raise ValueError(f"FakeHub has no operation {operation!r}; the nearest is {nearest!r}")
        injection.random.seed(f"{self._seed}/fault {self._made}")
        self._made += 1
        self._injections.append(injection)

    def unmatched(self) -> list[Injection]:
        return [injection for injection in self._injections if not injection.matched]

    def clear(self) -> None:
        self._injections.clear()

    def answer(self, asked: Asked) -> tuple[Delivery, Fault | None]:
        """Answer a request, as the fault that it meets wants it."""
        # All of them are asked first, since asking is counting.
        for injection in [injection for injection in self._injections if injection.is_due(asked)]:
            delivery = injection.fault(asked)
            if delivery is not None:
                injection.matched += 1
                return delivery, injection.fault
        return asked.work(), None
