"""The methods of `FakeHub` that fill repositories."""

from collections.abc import Iterable
from random import Random

from hubapi.testing._setup.repositories import Repository
from hubapi.testing._setup.state import Setup
from hubapi.testing._setup.tags import generate_tag, tag_name
from hubapi.testing._setup.timestamps import seconds_to_ns

_HOUR_NS = 3600 * 10**9


class RepositorySetup(Setup):
    """Fills the repositories of a state."""

    def add_repository(
        self, namespace: str, name: str, *, tags: int | Iterable[str] = 1, private: bool = False
    ) -> None:
        """Add a repository, without an audit event; its namespace need not be an account.

        Args:
            namespace: Such as `"library"`.
            name: Such as `"python"`.
            tags: The names of its tags, newest first, or a number of tags to generate: `latest`, then versions.
            private: If true, only the owners of the namespace see it; for others it does not exist.

        Raises:
            ValueError: The repository exists already.
        """
        state = self._state
        names = [tag_name(number) for number in range(tags)] if isinstance(tags, int) else list(tags)
        random = Random(f"{state.seed}/{namespace}/{name}")  # noqa: S311 - meant to repeat
        repository = Repository(private=private)
        updated_ns = seconds_to_ns(state.now())
        for tag in names:
            updated_ns -= random.randrange(_HOUR_NS)
            repository.tags[tag] = generate_tag(tag, owner=namespace, updated_ns=updated_ns, random=random)
        with state.lock:
            state.repositories.add(namespace, name, repository)

    def push_tag(self, namespace: str, repository: str, tag: str, *, actor: str | None = None) -> None:
        """Push a tag as `docker push` does: replace it if it exists, and create the repository if it does not.

        If the namespace is an account, its audit log gets `repo.tag.push`, after `repo.create` for a new repository.

        Args:
            namespace: Such as `"acme"`.
            repository: Such as `"web"`.
            tag: Such as `"1.0"`.
            actor: The user who pushes; an owner of the namespace by default.
        """
        state = self._state
        with state.lock:
            pusher = actor or self._owner(namespace)
            state.repositories.push(namespace, repository, tag, actor=pusher, now=state.now())

    def remove_tag(self, namespace: str, repository: str, tag: str, *, actor: str | None = None) -> None:
        """Delete a tag; if the namespace is an account, its audit log gets `repo.tag.delete`.

        Args:
            namespace: Such as `"acme"`.
            repository: Such as `"web"`.
            tag: Such as `"1.0"`.
            actor: The user who deletes it; an owner of the namespace by default.

        Raises:
            KeyError: There is no such tag.
        """
        state = self._state
        with state.lock:
            deleter = actor or self._owner(namespace)
            state.repositories.remove(namespace, repository, tag, actor=deleter, now=state.now())

    def _owner(self, namespace: str) -> str:
        accounts = self._state.accounts
        return namespace if accounts.get(namespace) is None else accounts.people_of(namespace)[0]
