"""Personal access tokens: their routes and their use."""

from typing import Any

import httpx
import pytest

from hubapi import AsyncHub, AuthenticationError, Forbidden, NotFound, Password, PersonalAccessToken
from hubapi.testing import FakeHub, VirtualClock
from tests.testing.conftest import PASSWORD

pytestmark = pytest.mark.anyio

TOKENS = "/v2/access-tokens"
CI = {"token_label": "ci", "scopes": ["repo:read"]}


async def login(client: httpx.AsyncClient, secret: str, username: str = "moby") -> httpx.Response:
    return await client.post("/v2/users/login", json={"username": username, "password": secret})


async def exchange(client: httpx.AsyncClient, secret: str, identifier: str = "moby") -> httpx.Response:
    return await client.post("/v2/auth/token", json={"identifier": identifier, "secret": secret})


async def create(client: httpx.AsyncClient, label: str = "ci") -> dict[str, Any]:
    response = await client.post(TOKENS, json={**CI, "token_label": label}, headers={"user-agent": "robot/1.0"})
    assert response.status_code == 201
    token: dict[str, Any] = response.json()
    return token


async def test_only_creation_returns_the_secret(moby: httpx.AsyncClient) -> None:
    """The list and the token's own route return everything else."""
    created = await create(moby)
    listed = (await moby.get(TOKENS)).json()["results"][0]

    assert created["token"].startswith("dckr_pat_")
    assert {**created, "token": ""} == listed == (await moby.get(f"{TOKENS}/{created['uuid']}")).json()
    assert {
        "client_id": "HUB",
        "creator_ip": "127.0.0.1",
        "creator_ua": "robot/1.0",
        "generated_by": "manual",
        "created_at": "2025-01-01T00:00:00Z",
        "last_used": None,
        "is_active": True,
        "token_label": "ci",
        "scopes": ["repo:read"],
    } == {name: value for name, value in listed.items() if name not in {"uuid", "token"}}


async def test_a_new_token_logs_in_at_once(
    anonymous: httpx.AsyncClient, moby: httpx.AsyncClient, clock: VirtualClock
) -> None:
    """Both login routes accept it, and it records its last use."""
    created = await create(moby)
    clock.advance(60)

    assert 200 == (await login(anonymous, created["token"])).status_code
    assert 200 == (await exchange(anonymous, created["token"])).status_code
    assert "2025-01-01T00:01:00Z" == (await moby.get(f"{TOKENS}/{created['uuid']}")).json()["last_used"]


async def test_tokens_of_add_user_are_listed(moby: httpx.AsyncClient) -> None:
    """They are the same as tokens created through the API."""
    before = (await moby.get(TOKENS)).json()
    assert (1, 1, ["token 1"]) == (
        before["count"],
        before["active_count"],
        [token["token_label"] for token in before["results"]],
    )
    uuid = before["results"][0]["uuid"]

    assert 204 == (await moby.delete(f"{TOKENS}/{uuid}")).status_code
    assert 401 == (await login(moby, "dckr_pat_moby")).status_code


async def test_an_inactive_token_is_rejected(anonymous: httpx.AsyncClient, moby: httpx.AsyncClient) -> None:
    """Its logins fail and its sessions end; active again, it can log in, but its old sessions stay ended."""
    created = await create(moby)
    secret = created["token"]
    bearers = [
        (await login(anonymous, secret)).json()["token"],
        (await exchange(anonymous, secret)).json()["access_token"],
    ]

    async def reads(bearer: str) -> int:
        path = "/v2/namespaces/library/repositories/python/tags"
        return (await anonymous.get(path, headers={"authorization": f"Bearer {bearer}"})).status_code

    assert [200, 200] == [await reads(bearer) for bearer in bearers]
    updated = (await moby.patch(f"{TOKENS}/{created['uuid']}", json={"is_active": False})).json()
    assert {**created, "token": "", "is_active": False} == {**updated, "last_used": None}
    listed = (await moby.get(TOKENS)).json()
    assert (2, 1) == (listed["count"], listed["active_count"])
    assert (401, 401) == ((await login(anonymous, secret)).status_code, (await exchange(anonymous, secret)).status_code)
    assert [401, 401] == [await reads(bearer) for bearer in bearers]

    await moby.patch(f"{TOKENS}/{created['uuid']}", json={"is_active": True})
    assert 200 == (await login(anonymous, secret)).status_code
    assert [401, 401] == [await reads(bearer) for bearer in bearers]


