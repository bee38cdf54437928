"""The routes that exchange a password or an access token for a bearer token."""

from typing import Any

from attrs import frozen
from starlette.responses import Response

from hubapi.testing._server.requests import HubRequest
from hubapi.testing._server.responses import ErrorResponse, body_error, json_response
from hubapi.testing._server.router import Route
from hubapi.testing._server.sessions import Sessions


@frozen
class AuthenticationRoutes:
    """The logins: of users, in one or two steps, and of users and organisations alike."""

    _sessions: Sessions

    def routes(self) -> list[Route]:
        return [
            Route("login", "POST", "/v2/users/login", self._login, auth="ignored"),
            Route("two_factor_login", "POST", "/v2/users/2fa-login", self._two_factor_login, auth="ignored"),
            Route("exchange", "POST", "/v2/auth/token", self._exchange, auth="ignored"),
        ]

    def _login(self, request: HubRequest) -> Response:
        username, password = _fields(request, "username", "password")
        return json_response({"token": self._sessions.log_in(username, password, request.now, orgs=False)})

    def _two_factor_login(self, request: HubRequest) -> Response:
        login_2fa_token, code = _fields(request, "login_2fa_token", "code")
        return json_response({"token": self._sessions.log_in_with_code(login_2fa_token, code, request.now)})

    def _exchange(self, request: HubRequest) -> Response:
        # The only route that accepts organisation access tokens: docker/hub-feedback#2445.
        identifier, secret = _fields(request, "identifier", "secret")
        return json_response({"access_token": self._sessions.log_in(identifier, secret, request.now, orgs=True)})


def _fields(request: HubRequest, *names: str) -> list[str]:
    """Return these string fields of the body, or raise a 400 that names the invalid ones."""
    content = request.json_object()
    values: dict[str, Any] = {name: content.get(name) for name in names}
    invalid = {name: "a non-empty string is required" for name, value in values.items() if not _is_text(value)}
    if invalid:
        raise ErrorResponse(body_error(invalid))
    return list(values.values())


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
