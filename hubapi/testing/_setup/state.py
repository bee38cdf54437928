"""The whole state of one fake Docker Hub."""

from collections.abc import Callable
from threading import Lock
from typing import Self

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
        accounts: Users, organisations and their access tokens.
        audit_logs: The log of each account.
        repositories: Repositories and their tags.
        scim: The users that organisations provision.
        lock: Held while a request is processed and while a test fills or reads the state, so that the server's thread
            and the test's see no change half done.
    """

    seed: int
    now: Callable[[], float] = field(repr=False)
    accounts: Accounts = field(repr=False)
    audit_logs: AuditLogs = field(repr=False)
    repositories: Repositories = field(repr=False)
    scim: ScimOrgs = field(repr=False)
    lock: Lock = field(factory=Lock, init=False, repr=False)

    @classmethod
    def empty(cls, seed: int, now: Callable[[], float]) -> Self:
        """Return a state without accounts."""
        accounts = Accounts(seed)
        audit_logs = AuditLogs(accounts, seed)
        return cls(seed, now, accounts, audit_logs, Repositories(accounts, audit_logs, seed), ScimOrgs(accounts))


class Setup:
    """Base of the classes that define the methods of `FakeHub` on its state."""

    def __init__(self, state: State) -> None:
        self._state = state
