"""The routes to repositories and their tags."""

from collections.abc import Callable

from attrs import frozen
from starlette.responses import Response

from hubapi.testing._server.pages import page_response
from hubapi.testing._server.requests import HubRequest
from hubapi.testing._server.responses import ErrorResponse, json_response, message_error
from hubapi.testing._server.router import Route
from hubapi.testing._setup.repositories import Repository
from hubapi.testing._setup.state import State
from hubapi.testing._setup.tags import Tag

_DELETE_SCOPE = "repo:admin"


@frozen
class RepositoryRoutes:
    """Repositories and tags: public ones for all, private ones for the owners of the namespace."""

    _state: State

    def routes(self) -> list[Route]:
        repository = "/v2/namespaces/{namespace}/repositories/{repository}"
        tags, tag = repository + "/tags", repository + "/tags/{tag}"
        return [
            # Documented since 2025-09-19; the description is older.
            Route("repositories.exists", "HEAD", repository, self._exists, auth="optional"),
            Route("repositories.list_tags", "GET", tags, self._list_tags, auth="optional"),
            Route("repositories.has_tags", "HEAD", tags, self._has_tags, auth="optional"),
            Route("repositories.get_tag", "GET", tag, self._get_tag, auth="optional"),
            Route("repositories.has_tag", "HEAD", tag, self._has_tag, auth="optional"),
            # Not in the description: docker/hub-mcp has it, docker/hub-feedback#2249 and hexpm/bob use it (D32).
            Route("repositories.delete_tag", "DELETE", tag, self._delete_tag),
        ]

    def _exists(self, request: HubRequest) -> Response:
        self._repository(request)
        return Response(status_code=200)

    def _list_tags(self, request: HubRequest) -> Response:
        namespace = request.params["namespace"]
        if not self._state.repositories.has_namespace(namespace) and self._state.accounts.get(namespace) is None:
            # An unknown namespace is an empty one: docker/hub-feedback#2357.
            return page_response(request, [])
        wanted = request.query.get("name", "")
        tags = [tag for tag in self._repository(request).tags.values() if wanted in tag.name]
        ordering = request.query.get("ordering", "")
        if key := _ORDERINGS.get(ordering.removeprefix("-")):
            # The reverse of what is usual: `last_updated` is newest first (badges/shields#12105, renovate).
            tags.sort(key=key, reverse=not ordering.startswith("-"))
        return page_response(request, [tag.raw for tag in tags])

    def _has_tags(self, request: HubRequest) -> Response:
        return Response() if self._repository(request).tags else message_error("object not found", 404)

    def _get_tag(self, request: HubRequest) -> Response:
        tag = self._repository(request).tags.get(request.params["tag"])
        return message_error("object not found", 404) if tag is None else json_response(tag.raw)

    def _has_tag(self, request: HubRequest) -> Response:
        known = request.params["tag"] in self._repository(request).tags
        return Response() if known else message_error("object not found", 404)

    def _delete_tag(self, request: HubRequest) -> Response:
        namespace, repository, tag = (request.params[name] for name in ("namespace", "repository", "tag"))
        caller = request.caller
        if tag not in self._repository(request).tags:
            raise ErrorResponse(message_error("object not found", 404))
        scoped = caller.token is None or _DELETE_SCOPE in caller.token.scopes
        if not scoped or not self._state.accounts.may_administer(caller.account, namespace):
            raise ErrorResponse(message_error("forbidden", 403))
        self._state.repositories.remove(
            namespace, repository, tag, actor=caller.actor, now=request.now, token_data=caller.token_data
        )
        return Response(status_code=204)

    def _repository(self, request: HubRequest) -> Repository:
        """Return the requested repository, or raise a 404 if it does not exist or the caller may not see it."""
        namespace, accounts = request.params["namespace"], self._state.accounts
        found = self._state.repositories.get(namespace, request.params["repository"])
        if found is None or (found.private and not accounts.may_administer(request.caller.account, namespace)):
            raise ErrorResponse(message_error("object not found", 404))
        return found


def _updated(tag: Tag) -> int:
    return tag.updated_ns


def _name(tag: Tag) -> str:
    return tag.name


_ORDERINGS: dict[str, Callable[[Tag], int] | Callable[[Tag], str]] = {"last_updated": _updated, "name": _name}
