"""Token stores: tokens shared by hubs and processes, in files that other users can't read."""

import logging
import os
import pickle
import stat
import sys
from pathlib import Path

import anyio
import httpx
import msgspec
import pytest

from hubapi import (
    AsyncHub,
    AuthenticationError,
    FileTokenStore,
    MemoryTokenStore,
    OrgAccessToken,
    Password,
    PersonalAccessToken,
    StoredToken,
    TokenStore,
)
from hubapi._auth.schemes import scheme_of
from hubapi._auth.token_store import Identity
from hubapi._secret import Secret
from hubapi.testing import VirtualClock
from tests.auth.logins import LOGIN, LOGS, PASSWORD, Interceptor, call, fake_hub, make_hub, outcomes, slow_login

pytestmark = pytest.mark.anyio


def identity_of(base_url: str, credentials: Password | PersonalAccessToken | OrgAccessToken) -> Identity:
    identity = scheme_of(credentials).identity(base_url)
    assert identity is not None
    return identity


KEY = "https://hub.docker.com password moby 0123456789abcdef"
TOKEN = StoredToken(token=Secret("eyJ.canary.4711"), expires_at=1_735_690_200.5, lifetime_s=600.0)


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TokenStore:
    return MemoryTokenStore() if request.param == "memory" else FileTokenStore(tmp_path / "tokens")


@pytest.fixture
def files(tmp_path: Path) -> FileTokenStore:
    return FileTokenStore(tmp_path / "new" / "tokens")


def only_file(files: FileTokenStore) -> Path:
    (path,) = files.directory.iterdir()
    return path


class Broken:
    """A store whose database is gone."""

    async def get(self, key: str) -> StoredToken | None:
        raise ConnectionError(f"no {key}")

    async def put(self, key: str, token: StoredToken) -> None:
        raise ConnectionError(token.token.reveal())

    async def forget(self, key: str) -> None:
        raise ConnectionError(key)


# --- any store


async def test_a_store_returns_the_last_token_of_a_key(store: TokenStore) -> None:
    """Until the key is forgotten."""
    other = StoredToken(token=Secret("other"), expires_at=2e9, lifetime_s=5.0)
    await store.forget(KEY)
    assert await store.get(KEY) is None
    await store.put(KEY, other)
    await store.put(KEY, TOKEN)
    await store.put(f"{KEY}/", other)

    assert (TOKEN, other) == (await store.get(KEY), await store.get(f"{KEY}/"))
    await store.forget(KEY)
    assert (None, other) == (await store.get(KEY), await store.get(f"{KEY}/"))


