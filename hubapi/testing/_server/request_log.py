"""What the fake was asked, for tests to count."""

from attrs import frozen

from hubapi.testing._server.delivery import Fault

__all__ = ["RequestLog", "RequestRecord"]


@frozen
class RequestRecord:
    """One request and its answer's status; never a header or a body, so never a secret."""

    time: float
    """When it came, by the server's clock, in seconds since the epoch."""
    method: str
    path: str
    query: str
    """As it came, without the question mark."""
    status: int
    """0 where the connection was closed without an answer."""
    account: str | None
    """Whose bearer token it carried; None for no valid one (logins among them)."""
    operation: str
    """Such as ``"login"`` or ``"audit_logs.list"``; ``"unknown"`` where there is no such route."""
    fault: Fault | None = None
    """What has been injected into it."""


class RequestLog:
    """Every request in the order of arrival."""

    def __init__(self) -> None:
        self._records: list[RequestRecord] = []

    def add(self, record: RequestRecord) -> None:
        self._records.append(record)

    def records(self) -> list[RequestRecord]:
        return list(self._records)

    def count(self, *, operation: str | None, status: int | None, account: str | None, method: str | None) -> int:
        return sum(
            (operation is None or record.operation == operation)
            and (status is None or record.status == status)
            and (account is None or record.account == account)
            and (method is None or record.method == method)
            for record in self._records
        )
