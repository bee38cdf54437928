"""The routes of FakeHub, one module for each group.

A new route is a line in `routes` of its group, and its handler. A new group is a module, and a line in `all_routes`.
"""

from hubapi.testing._resources.access_tokens import AccessTokenRoutes
from hubapi.testing._resources.audit_logs import AuditLogRoutes
from hubapi.testing._resources.authentication import AuthenticationRoutes
from hubapi.testing._resources.org_settings import OrgSettingsRoutes
from hubapi.testing._resources.profiles import ProfileRoutes
from hubapi.testing._resources.repositories import RepositoryRoutes
from hubapi.testing._resources.scim.routes import ScimRoutes
from hubapi.testing._server.router import Route
from hubapi.testing._server.sessions import Sessions
from hubapi.testing._setup.state import State


def all_routes(state: State, sessions: Sessions) -> list[Route]:
    """Return the routes of all groups; of two that fit a path, the first is taken."""
    return [
        *AuthenticationRoutes(sessions).routes(),
        *AuditLogRoutes(state).routes(),
        *RepositoryRoutes(state).routes(),
        *ScimRoutes(state).routes(),
        *AccessTokenRoutes(state, sessions).routes(),
        *OrgSettingsRoutes(state).routes(),
        *ProfileRoutes(state).routes(),
    ]
