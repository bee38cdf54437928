"""Repositories and their tags, and the routes that read them."""

from collections.abc import Sequence
from urllib.parse import urlencode

from attrs import define, field
from starlette.responses import Response

from ._accounts import Accounts
from ._calls import Call, Refused, json_answer, message
from ._routes import Operation

__all__ = ["Repositories", "Repository"]

_DEFAULT_PAGE_SIZE = 10
_MAX_PAGE_SIZE = 100


@define
class Repository:
    """One repository; its tags in the order they are listed, each as the JSON it is served as."""

    private: bool
    tags: dict[str, bytes] = field(factory=dict[str, bytes], repr=False)


class Repositories:
    """Every repository, by namespace and name."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._namespaces: dict[str, dict[str, Repository]] = {}

    def add(self, namespace: str, name: str, repository: Repository) -> None:
        repositories = self._namespaces.setdefault(namespace, {})
        if name in repositories:
            raise ValueError(f"there already is a repository {namespace}/{name}")
        repositories[name] = repository

    def operations(self) -> list[Operation]:
        tags = "/v2/namespaces/{namespace}/repositories/{repository}/tags"
        return [
            Operation("repositories.list_tags", "GET", tags, self._list_tags, bearer="optional"),
            Operation("repositories.has_tags", "HEAD", tags, self._has_tags, bearer="optional"),
            Operation("repositories.get_tag", "GET", tags + "/{tag}", self._get_tag, bearer="optional"),
            Operation("repositories.has_tag", "HEAD", tags + "/{tag}", self._has_tag, bearer="optional"),
        ]

    def _list_tags(self, call: Call) -> Response:
        namespace = call.params["namespace"]
        if namespace not in self._namespaces and self._accounts.get(namespace) is None:
            # A namespace that nobody has is an empty one: docker/hub-feedback#2357.
            return _page(call, [])
        return _page(call, list(self._visible(call).tags.values()))

    def _has_tags(self, call: Call) -> Response:
        return Response(status_code=200 if self._visible(call).tags else 404)

    def _get_tag(self, call: Call) -> Response:
        tag = self._visible(call).tags.get(call.params["tag"])
        return message("object not found", 404) if tag is None else json_answer(tag)

    def _has_tag(self, call: Call) -> Response:
        return Response(status_code=200 if call.params["tag"] in self._visible(call).tags else 404)

    def _visible(self, call: Call) -> Repository:
        """Return the repository asked for; one that the caller may not see looks like one that is not."""
        namespace = call.params["namespace"]
        repository = self._namespaces.get(namespace, {}).get(call.params["repository"])
        if repository is None or (repository.private and not self._accounts.may_administer(call.account, namespace)):
            raise Refused(message("object not found", 404))
        return repository


def _page(call: Call, items: Sequence[bytes]) -> Response:
    """Answer with one page; one past the end is 404, but page 1 of nothing (docker/hub-feedback#2357)."""
    number = _positive(call.query.get("page"), default=1)
    # More than 100 is taken as 100, silently: badges/shields#4562.
    size = min(_positive(call.query.get("page_size"), default=_DEFAULT_PAGE_SIZE), _MAX_PAGE_SIZE)
    first = (number - 1) * size
    if number > 1 and first >= len(items):
        return message("Page not found", 404)
    following = _link(call, number + 1) if first + size < len(items) else b"null"
    previous = _link(call, number - 1) if number > 1 else b"null"
    results = b",".join(items[first : first + size])
    return json_answer(
        b'{"count":%d,"next":%b,"previous":%b,"results":[%b]}' % (len(items), following, previous, results)
    )


def _link(call: Call, page: int) -> bytes:
    # Absolute, on the host the client asked. Nothing in a URL needs escaping in JSON.
    query = {**call.query, "page": str(page)}
    return f'"{call.url}?{urlencode(query)}"'.encode()


def _positive(text: str | None, *, default: int) -> int:
    return int(text) if text is not None and text.isdecimal() and int(text) > 0 else default
