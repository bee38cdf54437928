"""Repositories and their tags."""

from collections.abc import Mapping
from random import Random

from attrs import define, field

from hubapi.testing._setup.accounts import Accounts
from hubapi.testing._setup.audit_logs import AuditLogs
from hubapi.testing._setup.tags import Tag, generate_tag
from hubapi.testing._setup.timestamps import seconds_to_ns


@define
class Repository:
    """One repository; its tags by name, newest first."""

    private: bool
    tags: dict[str, Tag] = field(factory=dict[str, Tag], repr=False)


class Repositories:
    """All repositories, by namespace and name."""

    def __init__(self, accounts: Accounts, audit_logs: AuditLogs, seed: int) -> None:
        self._accounts = accounts
        self._audit_logs = audit_logs
        self._random = Random(f"{seed}/pushed tags")  # noqa: S311 - meant to repeat
        self._namespaces: dict[str, dict[str, Repository]] = {}

    def add(self, namespace: str, name: str, repository: Repository) -> None:
        repositories = self._namespaces.setdefault(namespace, {})
        if name in repositories:
            raise ValueError(f"repository {namespace}/{name} already exists")
        repositories[name] = repository

    def get(self, namespace: str, name: str) -> Repository | None:
        return self._namespaces.get(namespace, {}).get(name)

    def has_namespace(self, namespace: str) -> bool:
        return namespace in self._namespaces

    def push(self, namespace: str, name: str, tag_name: str, *, actor: str, now: float) -> None:
        """Generate a tag and put it first, as `docker push` does; create the repository unless it exists."""
        tag = generate_tag(tag_name, owner=actor, updated_ns=seconds_to_ns(now), random=self._random)
        repository = self.get(namespace, name)
        whole = f"{namespace}/{name}"
        if repository is None:
            repository = Repository(private=False)
            self.add(namespace, name, repository)
            self._record(namespace, "repo.create", whole, actor, f"created the repository {whole}", now=now)
        kept = {known: other for known, other in repository.tags.items() if known != tag.name}
        repository.tags = {tag.name: tag, **kept}
        text = f"pushed the tag {tag.name} with the digest {tag.digest[:19]} to the repository {whole}"
        data = {"digest": tag.digest, "tag": tag.name}
        self._record(namespace, "repo.tag.push", whole, actor, text, now=now, data=data)

    def remove(
        self,
        namespace: str,
        name: str,
        tag: str,
        *,
        actor: str,
        now: float,
        token_data: Mapping[str, str] | None = None,
    ) -> None:
        """Delete a tag.

        Raises:
            KeyError: There is no such tag.
        """
        repository = self.get(namespace, name)
        if repository is None or tag not in repository.tags:
            raise KeyError(f"there is no tag {namespace}/{name}:{tag}")
        del repository.tags[tag]
        whole = f"{namespace}/{name}"
        text = f"deleted the tag {tag} from the repository {whole}"
        data = {"tag": tag, **(token_data or {})}
        self._record(namespace, "repo.tag.delete", whole, actor, text, now=now, data=data)

    def _record(
        self,
        namespace: str,
        action: str,
        name: str,
        actor: str,
        description: str,
        *,
        now: float,
        data: Mapping[str, str] | None = None,
    ) -> None:
        # A namespace need not be an account, and only accounts have a log.
        if self._accounts.get(namespace) is not None:
            self._audit_logs.record(
                namespace, action, name=name, actor=actor, now=now, data=data, description=description
            )
