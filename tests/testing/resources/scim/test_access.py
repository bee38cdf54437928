"""Access to SCIM, and its discovery routes."""

import subprocess
import sys
from collections.abc import AsyncGenerator

import httpx
import pytest

from hubapi.testing import FakeHub
from tests.testing.resources.scim.scim_client import TOKEN, USER, create, scim_client, scim_error, scim_fake

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
async def test_scim_requires_its_token(
    fake: FakeHub, anyio_backend: str, authorization: str | None, method: str, path: str
) -> None:
    """The error has SCIM's own shape."""
    async with scim_client(fake) as client:
        del client.headers["authorization"]
        headers = {} if authorization is None else {"authorization": authorization}

        assert (401, None) == scim_error(await client.request(method, path, headers=headers))


async def test_other_routes_reject_the_token(acme: httpx.AsyncClient) -> None:
    """It is valid on the SCIM routes alone."""
    assert 401 == (await acme.get("http://hub.test/v2/auditlogs/acme")).status_code


async def test_discovery(acme: httpx.AsyncClient) -> None:
    """The server describes its features and the user; other tests compare the shapes with the description."""
    config = (await acme.get("/ServiceProviderConfig")).json()
    assert [True, True, False] == [config[feature]["supported"] for feature in ("filter", "sort", "patch")]

    types = (await acme.get("/ResourceTypes")).json()
    assert (1, "User") == (types["totalResults"], types["resources"][0]["id"])
    assert types["resources"][0] == (await acme.get("/ResourceTypes/User")).json()
    assert (404, None) == scim_error(await acme.get("/ResourceTypes/Group"))

    schemas = (await acme.get("/Schemas")).json()
    (schema,) = schemas["resources"]
    assert schema == (await acme.get(f"/Schemas/{USER}")).json()
    assert (404, None) == scim_error(await acme.get("/Schemas/urn:x"))
    user = await create(acme, "jon@docker.com", givenName="Jon")
    assert {"schemas", "id", "meta"} == set(user) - {attribute["name"] for attribute in schema["attributes"]}


async def test_an_organisation_without_tokens_has_no_scim(fake: FakeHub) -> None:
    """A token belongs to one organisation."""
    fake.add_org("globex")

    with pytest.raises(KeyError, match="'globex' has no SCIM tokens"):
        fake.scim_users("globex")
    with pytest.raises(ValueError, match="already belongs to 'acme'"):
        fake.add_org("umbrella", scim_tokens=[TOKEN])


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes when the organisation is added, not during a request."""
    for name in list(sys.modules):
        if name.partition(".")[0] == "scim2_models" or name.startswith(
            ("hubapi.testing._setup.scim_users", "hubapi.testing._setup.scim_schemas")
        ):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scim2_models", None)

    with pytest.raises(ImportError, match=r'scim2_models: pip install "hubapi-client\[testing\]"'):
        FakeHub().add_org("acme", scim_tokens=[TOKEN])


def test_scim_is_imported_on_demand() -> None:
    """Importing the library takes as long as importing all the rest."""
    code = (
        "import sys; from hubapi.testing import FakeHub; FakeHub().add_org('acme'); "
        "print([name for name in ('scim2_models', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()
