"""Injected faults, and the requests that they apply to."""

from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from random import Random
from typing import Any

from attrs import define, field

from hubapi.testing._server.delivery import Delivery
from hubapi.testing._server.fault import Exchange, Fault


def _is_fault(_injection: object, _attribute: object, value: Any) -> None:
    if not isinstance(value, Fault):
        raise TypeError(f"expected a fault, such as faults.Status(503), not {value!r}")


@define(eq=False, kw_only=True)
class Injection:
    """A fault and the requests that it is meant for: the result of `FakeHub.inject`.

    Its `str` describes both, and the number of requests so far, on one line.

    Attributes:
        fault: The fault.
        matched: The number of requests that it has applied to.
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
            raise ValueError(f"path must begin with a slash: {self.path!r}")
        if self.after < 0:
            raise ValueError(f"after must be at least 0: {self.after}")
        if self.times is not None and self.times < 1:
            raise ValueError(f"times must be at least 1, or None for no limit: {self.times}")
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise ValueError(f"probability must be between 0 and 1: {self.probability}")

    def __str__(self) -> str:
        wanted = {"operation": self.operation, "method": self.method, "path": self.path, "account": self.account}
        which = ", ".join(f"{name} {value}" for name, value in wanted.items() if value is not None) or "any request"
        after = f" after {self.after}" if self.after else ""
        chance = "" if self.probability is None else f" with probability {self.probability}"
        return f"{self.fault!r} for {which}{after}{chance}: applied to {self.matched} of {self._seen} matching requests"

    def is_due(self, exchange: Exchange) -> bool:
        """Count a request if it matches, and return whether the fault applies to it."""
        if not (
            (self.operation is None or fnmatchcase(exchange.operation, self.operation))
            and (self.method is None or self.method.upper() == exchange.method)
            and (self.path is None or fnmatchcase(exchange.path.rstrip("/"), self.path.rstrip("/")))
            and (self.account is None or self.account == exchange.account)
        ):
            return False
        self._seen += 1
        if self._seen <= self.after or (self.times is not None and self.matched >= self.times):
            return False
        return self.probability is None or self.random.random() < self.probability


class Injections:
    """All injections, in order: the first that is due takes a request, and each counts every request that matches."""

    def __init__(self, seed: int, operations: Iterable[str]) -> None:
        self._seed = seed
        self._operations = [*operations, "unknown"]
        self._injections: list[Injection] = []
        self._added = 0

    def add(self, injection: Injection) -> None:
        operation = injection.operation
        if operation is not None and not any(fnmatchcase(known, operation) for known in self._operations):
            [nearest] = get_close_matches(operation, self._operations, n=1, cutoff=0.0)
            raise ValueError(f"FakeHub has no operation {operation!r}; the nearest is {nearest!r}")
        injection.random.seed(f"{self._seed}/fault {self._added}")
        self._added += 1
        self._injections.append(injection)

    def unmatched(self) -> list[Injection]:
        return [injection for injection in self._injections if not injection.matched]

    def clear(self) -> None:
        self._injections.clear()

    def apply(self, exchange: Exchange) -> tuple[Delivery, Fault | None]:
        """Process a request, with the fault that is due, if any."""
        # A list, not a generator: `is_due` counts, so each injection must see the request.
        for injection in [injection for injection in self._injections if injection.is_due(exchange)]:
            delivery = injection.fault(exchange)
            if delivery is not None:
                injection.matched += 1
                return delivery, injection.fault
        return exchange.process(), None
