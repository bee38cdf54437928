"""Logins, and the tokens that they return."""

import httpx
import jwt
import pytest

from hubapi.testing import FakeHub, VirtualClock
from tests.testing.conftest import PASSWORD

pytestmark = pytest.mark.anyio

REFUSED = (401, {"detail": "Incorrect authentication credentials"})
AUDIT_LOG = "/v2/auditlogs/acme"


async def login(client: httpx.AsyncClient, username: str = "moby", password: str = PASSWORD) -> httpx.Response:
    return await client.post("/v2/users/login", json={"username": username, "password": password})


async def exchange(client: httpx.AsyncClient, identifier: str, secret: str) -> httpx.Response:
    return await client.post("/v2/auth/token", json={"identifier": identifier, "secret": secret})


def status_and_body(response: httpx.Response) -> tuple[int, object]:
    return response.status_code, response.json()


async def test_a_password_gives_a_jwt(anonymous: httpx.AsyncClient, clock: VirtualClock) -> None:
    """The token is a JWT with its issue time, its expiry, its account and its id."""
    claims = [
        jwt.decode((await login(anonymous)).json()["token"], options={"verify_signature": False}) for _ in range(2)
    ]

    assert {"iat", "exp", "sub", "jti"} == set(claims[0])
    assert (int(clock.time()), 600) == (claims[0]["iat"], claims[0]["exp"] - claims[0]["iat"])
    assert claims[0]["sub"] == claims[1]["sub"]
    assert claims[0]["jti"] != claims[1]["jti"]


async def test_a_wrong_password_is_rejected(anonymous: httpx.AsyncClient) -> None:
    """A wrong password and an unknown name get the same response."""
    assert status_and_body(await login(anonymous, password="wrong")) == REFUSED
    assert status_and_body(await login(anonymous, username="nobody")) == REFUSED
    assert status_and_body(await exchange(anonymous, "moby", "wrong")) == REFUSED


async def test_a_token_replaces_the_password(anonymous: httpx.AsyncClient) -> None:
    """Both routes accept a personal access token instead of the password."""
    assert (await login(anonymous, password="dckr_pat_moby")).status_code == 200
    assert (await exchange(anonymous, "moby", "dckr_pat_moby")).status_code == 200
    assert (await exchange(anonymous, "moby", PASSWORD)).status_code == 200


async def test_an_organisation_cannot_log_in(anonymous: httpx.AsyncClient) -> None:
    """The login route rejects an organisation access token, the exchange accepts it."""
    rejected = await login(anonymous, "acme", "dckr_oat_acme")
    accepted = await exchange(anonymous, "acme", "dckr_oat_acme")

    assert status_and_body(rejected) == (401, {"detail": "Cannot log into an organization account"})
    bearer = {"authorization": f"Bearer {accepted.json()['access_token']}"}
    assert (await anonymous.get(AUDIT_LOG, headers=bearer)).status_code == 200


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", set()),
        (b"{", set()),
        (b"[]", set()),
        (b'{"username": "moby"}', {"password"}),
        (b'{"username": 1, "password": ""}', {"username", "password"}),
    ],
)
async def test_an_invalid_body_is_a_400(anonymous: httpx.AsyncClient, body: bytes, fields: set[str]) -> None:
    """The response names the invalid fields."""
    response = await anonymous.post("/v2/users/login", content=body)

    assert response.status_code == 400
    assert {"fields", "text"} == set(response.json())
    assert fields == set(response.json()["fields"])


async def test_failures_in_a_row_lock_the_name(anonymous: httpx.AsyncClient, clock: VirtualClock) -> None:
    """Five wrong passwords lock the name for ten minutes, even for the right password."""
    assert [(await login(anonymous, password="wrong")).status_code for _ in range(5)] == [401] * 5

    assert (await login(anonymous)).status_code == 429
    assert (await exchange(anonymous, "moby", PASSWORD)).status_code == 429
    assert (await login(anonymous, username="octopus")).status_code == 200
    clock.advance(599)
    assert (await login(anonymous)).status_code == 429
    clock.advance(1)
    assert (await login(anonymous)).status_code == 200


async def test_a_success_resets_failures(anonymous: httpx.AsyncClient) -> None:
    """Only failures in a row lock a name."""
    for _ in range(3):
        for _ in range(4):
            await login(anonymous, password="wrong")
        assert (await login(anonymous)).status_code == 200


async def test_a_token_expires(moby: httpx.AsyncClient, clock: VirtualClock) -> None:
    """A token is valid for its whole lifetime, and then a 401."""
    clock.advance(599)
    assert (await moby.get(AUDIT_LOG)).status_code == 200
    clock.advance(1)
    assert status_and_body(await moby.get(AUDIT_LOG)) == (401, {"detail": "Signature has expired."})


async def test_tokens_can_be_revoked(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """A revoked token is a 401 before it expires."""
    fake.revoke_tokens()

    assert (await moby.get(AUDIT_LOG)).status_code == 401


@pytest.mark.parametrize("authorization", ["Bearer nonsense", "Basic bW9ieQ==", "Bearer", "Bearer "])
async def test_an_invalid_bearer_token_is_rejected_everywhere(
    fake: FakeHub, anonymous: httpx.AsyncClient, authorization: str
) -> None:
    """Even routes that require no token reject one that was never issued."""
    fake.add_repository("library", "python")
    headers = {"authorization": authorization.strip()}

    for path in (AUDIT_LOG, "/v2/namespaces/library/repositories/python/tags"):
        response = await anonymous.get(path, headers=headers)
        assert (response.status_code, list(response.json())) == (401, ["detail"])


async def test_a_missing_bearer_token_is_rejected_if_required(anonymous: httpx.AsyncClient) -> None:
    """The audit log is not public."""
    assert (await anonymous.get(AUDIT_LOG)).status_code == 401


async def test_the_old_scheme_still_works(moby: httpx.AsyncClient) -> None:
    """`Authorization: JWT <token>` is equivalent to `Bearer`."""
    token = moby.headers["authorization"].removeprefix("Bearer ")

    assert (await moby.get(AUDIT_LOG, headers={"authorization": f"JWT {token}"})).status_code == 200


async def test_names_are_unique() -> None:
    """A second account with the same name and an unknown owner are rejected."""
    fake = FakeHub()
    fake.add_user("moby", password=PASSWORD)

    with pytest.raises(ValueError, match="account 'moby' already exists"):
        fake.add_org("moby")
    with pytest.raises(ValueError, match="'nobody', an owner of 'acme'"):
        fake.add_org("acme", owners=["nobody"])


async def test_secrets_stay_inside(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """No password or token is in a repr or in the request log."""
    await moby.get(AUDIT_LOG)
    token = moby.headers["authorization"].removeprefix("Bearer ")
    shown = repr([fake, fake.app, fake.requests, fake._state.accounts.get("moby"), fake._state.accounts.get("acme")])

    for secret in (PASSWORD, "dckr_pat_moby", "dckr_oat_acme", token):
        assert secret not in shown