async def test_a_stored_token_saves_a_login(store: TokenStore) -> None:
    """A later hub with the same credentials does not log in while the token is valid."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport())
        for _ in range(3):
            async with make_hub(transport, clock, token_store=store) as hub:
                assert 25 == await call(hub)
        logins = transport.logins
        clock.advance(591)
        async with make_hub(transport, clock, token_store=store) as hub:
            assert 25 == await call(hub)

    assert (1, 2) == (logins, transport.logins)


async def test_a_stored_token_that_is_refused_is_replaced(store: TokenStore) -> None:
    """The 401 causes one login, and the next hub uses its token."""
    async with VirtualClock() as clock:
        fake = fake_hub(clock)
        transport = Interceptor(fake.transport())
        async with make_hub(transport, clock, token_store=store) as hub:
            await call(hub)
        fake.revoke_tokens()
        transport.paths.clear()
        async with make_hub(transport, clock, token_store=store) as hub:
            assert 25 == await call(hub)
        async with make_hub(transport, clock, token_store=store) as hub:
            assert 25 == await call(hub)

    assert [LOGS, LOGIN, LOGS, LOGS] == transport.paths


async def test_a_refused_token_is_forgotten_even_if_the_login_fails(store: TokenStore) -> None:
    """No other hub is to use it."""
    async with VirtualClock() as clock:
        fake = fake_hub(clock)
        transport = Interceptor(fake.transport())
        credentials = Password("moby", PASSWORD)
        async with make_hub(transport, clock, credentials, token_store=store) as hub:
            await call(hub)
            fake.revoke_tokens()

            async def intercept(request: httpx.Request) -> httpx.Response | None:
                if request.url.path == LOGIN:
                    raise httpx.UnsupportedProtocol("no way")
                return None

            transport.intercept = intercept
            await outcomes(hub, 1)

        assert await store.get(await identity_of("https://hub.docker.com", credentials).key()) is None


async def test_reauthenticating_ignores_the_store() -> None:
    """The next call logs in, also in a new hub."""
    store = MemoryTokenStore()
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport())
        async with make_hub(transport, clock, token_store=store) as hub:
            await call(hub)
            await hub.reauthenticate()
            await call(hub)
        async with make_hub(transport, clock, token_store=store) as hub:
            await hub.reauthenticate()
            await call(hub)
            await call(hub)

    assert 3 == transport.logins


@pytest.mark.parametrize("wrong_s", [-86_400, -300, 300, 86_400])
async def test_a_wrong_clock_only_costs_a_refresh(wrong_s: float) -> None:
    """A stored token expires at a wall-clock time: with a wrong clock, it is renewed too early or after a 401."""
    store = MemoryTokenStore()
    async with VirtualClock() as clock:
        fake = fake_hub(clock)
        transport = Interceptor(fake.transport())
        clock.wall_offset_s = wrong_s
        fake.skew_s = -wrong_s
        async with make_hub(transport, clock, token_store=store) as hub:
            await call(hub)
        clock.wall_offset_s, fake.skew_s = 0, 0
        for _ in range(3):
            clock.advance(500)
            async with make_hub(transport, clock, token_store=store) as hub:
                assert 25 == await call(hub)

    assert transport.logins <= 4
    assert fake.count(status=401) <= 3


async def test_a_failing_store_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    """With a warning that has only the type of the error: its message might contain the token."""
    caplog.set_level(logging.WARNING, "hubapi")
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport())
        async with make_hub(transport, clock, token_store=Broken()) as hub:
            assert [25] * 20 == await outcomes(hub, 20)

    assert 1 == transport.logins
    assert [
        "the token store could not read a token (ConnectionError); going on without",
        "the token store could not write a token (ConnectionError); going on without",
    ] == caplog.messages


# --- several hubs


async def test_hubs_that_share_a_store_share_a_login() -> None:
    """Two hubs of one event loop, with a hundred concurrent calls each, log in once."""
    store = MemoryTokenStore()
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport(), slow_login(clock, 1))
        async with (
            make_hub(transport, clock, token_store=store) as one,
            make_hub(transport, clock, token_store=store) as other,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(outcomes, one, 100)
            tasks.start_soon(outcomes, other, 100)

    assert (1, 200) == (transport.logins, transport.paths.count(LOGS))


async def test_hubs_that_share_a_store_share_a_refusal() -> None:
    """The login is sent once, not once for each hub (D26)."""
    store = MemoryTokenStore()
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport())
        found: list[object] = []
        credentials = Password("moby", "wrong")
        async with (
            make_hub(transport, clock, credentials, token_store=store) as one,
            make_hub(transport, clock, credentials, token_store=store) as two,
        ):
            found += [*await outcomes(one, 3), *await outcomes(two, 3)]

    assert [AuthenticationError] * 6 == [type(error) for error in found]
    assert 1 == transport.logins


async def test_a_hub_that_closes_does_not_fail_the_login_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub that began the login closes: the other logs in itself, and none of its calls fails."""

    async def at_once(identity: Identity) -> str:
        return identity.name  # without a thread: virtual time would pass meanwhile

    monkeypatch.setattr(Identity, "key", at_once)
    store = MemoryTokenStore()
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport(), slow_login(clock, 2))
        async with make_hub(transport, clock, token_store=store) as other, anyio.create_task_group() as tasks:
            one = make_hub(transport, clock, token_store=store)
            tasks.start_soon(outcomes, one, 10)
            await clock.sleep(0.5)
            found: list[object] = []

            async def calls() -> None:
                found.extend(await outcomes(other, 10))

            tasks.start_soon(calls)
            await clock.sleep(0.5)
            await one.aclose()

    assert [25] * 10 == found
    assert 2 == transport.logins


