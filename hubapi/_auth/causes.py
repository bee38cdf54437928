"""Why the server may have said 403: most often it is the kind of credential (D18)."""

from collections.abc import Mapping

from hubapi._operation import Auth
from hubapi.credentials import Anonymous, Credentials, OrgAccessToken, Password, PersonalAccessToken, StaticToken


def likely_causes(credentials: Credentials) -> Mapping[Auth, str]:
    """Return what to tell whoever meets a 403, by the bearer that the operation takes.

    Sources: https://github.com/docker/hub-feedback/issues/2478, https://github.com/docker/hub-feedback/issues/2367
    """
    cause = _cause(credentials)
    return {"bearer": cause, "optional": cause, "scim": "the SCIM token may be of another organisation, or revoked"}


def _cause(credentials: Credentials) -> str:
    match credentials:
        case Password(username=name):
            return f"{name} may lack the right: an audit log and the settings are for owners of the organisation"
        case PersonalAccessToken(username=name, exchange=exchange):
            other = "" if exchange else "for audit logs PersonalAccessToken(…, exchange=True), for others "
            return f"{name} is logged in with a personal access token, which some routes refuse: use {other}Password(…)"
        case OrgAccessToken(org=name):
            return f"{name} is logged in with an organisation access token, which most routes refuse: use Password(…)"
        case StaticToken():
            return "the bearer may lack the right, or come from an access token, which some routes refuse"
        case Anonymous():
            return "nobody is logged in: give AsyncHub(credentials)"
