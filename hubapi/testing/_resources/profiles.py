"""The routes that tell whether there is an account of a name."""

from attrs import frozen
from starlette.responses import RedirectResponse, Response

from hubapi.testing._resources.repositories import Repositories
from hubapi.testing._server.calls import Call, json_answer, message
from hubapi.testing._server.router import Operation
from hubapi.testing._setup.accounts import Accounts
from hubapi.testing._setup.timestamps import go_text

__all__ = ["Profiles"]

_JOINED_NS = 1_400_000_000 * 10**9


@frozen
class Profiles:
    """What anybody may know of users and organisations.

    Not in the description. Each route redirects to the other for what is of the other kind; a name that nobody has
    is a 404 on both (clients of either: AlexGustafsson/cupdate, docker/hub-tool's account).
    """

    _accounts: Accounts
    _repositories: Repositories

    def operations(self) -> list[Operation]:
        return [
            Operation("users.get", "GET", "/v2/users/{name}", self._get_user, bearer="optional"),
            Operation("orgs.get", "GET", "/v2/orgs/{name}", self._get_org, bearer="optional"),
        ]

    def _get_user(self, call: Call) -> Response:
        name = call.params["name"]
        account = self._accounts.get(name)
        if account is not None and not account.is_org:
            return json_answer(
                {"id": account.uuid.replace("-", ""), "uuid": account.uuid, "username": name, **_of("User")}
            )
        return RedirectResponse(f"/v2/orgs/{name}", 308) if self._is_org(name) else message("object not found", 404)

    def _get_org(self, call: Call) -> Response:
        name = call.params["name"]
        account = self._accounts.get(name)
        if account is not None and not account.is_org:
            return RedirectResponse(f"/v2/users/{name}", 308)
        if not self._is_org(name):
            return message("object not found", 404)
        uuid = self._accounts.uuid_of(name)
        return json_answer(
            {"id": uuid.replace("-", ""), "uuid": uuid, "orgname": name, **_of("Organization"), "badge": ""}
        )

    def _is_org(self, name: str) -> bool:
        """Say whether it is an organisation: so is a namespace that only holds repositories, such as `library`."""
        account = self._accounts.get(name)
        return account.is_org if account is not None else self._repositories.has_namespace(name)


def _of(kind: str) -> dict[str, str]:
    return {
        "full_name": "",
        "location": "",
        "company": "",
        "profile_url": "",
        "date_joined": go_text(_JOINED_NS),
        "gravatar_url": "",
        "gravatar_email": "",
        "type": kind,
    }
