"""Who gets at SCIM, and what it tells of itself."""

import subprocess
import sys
from collections.abc import AsyncGenerator

import httpx
import pytest

from hubapi.testing import FakeHub
from tests.testing.resources.scim.scim_client import TOKEN, USER, create, refusal, scim_client, scim_fake

pytestmark = pytest.mark.anyio


@pytest.fixture
def fake() -> FakeHub:
    return scim_fake()


@pytest.fixture
async def acme(fake: FakeHub, anyio_backend: str) -> AsyncGenerator[httpx.AsyncClient]:
    async with scim_client(fake) as client:
        yield client


@pytest.mark.parametrize("authorization", [None, "Bearer ", "Bearer nonsense", f"Basic {TOKEN}"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/Users"), ("POST", "/Users"), ("GET", "/Schemas")])
async def test_without_the_token_nothing_opens(
    fake: FakeHub, anyio_backend: str, authorization: str | None, method: str, path: str
) -> None:
    """And the refusal has SCIM's own shape."""
    async with scim_client(fake) as client:
        del client.headers["authorization"]
        headers = {} if authorization is None else {"authorization": authorization}

        assert (401, None) == refusal(await client.request(method, path, headers=headers))


async def test_the_token_opens_nothing_else(acme: httpx.AsyncClient) -> None:
    """It is for the SCIM routes."""
    assert 401 == (await acme.get("http://hub.test/v2/auditlogs/acme")).status_code


async def test_the_server_tells_of_itself(acme: httpx.AsyncClient) -> None:
    """What it can do and what a user is; the shapes are held against the description elsewhere."""
    config = (await acme.get("/ServiceProviderConfig")).json()
    assert [True, True, False] == [config[feature]["supported"] for feature in ("filter", "sort", "patch")]

    types = (await acme.get("/ResourceTypes")).json()
    assert (1, "User") == (types["totalResults"], types["resources"][0]["id"])
    assert types["resources"][0] == (await acme.get("/ResourceTypes/User")).json()
    assert (404, None) == refusal(await acme.get("/ResourceTypes/Group"))

    schemas = (await acme.get("/Schemas")).json()
    (schema,) = schemas["resources"]
    assert schema == (await acme.get(f"/Schemas/{USER}")).json()
    assert (404, None) == refusal(await acme.get("/Schemas/urn:x"))
    user = await create(acme, "jon@docker.com", givenName="Jon")
    assert {"schemas", "id", "meta"} == set(user) - {attribute["name"] for attribute in schema["attributes"]}


async def test_an_organisation_without_tokens_has_no_scim(fake: FakeHub) -> None:
    """And a token is one organisation's."""
    fake.add_org("globex")

    with pytest.raises(KeyError, match="'globex' has no SCIM tokens"):
        fake.scim_users("globex")
    with pytest.raises(ValueError, match="already belongs to 'acme'"):
        fake.add_org("umbrella", scim_tokens=[TOKEN])


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """When SCIM is set up, not in the midst of a request."""
    for name in list(sys.modules):
        if name.partition(".")[0] == "scim2_models" or name.startswith(
            ("hubapi.testing._setup.scim_users", "hubapi.testing._setup.scim_schemas")
        ):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scim2_models", None)

    with pytest.raises(ImportError, match=r'scim2_models: pip install "hubapi-client\[testing\]"'):
        FakeHub().add_org("acme", scim_tokens=[TOKEN])


def test_who_has_no_scim_does_not_wait_for_it() -> None:
    """The library takes as long to import as all the rest."""
    code = (
        "import sys; from hubapi.testing import FakeHub; FakeHub().add_org('acme'); "
        "print([name for name in ('scim2_models', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()