async def test_a_deleted_token_is_gone(anonymous: httpx.AsyncClient, moby: httpx.AsyncClient) -> None:
    """It is not listed, is a 404, can't log in, and its sessions end; the session that deleted it continues."""
    created = await create(moby)
    bearer = (await login(anonymous, created["token"])).json()["token"]
    path = f"{TOKENS}/{created['uuid']}"

    assert (204, b"") == ((deleted := await moby.delete(path)).status_code, deleted.content)
    assert 1 == (await moby.get(TOKENS)).json()["count"]
    for method in ("GET", "PATCH", "DELETE"):
        assert 404 == (await moby.request(method, path, json={})).status_code
    assert 401 == (await login(anonymous, created["token"])).status_code
    assert 401 == (await anonymous.get(TOKENS, headers={"authorization": f"Bearer {bearer}"})).status_code


async def test_a_token_is_renamed(moby: httpx.AsyncClient) -> None:
    """Only the label changes; fields that are omitted, or can't be changed, stay."""
    created = await create(moby)
    path = f"{TOKENS}/{created['uuid']}"

    renamed = (await moby.patch(path, json={"token_label": "nightly", "scopes": ["repo:admin"]})).json()
    assert {**created, "token": "", "token_label": "nightly"} == renamed
    assert renamed == (await moby.patch(path, json={})).json()


async def test_the_list_comes_in_pages(moby: httpx.AsyncClient) -> None:
    """A page has 10 tokens by default and 100 at most, newest first; past the end is a 404."""
    for number in range(11):
        await create(moby, f"token-{number}")
    first = (await moby.get(TOKENS)).json()
    second = (await moby.get(first["next"])).json()

    assert ["count", "next", "previous", "active_count", "results"] == list(first)
    assert (12, 12, 10, 2) == (first["count"], first["active_count"], len(first["results"]), len(second["results"]))
    assert (f"http://hub.test{TOKENS}?page=2", None) == (first["next"], first["previous"])
    assert "token-10" == first["results"][0]["token_label"]
    assert (None, f"http://hub.test{TOKENS}?page=1") == (second["next"], second["previous"])
    assert 12 == len((await moby.get(TOKENS, params={"page_size": 1000})).json()["results"])
    assert 404 == (await moby.get(TOKENS, params={"page": 3})).status_code


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"{", set[str]()),
        (b"[]", set[str]()),
        (b"[" * 100_000, set[str]()),
        (b"{}", {"token_label", "scopes"}),
        (b'{"token_label": "", "scopes": []}', {"token_label"}),
        (b'{"token_label": "%b", "scopes": []}' % (b"x" * 101), {"token_label"}),
        (b'{"token_label": 1, "scopes": "repo:read"}', {"token_label", "scopes"}),
        (b'{"token_label": "ci", "scopes": ["repo:everything"]}', {"scopes"}),
        (b'{"token_label": "ci", "scopes": [["repo:read"]]}', {"scopes"}),
        (b'{"token_label": "ci", "scopes": null}', {"scopes"}),
    ],
)
async def test_an_invalid_token_is_rejected(moby: httpx.AsyncClient, body: bytes, fields: set[str]) -> None:
    """A 400 names the invalid fields, and nothing is created."""
    response = await moby.post(TOKENS, content=body)

    assert (400, {"fields", "text"}) == (response.status_code, set(response.json()))
    assert fields == set(response.json()["fields"])
    assert 1 == (await moby.get(TOKENS)).json()["count"]


@pytest.mark.parametrize("body", [{"is_active": "no"}, {"is_active": None}, {"token_label": "x" * 101}])
async def test_an_invalid_update_is_rejected(moby: httpx.AsyncClient, body: dict[str, object]) -> None:
    """A 400 names the invalid field, and the token stays as it was."""
    created = await create(moby)
    path = f"{TOKENS}/{created['uuid']}"
    response = await moby.patch(path, json=body)

    assert (400, set(body)) == (response.status_code, set(response.json()["fields"]))
    assert {**created, "token": ""} == (await moby.get(path)).json()


