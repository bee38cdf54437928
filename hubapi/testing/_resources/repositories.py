"""Repositories and their tags, and the routes to them."""

from collections.abc import Callable, Mapping

from attrs import define, field
from starlette.responses import Response

from hubapi.testing._resources.audit_logs import AuditLogs
from hubapi.testing._server.calls import Call, Refused, json_answer, message
from hubapi.testing._server.pages import answer_page
from hubapi.testing._server.router import Operation
from hubapi.testing._setup.accounts import Accounts
from hubapi.testing._setup.tags import Tag

__all__ = ["Repositories", "Repository"]

_MAY_DELETE = "repo:admin"


@define
class Repository:
    """One repository; its tags by name, the newest first."""

    private: bool
    tags: dict[str, Tag] = field(factory=dict[str, Tag], repr=False)


class Repositories:
    """Every repository, by namespace and name."""

    def __init__(self, accounts: Accounts, audit_logs: AuditLogs) -> None:
        self._accounts = accounts
        self._audit_logs = audit_logs
        self._namespaces: dict[str, dict[str, Repository]] = {}

    def add(self, namespace: str, name: str, repository: Repository) -> None:
        repositories = self._namespaces.setdefault(namespace, {})
        if name in repositories:
            raise ValueError(f"there already is a repository {namespace}/{name}")
        repositories[name] = repository

    def get(self, namespace: str, name: str) -> Repository | None:
        return self._namespaces.get(namespace, {}).get(name)

    def has_namespace(self, namespace: str) -> bool:
        return namespace in self._namespaces

    def push(self, namespace: str, name: str, tag: Tag, *, actor: str, now: float) -> None:
        """Do as a docker client's push does: make the repository unless there is one, and put the tag first."""
        repository = self.get(namespace, name)
        whole = f"{namespace}/{name}"
        if repository is None:
            repository = Repository(private=False)
            self.add(namespace, name, repository)
            self._record(namespace, "repo.create", whole, actor, f"created the repository {whole}", now=now)
        repository.tags = {tag.name: tag} | {
            other: kept for other, kept in repository.tags.items() if other != tag.name
        }
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
        """Take a tag away; raise KeyError if there is none."""
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
        # Not every namespace is an account, and only those have a log.
        if self._accounts.get(namespace) is not None:
            self._audit_logs.record(
                namespace, action, name=name, actor=actor, now=now, data=data, description=description
            )

    def operations(self) -> list[Operation]:
        repository = "/v2/namespaces/{namespace}/repositories/{repository}"
        tags = repository + "/tags"
        return [
            # Documented since 2025-09-19; the description is older.
            Operation("repositories.exists", "HEAD", repository, self._exists, bearer="optional"),
            Operation("repositories.list_tags", "GET", tags, self._list_tags, bearer="optional"),
            Operation("repositories.has_tags", "HEAD", tags, self._has_tags, bearer="optional"),
            Operation("repositories.get_tag", "GET", tags + "/{tag}", self._get_tag, bearer="optional"),
            Operation("repositories.has_tag", "HEAD", tags + "/{tag}", self._has_tag, bearer="optional"),
            # Not in the description: docker/hub-mcp has it, docker/hub-feedback#2249 and hexpm/bob use it.
            Operation("repositories.delete_tag", "DELETE", tags + "/{tag}", self._delete_tag),
        ]

    def _exists(self, call: Call) -> Response:
        self._visible(call)
        return Response(status_code=200)

    def _list_tags(self, call: Call) -> Response:
        namespace = call.params["namespace"]
        if namespace not in self._namespaces and self._accounts.get(namespace) is None:
            # A namespace that nobody has is an empty one: docker/hub-feedback#2357.
            return answer_page(call, [])
        wanted = call.query.get("name", "")
        tags = [tag for tag in self._visible(call).tags.values() if wanted in tag.name]
        ordering = call.query.get("ordering", "")
        if key := _ORDERINGS.get(ordering.removeprefix("-")):
            # The other way round than elsewhere: `last_updated` is the newest first (badges/shields#12105, renovate).
            tags.sort(key=key, reverse=not ordering.startswith("-"))
        return answer_page(call, [tag.raw for tag in tags])

    def _has_tags(self, call: Call) -> Response:
        return Response() if self._visible(call).tags else message("object not found", 404)

    def _get_tag(self, call: Call) -> Response:
        tag = self._visible(call).tags.get(call.params["tag"])
        return message("object not found", 404) if tag is None else json_answer(tag.raw)

    def _has_tag(self, call: Call) -> Response:
        return Response() if call.params["tag"] in self._visible(call).tags else message("object not found", 404)

    def _delete_tag(self, call: Call) -> Response:
        namespace, repository, tag = (call.params[name] for name in ("namespace", "repository", "tag"))
        if tag not in self._visible(call).tags:
            raise Refused(message("object not found", 404))
        scoped = call.token is None or _MAY_DELETE in call.token.scopes
        if not scoped or not self._accounts.may_administer(call.account, namespace):
            raise Refused(message("forbidden", 403))
        self.remove(namespace, repository, tag, actor=call.actor, now=call.now, token_data=call.token_data)
        return Response(status_code=204)

    def _visible(self, call: Call) -> Repository:
        """Return the repository asked for; one that the caller may not see looks like one that is not."""
        namespace = call.params["namespace"]
        repository = self._namespaces.get(namespace, {}).get(call.params["repository"])
        if repository is None or (repository.private and not self._accounts.may_administer(call.account, namespace)):
            raise Refused(message("object not found", 404))
        return repository


def _updated(tag: Tag) -> int:
    return tag.updated_ns


def _name(tag: Tag) -> str:
    return tag.name


_ORDERINGS: dict[str, Callable[[Tag], int] | Callable[[Tag], str]] = {"last_updated": _updated, "name": _name}
