"""The routes of FakeHub are the operations of the description, and a few more that it lacks."""

from hubapi.testing import FakeHub
from hubapi.testing._resources import all_routes
from hubapi.testing._server.router import Route
from tests.testing.description.corrected import OPERATIONS

BEYOND = {
    # Documented since 2025-09-19; the description is older.
    ("HEAD", "/v2/namespaces/{namespace}/repositories/{repository}"): "repositories.exists",
    # Served since 2020 or so (docker/hub-feedback#2249); left out of the description.
    ("DELETE", "/v2/namespaces/{namespace}/repositories/{repository}/tags/{tag}"): "repositories.delete_tag",
    # Whether there is such an account (docker/hub-tool).
    ("GET", "/v2/users/{name}"): "users.get",
    ("GET", "/v2/orgs/{name}"): "orgs.get",
}
"""The routes that the description lacks and the real server has."""


def routes() -> list[Route]:
    fake = FakeHub()
    return all_routes(fake._state, fake._sessions)


def test_the_routes_are_the_operations() -> None:
    """The same methods and paths under the same names; the logins go without their group."""
    served = {(route.method, route.path): route.operation for route in routes()}
    described = {(found.method, found.path): found.name for found in OPERATIONS.values()}

    assert {at: name.removeprefix("authentication.") for at, name in described.items()} | BEYOND == served


def test_no_route_is_defined_twice() -> None:
    """The second would never be reached."""
    found = [(route.method, route.path) for route in routes()]

    assert sorted(set(found)) == sorted(found)
