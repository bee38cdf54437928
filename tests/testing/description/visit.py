"""A client that makes requests by the operation names of the description."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

import httpx
from attrs import field, frozen

from hubapi.testing import FakeHub, VirtualClock
from tests.testing.description.corrected import OPERATIONS
from tests.testing.description.world import PASSWORD, SCIM_TOKEN

_LOGINS = {"moby": ("moby", PASSWORD), "moby's token": ("moby", "dckr_pat_moby"), "octopus": ("octopus", PASSWORD)}
_BEARERS = {"stranger": "Bearer nonsense", "scim": f"Bearer {SCIM_TOKEN}"}


@frozen
class Visit:
    """One client of one fake, in process."""

    fake: FakeHub
    clock: VirtualClock
    client: httpx.AsyncClient = field(repr=False)

    async def ask(
        self,
        operation: str,
        *path: str,
        who: str = "moby",
        query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> httpx.Response:
        """Send a request for an operation by its name; a body of bytes is sent as it is, any other as JSON."""
        described = OPERATIONS[operation]
        values = iter(path)
        url = re.sub(r"\{\w+\}", lambda _: quote(next(values), safe=""), described.path)
        headers = await self._bearer(who)
        if isinstance(body, bytes):
            return await self.client.request(described.method, url, params=query, headers=headers, content=body)
        return await self.client.request(described.method, url, params=query, headers=headers, json=body)

    async def _bearer(self, who: str) -> dict[str, str]:
        """Return the headers of a user after a login, or of a caller without one."""
        if who == "anonymous":
            return {}
        if who in _BEARERS:
            return {"authorization": _BEARERS[who]}
        username, password = _LOGINS[who]
        response = await self.client.post("/v2/users/login", json={"username": username, "password": password})
        return {"authorization": f"Bearer {response.json()['token']}"}


Learned: TypeAlias = Callable[[Visit], Awaitable[Any]]
"""A value that is known only at run time: an id, a token."""


async def learned(visit: Visit, value: Any) -> Any:
    """Return a value, determined at run time if it must be."""
    return await value(visit) if callable(value) else value