async def test_a_label_may_be_any_text(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """A hundred characters of any kind are kept; half a surrogate pair is replaced."""
    label = "Fälschung 🐋" * 9
    assert label == (await create(moby, label))["token_label"]
    body = b'{"token_label": "half \\ud83d", "scopes": []}'
    assert "half ?" == (await moby.post(TOKENS, content=body)).json()["token_label"]
    assert "half ?" == fake.events("moby")[0]["data"]["token_label"]


async def test_token_sessions_can_not_manage_tokens(anonymous: httpx.AsyncClient) -> None:
    """Sessions of access tokens and of organisations are forbidden, by either login route; anonymous is a 401."""
    bearers = [
        (await login(anonymous, "dckr_pat_moby")).json()["token"],
        (await exchange(anonymous, "dckr_pat_moby")).json()["access_token"],
        (await exchange(anonymous, "dckr_oat_acme", "acme")).json()["access_token"],
    ]
    errors = ["token issued from personal access token is not allowed"] * 2 + ["forbidden"]

    for bearer, text in zip(bearers, errors, strict=True):
        headers = {"authorization": f"Bearer {bearer}"}
        for method, path in [
            ("POST", TOKENS),
            ("GET", TOKENS),
            *((m, f"{TOKENS}/1") for m in ("GET", "PATCH", "DELETE")),
        ]:
            response = await anonymous.request(method, path, json=CI, headers=headers)
            assert (403, {"message": text, "errinfo": {}}) == (response.status_code, response.json())
    assert 401 == (await anonymous.get(TOKENS)).status_code


async def test_users_see_only_their_own_tokens(anonymous: httpx.AsyncClient, moby: httpx.AsyncClient) -> None:
    """The token of another user is a 404."""
    created = await create(moby)
    bearer = (await login(anonymous, PASSWORD, "octopus")).json()["token"]
    headers = {"authorization": f"Bearer {bearer}"}

    assert 0 == (await anonymous.get(TOKENS, headers=headers)).json()["count"]
    assert 404 == (await anonymous.delete(f"{TOKENS}/{created['uuid']}", headers=headers)).status_code


async def test_changes_of_tokens_are_in_the_audit_log(fake: FakeHub, moby: httpx.AsyncClient) -> None:
    """The user's own log has each change, never the secret."""
    created = await create(moby)
    path = f"{TOKENS}/{created['uuid']}"
    await moby.patch(path, json={"is_active": False})
    await moby.delete(path)
    events = fake.events("moby")

    actions = ["user.access_token.delete", "user.access_token.update", "user.access_token.create"]
    assert actions == [event["action"] for event in events]
    assert {("moby", "moby", "moby")} == {(event["account"], event["name"], event["actor"]) for event in events}
    assert {"token_id": created["uuid"], "token_label": "ci", "is_active": False} == events[1]["data"]
    assert created["token"].encode() not in b"".join(fake.raw_events("moby"))


async def test_the_same_seed_gives_the_same_tokens(clock: VirtualClock) -> None:
    """A token follows from the seed, as all generated data."""

    async def made(seed: int) -> str:
        fake = FakeHub(seed=seed, clock=clock)
        fake.add_user("moby", password=PASSWORD)
        async with AsyncHub(Password("moby", PASSWORD), transport=fake.transport(), clock=clock) as hub:
            return str((await hub.access_tokens.create("ci", ["repo:read"])).token)

    assert await made(1) == await made(1) != await made(2)


async def test_the_lifecycle_of_a_token_through_the_client(fake: FakeHub, clock: VirtualClock) -> None:
    """It is created, listed, used, deactivated and deleted through `AsyncHub`."""
    async with AsyncHub(Password("moby", PASSWORD), transport=fake.transport(), clock=clock) as hub:
        token = await hub.access_tokens.create("ci", ["repo:read", "repo:public_read"])
        assert token.uuid
        assert token.token
        who = PersonalAccessToken("moby", token.token)
        assert ["ci", "token 1"] == [found.token_label for found in await hub.access_tokens.list().collect()]

        async with AsyncHub(who, transport=fake.transport(), clock=clock) as other:
            with pytest.raises(Forbidden, match="personal access token"):
                await other.access_tokens.list().first()
        assert (await hub.access_tokens.get(token.uuid)).last_used

        assert not (await hub.access_tokens.update(token.uuid, is_active=False)).is_active
        async with AsyncHub(who, transport=fake.transport(), clock=clock) as other:
            with pytest.raises(AuthenticationError):
                await other.access_tokens.list().first()

        await hub.access_tokens.delete(token.uuid)
        with pytest.raises(NotFound):
            await hub.access_tokens.get(token.uuid)
