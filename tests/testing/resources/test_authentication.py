"""Signing in, and what tokens are good for."""

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


def said(answer: httpx.Response) -> tuple[int, object]:
    return answer.status_code, answer.json()


async def test_a_password_gives_a_jwt(anonymous: httpx.AsyncClient, clock: VirtualClock) -> None:
    """The token is a real JWT that says when it was issued, when it expires, whose and which it is."""
    claims = [
        jwt.decode((await login(anonymous)).json()["token"], options={"verify_signature": False}) for _ in range(2)
    ]

    assert {"iat", "exp", "sub", "jti"} == set(claims[0])
    assert (int(clock.time()), 600) == (claims[0]["iat"], claims[0]["exp"] - claims[0]["iat"])
    assert claims[0]["sub"] == claims[1]["sub"]
    assert claims[0]["jti"] != claims[1]["jti"]


async def test_a_wrong_password_is_refused(anonymous: httpx.AsyncClient) -> None:
    """A wrong password, an unknown name and no rights at all look alike."""
    assert said(await login(anonymous, password="wrong")) == REFUSED
    assert said(await login(anonymous, username="nobody")) == REFUSED
    assert said(await exchange(anonymous, "moby", "wrong")) == REFUSED


async def test_a_token_does_for_a_password(anonymous: httpx.AsyncClient) -> None:
    """A personal access token is accepted where the password is, on both routes."""
    assert (await login(anonymous, password="dckr_pat_moby")).status_code == 200
    assert (await exchange(anonymous, "moby", "dckr_pat_moby")).status_code == 200
    assert (await exchange(anonymous, "moby", PASSWORD)).status_code == 200


async def test_an_organisation_cannot_log_in(anonymous: httpx.AsyncClient) -> None:
    """An organisation's token is refused by the login and accepted by the exchange."""
    refused = await login(anonymous, "acme", "dckr_oat_acme")
    accepted = await exchange(anonymous, "acme", "dckr_oat_acme")

    assert said(refused) == (401, {"detail": "Cannot log into an organization account"})
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
async def test_a_malformed_body_is_told_apart(anonymous: httpx.AsyncClient, body: bytes, fields: set[str]) -> None:
    """A body that is not what it should be is a 400 that names the fields at fault."""
    answer = await anonymous.post("/v2/users/login", content=body)

    assert answer.status_code == 400
    assert {"fields", "text"} == set(answer.json())
    assert fields == set(answer.json()["fields"])


async def test_failures_in_a_row_lock_the_name(anonymous: httpx.AsyncClient, clock: VirtualClock) -> None:
    """Five wrong passwords lock the name for ten minutes, for the right password too."""
    assert [(await login(anonymous, password="wrong")).status_code for _ in range(5)] == [401] * 5

    assert (await login(anonymous)).status_code == 429
    assert (await exchange(anonymous, "moby", PASSWORD)).status_code == 429
    assert (await login(anonymous, username="octopus")).status_code == 200
    clock.advance(599)
    assert (await login(anonymous)).status_code == 429
    clock.advance(1)
    assert (await login(anonymous)).status_code == 200


async def test_a_success_forgives_failures(anonymous: httpx.AsyncClient) -> None:
    """Only failures in a row lock a name."""
    for _ in range(3):
        for _ in range(4):
            await login(anonymous, password="wrong")
        assert (await login(anonymous)).status_code == 200


async def test_a_token_expires(moby: httpx.AsyncClient, clock: VirtualClock) -> None:
    """A token is good until its last second, and then a 401 says so."""
    clock.advance(599)
    assert (await moby.get(AUDIT_LOG)).status_code == 200
    clock.advance(1)
    assert said(await moby.get(AUDIT_LOG)) == (401, {"detail": "Signature has expired."})


async def test_tokens_can_be_revoked(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """A revoked token is refused before its time."""
    fake.revoke_tokens()

    assert (await moby.get(AUDIT_LOG)).status_code == 401


@pytest.mark.parametrize("authorization", ["Bearer nonsense", "Basic bW9ieQ==", "Bearer", "Bearer "])
async def test_a_bad_bearer_is_refused_everywhere(
    fake: FakeHub, anonymous: httpx.AsyncClient, authorization: str
) -> None:
    """A token that was never issued is refused even where none is needed."""
    fake.add_repository("library", "python")
    headers = {"authorization": authorization.strip()}

    for path in (AUDIT_LOG, "/v2/namespaces/library/repositories/python/tags"):
        answer = await anonymous.get(path, headers=headers)
        assert (answer.status_code, list(answer.json())) == (401, ["detail"])


async def test_no_bearer_is_refused_where_one_is_needed(anonymous: httpx.AsyncClient) -> None:
    """The audit log is not for those who do not say who they are."""
    assert (await anonymous.get(AUDIT_LOG)).status_code == 401


async def test_the_old_scheme_still_works(moby: httpx.AsyncClient) -> None:
    """`Authorization: JWT <token>` is as good as `Bearer`."""
    token = moby.headers["authorization"].removeprefix("Bearer ")

    assert (await moby.get(AUDIT_LOG, headers={"authorization": f"JWT {token}"})).status_code == 200


async def test_names_are_taken_once() -> None:
    """A second account of the same name, and an owner that nobody knows, are refused."""
    fake = FakeHub()
    fake.add_user("moby", password=PASSWORD)

    with pytest.raises(ValueError, match="account 'moby' already exists"):
        fake.add_org("moby")
    with pytest.raises(ValueError, match="'nobody', an owner of 'acme'"):
        fake.add_org("acme", owners=["nobody"])


async def test_secrets_stay_inside(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """No password and no token shows in a repr or in the request log."""
    await moby.get(AUDIT_LOG)
    token = moby.headers["authorization"].removeprefix("Bearer ")
    shown = repr([fake, fake.app, fake.requests, fake._state.accounts.get("moby"), fake._state.accounts.get("acme")])

    for secret in (PASSWORD, "dckr_pat_moby", "dckr_oat_acme", token):
        assert secret not in shown
