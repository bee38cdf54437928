"""The log of all requests, for tests to count."""

from attrs import frozen

from hubapi.testing._server.fault import Fault


@frozen
class RequestRecord:
    """One request and the status of its response; never a header or a body, so never a secret.

    Attributes:
        time: When it came, by the server's clock, in seconds since the epoch.
        method: Such as `"GET"`.
        path: Such as `"/v2/auditlogs/acme"`.
        query: As it came, without the question mark.
        status: The status of the response; 0 if the connection was closed without one.
        account: The account whose bearer token it carried; None without a valid one, as for logins.
        operation: Such as `"login"` or `"audit_logs.list"`; `"unknown"` if there is no such route.
        fault: The fault that was injected into it, if any.
    """

    time: float
    method: str
    path: str
    query: str
    status: int
    account: str | None
    operation: str
    fault: Fault | None = None


class RequestLog:
    """All requests in the order of arrival."""

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
