"""How a test fills repositories."""

from collections.abc import Callable, Iterable
from random import Random
from threading import Lock

from hubapi.testing._resources.repositories import Repositories, Repository
from hubapi.testing._setup.accounts import Accounts
from hubapi.testing._setup.tags import generate_tag, tag_name
from hubapi.testing._setup.timestamps import from_seconds

__all__ = ["RepositoryContents"]

_HOUR_NS = 3600 * 10**9


class RepositoryContents:
    """The repositories' part of `FakeHub`."""

    _seed: int
    _now: Callable[[], float]
    _lock: Lock
    _accounts: Accounts
    _repositories: Repositories
    _pushed: Random

    def add_repository(
        self, namespace: str, name: str, *, tags: int | Iterable[str] = 1, private: bool = False
    ) -> None:
        """Add a repository; its namespace need not be an account. No audit log hears of it.

        Args:
            namespace: Such as ``"library"``.
            name: Such as ``"python"``.
            tags: The tags' names, as listed (newest first), or how many to make up: ``latest``, then
                versions.
            private: Whether only the namespace's owners see it; others are told that there is no such thing.

        Raises:
            ValueError: There already is such a repository.
        """
        names = [tag_name(number) for number in range(tags)] if isinstance(tags, int) else list(tags)
        random = Random(f"{self._seed}/{namespace}/{name}")  # noqa: S311 - meant to repeat
        repository = Repository(private=private)
        updated_ns = from_seconds(self._now())
        for tag in names:
            updated_ns -= random.randrange(_HOUR_NS)
            repository.tags[tag] = generate_tag(tag, owner=namespace, updated_ns=updated_ns, random=random)
        with self._lock:
            self._repositories.add(namespace, name, repository)

    def push_tag(self, namespace: str, repository: str, tag: str, *, actor: str | None = None) -> None:
        """Push a tag, new or anew, as a docker client would; a repository that is not there is created.

        If the namespace is an account, its audit log has ``repo.tag.push``, after ``repo.create`` for a new repository.

        Args:
            namespace: Such as ``"acme"``.
            repository: Such as ``"web"``.
            tag: Such as ``"1.0"``.
            actor: Who pushes; an owner of the namespace by default.
        """
        with self._lock:
            now = self._now()
            owner = actor or self._owner(namespace)
            pushed = generate_tag(tag, owner=owner, updated_ns=from_seconds(now), random=self._pushed)
            self._repositories.push(namespace, repository, pushed, actor=owner, now=now)

    def remove_tag(self, namespace: str, repository: str, tag: str, *, actor: str | None = None) -> None:
        """Delete a tag; if the namespace is an account, its audit log has ``repo.tag.delete``.

        Args:
            namespace: Such as ``"acme"``.
            repository: Such as ``"web"``.
            tag: Such as ``"1.0"``.
            actor: Who deletes it; an owner of the namespace by default.

        Raises:
            KeyError: There is no such tag.
        """
        with self._lock:
            owner = actor or self._owner(namespace)
            self._repositories.remove(namespace, repository, tag, actor=owner, now=self._now())

    def _owner(self, namespace: str) -> str:
        return namespace if self._accounts.get(namespace) is None else self._accounts.people_of(namespace)[0]
