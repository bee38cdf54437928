"""Organisations' settings, and the routes to them."""

from typing import Any

from attrs import field, frozen
from starlette.responses import Response

from hubapi.testing._resources.audit_logs import AuditLogs
from hubapi.testing._server.bodies import invalid, read_object
from hubapi.testing._server.calls import Call, Refused, json_answer, message
from hubapi.testing._server.router import Operation
from hubapi.testing._setup.accounts import Accounts

__all__ = ["OrgSettings"]

_Switches = dict[str, bool]
_AT_FIRST: _Switches = {"enabled": False, "allow_official_images": True, "allow_verified_publishers": True}


@frozen
class OrgSettings:
    """Which images an organisation's members may use: all that there is to set."""

    _accounts: Accounts
    _audit_logs: AuditLogs
    _restricted_images: dict[str, _Switches] = field(factory=dict[str, _Switches], init=False)

    def operations(self) -> list[Operation]:
        path = "/v2/orgs/{name}/settings"
        return [
            Operation("org_settings.get", "GET", path, self._get),
            Operation("org_settings.update", "PUT", path, self._update),
        ]

    def _get(self, call: Call) -> Response:
        org = self._org(call)
        return json_answer({"restricted_images": self._restricted_images.get(org, _AT_FIRST)})

    def _update(self, call: Call) -> Response:
        org = self._org(call)
        switches = _read(read_object(call.body))
        self._restricted_images[org] = switches
        self._audit_logs.record(
            org,
            "org.settings.update",
            name=org,
            actor=call.actor,
            now=call.now,
            data={"restricted_images": switches, **call.token_data},
            description=f"updated the settings of the organization {org}",
        )
        return json_answer({"restricted_images": switches})

    def _org(self, call: Call) -> str:
        name = call.params["name"]
        account = self._accounts.get(name)
        if account is None or not account.is_org:
            raise Refused(message("object not found", 404))
        # Owners only, says the description; and of organisations' tokens only that they work on other routes.
        if call.kind == "oat" or not self._accounts.may_administer(call.account, name):
            raise Refused(message("forbidden", 403))
        return name


def _read(body: dict[str, Any]) -> _Switches:
    """Return the switches, of which the description requires all three."""
    switches = body.get("restricted_images")
    if not isinstance(switches, dict):
        raise invalid({"restricted_images": "an object is required"})
    values: dict[str, Any] = {name: switches.get(name) for name in _AT_FIRST}  # pyright: ignore[reportUnknownMemberType]
    wrong = {
        f"restricted_images.{name}": "a boolean is required"
        for name, value in values.items()
        if not isinstance(value, bool)
    }
    if wrong:
        raise invalid(wrong)
    return values