async def test_a_stored_token_belongs_to_one_secret() -> None:
    """A user name is not enough: with a wrong password no token is found in the store."""
    store = MemoryTokenStore()
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport())
        async with make_hub(transport, clock, token_store=store) as hub:
            await call(hub)
        for credentials in (Password("moby", "wrong"), PersonalAccessToken("moby", "dckr_pat_wrong")):
            async with make_hub(transport, clock, credentials, token_store=store) as hub:
                assert [AuthenticationError] == [type(error) for error in await outcomes(hub, 1)]

    keys = {
        await identity_of(base_url, credentials).key()
        for base_url in ("https://hub.docker.com", "https://hub.example.com")
        for credentials in (Password("moby", "x"), Password("moby", "y"), PersonalAccessToken("moby", "x"))
    }
    assert 6 == len(keys)


# --- files


async def test_only_its_owner_has_access_to_a_file(files: FileTokenStore) -> None:
    """With any umask, the directory has mode 0700 and the file 0600, and no other file is left."""
    old = os.umask(0)
    try:
        await files.put(KEY, TOKEN)
        await files.put(KEY, TOKEN)
    finally:
        os.umask(old)

    assert 0o700 == stat.S_IMODE(files.directory.stat().st_mode)
    assert 0o600 == stat.S_IMODE(only_file(files).stat().st_mode)


async def test_a_file_contains_the_token_only(files: FileTokenStore) -> None:
    """No password and no access token, which are valid far longer."""
    async with VirtualClock() as clock:
        transport = Interceptor(fake_hub(clock).transport())
        async with make_hub(transport, clock, token_store=files) as hub:
            await call(hub)

    text = only_file(files).read_text()
    assert PASSWORD not in text
    assert {"key", "token", "expires_at", "lifetime_s"} == set(msgspec.json.decode(text))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is not a token file"),
        (b'{"key": "', "it is not a token file"),
        (b"\xff\xfe\x00", "it is not a token file"),
        (b"[" * 60_000, "it is not a token file"),
        (b"x" * 200_000, "it is not a token file"),
        (b'{"token": "canary"}', "it is not a token file"),
        (
            msgspec.json.encode({"key": KEY, "token": "can\nary", "expires_at": 1e9, "lifetime_s": 1}),
            "not a token file",
        ),
        (msgspec.json.encode({"key": KEY, "token": "canary", "expires_at": "x", "lifetime_s": 1}), "not a token file"),
        (
            msgspec.json.encode({"key": KEY, "token": "canary", "expires_at": 1e300, "lifetime_s": 1}),
            "not a token file",
        ),
        (msgspec.json.encode({"key": KEY, "token": "canary", "expires_at": 1e9, "lifetime_s": -1}), "not a token file"),
        (
            msgspec.json.encode({"key": "other", "token": "canary", "expires_at": 1e9, "lifetime_s": 1}),
            "not a token file",
        ),
    ],
)
async def test_an_invalid_file_counts_as_absent(
    files: FileTokenStore, caplog: pytest.LogCaptureFixture, content: bytes, problem: str
) -> None:
    """Truncated, foreign or forged: a warning is logged without its content, and the next token replaces it."""
    await files.put(KEY, TOKEN)
    only_file(files).write_bytes(content)

    assert await files.get(KEY) is None
    assert problem in caplog.text
    assert "canary" not in caplog.text
    await files.put(KEY, TOKEN)
    assert TOKEN == await files.get(KEY)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
