"""The routes that turn a password or a token into a bearer token."""

from typing import Any

from starlette.responses import Response

from hubapi.testing._server.bodies import invalid, read_object
from hubapi.testing._server.calls import Call, json_answer
from hubapi.testing._server.router import Operation
from hubapi.testing._setup.accounts import Accounts

__all__ = ["login_operations"]


def login_operations(accounts: Accounts) -> list[Operation]:
    """Return the two ways in, for users (with a second step) and for users and organisations alike."""

    def login(call: Call) -> Response:
        username, password = _fields(call.body, "username", "password")
        return json_answer({"token": accounts.sign_in(username, password, call.now, orgs=False)})

    def two_factor_login(call: Call) -> Response:
        half_in, code = _fields(call.body, "login_2fa_token", "code")
        return json_answer({"token": accounts.sign_in_with_code(half_in, code, call.now)})

    def exchange(call: Call) -> Response:
        # Organisation tokens only work here: docker/hub-feedback#2445.
        identifier, secret = _fields(call.body, "identifier", "secret")
        return json_answer({"access_token": accounts.sign_in(identifier, secret, call.now, orgs=True)})

    return [
        Operation("login", "POST", "/v2/users/login", login, bearer="ignored"),
        Operation("two_factor_login", "POST", "/v2/users/2fa-login", two_factor_login, bearer="ignored"),
        Operation("exchange", "POST", "/v2/auth/token", exchange, bearer="ignored"),
    ]


def _fields(body: bytes, *names: str) -> list[str]:
    """Return these string fields of a JSON object; raise `Refused` with a 400 that names what is wrong."""
    content = read_object(body)
    values: dict[str, Any] = {name: content.get(name) for name in names}
    wrong = {name: "a non-empty string is required" for name, value in values.items() if not _is_text(value)}
    if wrong:
        raise invalid(wrong)
    return list(values.values())


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
