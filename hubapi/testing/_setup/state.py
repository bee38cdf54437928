"""The whole state of one fake Docker Hub."""

from collections.abc import Callable
from threading import Lock

from attrs import field, frozen

from hubapi.testing._setup.accounts import Accounts
from hubapi.testing._setup.audit_logs import AuditLogs
from hubapi.testing._setup.repositories import Repositories
from hubapi.testing._setup.scim_orgs import ScimOrgs


@frozen
class State:
    """Accounts, audit logs, repositories and SCIM users.

    Attributes:
        seed: Determines everything that is generated.
        now: Returns the server's time, in seconds since the epoch.
        lock: Held while a request is processed and while a test fills or reads the state, so that the server's thread
            and the test's see no change half done.
    """

    seed: int
    now: Callable[[], float] = field(repr=False)
    lock: Lock = field(factory=Lock, init=False, repr=False)
    accounts: Accounts = field(init=False, repr=False)
    audit_logs: AuditLogs = field(init=False, repr=False)
    repositories: Repositories = field(init=False, repr=False)
    scim: ScimOrgs = field(init=False, repr=False)

    @accounts.default
    def _accounts(self) -> Accounts:
        return Accounts(self.seed)

    @audit_logs.default
    def _audit_logs(self) -> AuditLogs:
        return AuditLogs(self.accounts, self.seed)

    @repositories.default
    def _repositories(self) -> Repositories:
        return Repositories(self.accounts, self.audit_logs, self.seed)

    @scim.default
    def _scim(self) -> ScimOrgs:
        return ScimOrgs(self.accounts)


class Setup:
    """Base of the classes that define the methods of `FakeHub` on its state."""

    def __init__(self, state: State) -> None:
        self._state = state