async def test_a_file_that_other_users_have_access_to_is_refused(
    files: FileTokenStore, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    """With write access they could plant a token; with read access they have it already."""
    await files.put(KEY, TOKEN)
    only_file(files).chmod(mode)

    assert await files.get(KEY) is None
    assert f"other users have access to it (mode {mode:o}, not 600)" in caplog.text
    await files.put(KEY, TOKEN)
    assert TOKEN == await files.get(KEY)


async def test_anything_but_a_regular_file_is_refused(files: FileTokenStore, tmp_path: Path) -> None:
    """A link, a pipe or a directory is not followed, not read, and not waited for."""
    await files.put(KEY, TOKEN)
    path = only_file(files)
    elsewhere = path.rename(tmp_path / "elsewhere")
    path.symlink_to(elsewhere)
    assert await files.get(KEY) is None
    path.unlink()
    os.mkfifo(path, 0o600)
    assert await files.get(KEY) is None
    path.unlink()
    path.mkdir()
    assert await files.get(KEY) is None


async def test_a_file_of_another_user_is_refused(files: FileTokenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be in a directory that other users can write to."""
    await files.put(KEY, TOKEN)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)

    assert await files.get(KEY) is None


@pytest.mark.parametrize("failing", ["fsync", "replace"])
async def test_a_write_that_fails_leaves_the_old_token(
    files: FileTokenStore, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """If the disk is full, the file is unchanged and no temporary file is left."""
    await files.put(KEY, TOKEN)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os if failing == "fsync" else Path, failing, full)
        with pytest.raises(OSError, match="No space left"):
            await files.put(KEY, StoredToken(token=Secret("newer"), expires_at=2e9, lifetime_s=5.0))

    assert TOKEN == await files.get(KEY)
    only_file(files)


async def test_a_reader_never_gets_a_partial_token(files: FileTokenStore) -> None:
    """During repeated writes, each read returns one of the tokens written."""
    tokens = [StoredToken(token=Secret(f"t{n}" * 500), expires_at=2e9, lifetime_s=5.0) for n in range(40)]
    await files.put(KEY, tokens[0])
    found: list[StoredToken | None] = []

    async def write() -> None:
        for token in tokens:
            await files.put(KEY, token)
        tasks.cancel_scope.cancel()

    async def read() -> None:
        while True:
            found.append(await files.get(KEY))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        tasks.start_soon(read)

    assert len(found) > 10
    assert all(token in tokens for token in found)


async def test_another_process_finds_the_token(files: FileTokenStore) -> None:
    """The key is the same in every process."""
    credentials = Password("moby", PASSWORD)
    key = await identity_of("https://hub.docker.com", credentials).key()
    await files.put(key, TOKEN)
    program = """if True:
        import anyio, sys
        from hubapi import FileTokenStore, Password
        from hubapi._auth.schemes import scheme_of
        async def main():
            key = await scheme_of(Password("moby", sys.argv[2])).identity("https://hub.docker.com").key()
            print((await FileTokenStore(sys.argv[1]).get(key)).token.reveal())
        anyio.run(main)
    """
    done = await anyio.run_process([sys.executable, "-c", program, str(files.directory), PASSWORD])

    assert b"eyJ.canary.4711\n" == done.stdout


# --- secrets


async def test_stores_show_no_secret(store: TokenStore) -> None:
    """Neither do their keys and tokens; a token is not pickled."""
    identity = identity_of("https://hub.docker.com", Password("moby", "canary"))
    await store.put(KEY, TOKEN)
    hub = AsyncHub(Password("moby", "canary"))

    assert "canary" not in f"{store!r} {TOKEN!r} {TOKEN} {identity!r} {await identity.key()} {hub!r}"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(TOKEN)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(identity)
    if isinstance(store, MemoryTokenStore):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(store)
