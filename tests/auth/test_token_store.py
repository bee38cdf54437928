"""Bearers that outlive a hub, or a process: shared, and never trusted further than they deserve."""

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
from tests.auth.logins import LOGIN, LOGS, PASSWORD, Wire, call, fake_hub, hub_on, outcomes, slow_login

pytestmark = pytest.mark.anyio


def identity_of(base_url: str, who: Password | PersonalAccessToken | OrgAccessToken) -> Identity:
    identity = scheme_of(who).identity(base_url)
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


async def test_a_store_keeps_what_it_is_given(store: TokenStore) -> None:
    """By key, the last one, until it is to forget it."""
    other = StoredToken(token=Secret("other"), expires_at=2e9, lifetime_s=5.0)
    await store.forget(KEY)
    assert await store.get(KEY) is None
    await store.put(KEY, other)
    await store.put(KEY, TOKEN)
    await store.put(f"{KEY}/", other)

    assert (TOKEN, other) == (await store.get(KEY), await store.get(f"{KEY}/"))
    await store.forget(KEY)
    assert (None, other) == (await store.get(KEY), await store.get(f"{KEY}/"))


async def test_a_stored_token_spares_a_login(store: TokenStore) -> None:
    """The next hub of the same credentials, after the first is closed, needs none while the token is good."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport())
        for _ in range(3):
            async with hub_on(wire, clock, token_store=store) as hub:
                assert 25 == await call(hub)
        logins = wire.logins
        clock.advance(591)
        async with hub_on(wire, clock, token_store=store) as hub:
            assert 25 == await call(hub)

    assert (1, 2) == (logins, wire.logins)


async def test_a_stored_token_that_is_refused_is_forgotten(store: TokenStore) -> None:
    """It costs one login, whoever meets the 401, and the new one takes its place."""
    async with VirtualClock() as clock:
        fake = fake_hub(clock)
        wire = Wire(fake.transport())
        async with hub_on(wire, clock, token_store=store) as hub:
            await call(hub)
        fake.revoke_tokens()
        wire.paths.clear()
        async with hub_on(wire, clock, token_store=store) as hub:
            assert 25 == await call(hub)
        async with hub_on(wire, clock, token_store=store) as hub:
            assert 25 == await call(hub)

    assert [LOGS, LOGIN, LOGS, LOGS] == wire.paths


async def test_a_refused_token_is_gone_even_if_the_login_fails(store: TokenStore) -> None:
    """Nobody else is to meet it."""
    async with VirtualClock() as clock:
        fake = fake_hub(clock)
        wire = Wire(fake.transport())
        who = Password("moby", PASSWORD)
        async with hub_on(wire, clock, who, token_store=store) as hub:
            await call(hub)
            fake.revoke_tokens()

            async def cut(request: httpx.Request) -> httpx.Response | None:
                if request.url.path == LOGIN:
                    raise httpx.UnsupportedProtocol("no way")
                return None

            wire.cut = cut
            await outcomes(hub, 1)

        assert await store.get(await identity_of("https://hub.docker.com", who).key()) is None


async def test_reauthenticating_passes_the_store_by() -> None:
    """Whoever asks for a new login gets one, from a fresh hub too."""
    store = MemoryTokenStore()
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport())
        async with hub_on(wire, clock, token_store=store) as hub:
            await call(hub)
            await hub.reauthenticate()
            await call(hub)
        async with hub_on(wire, clock, token_store=store) as hub:
            await hub.reauthenticate()
            await call(hub)
            await call(hub)

    assert 3 == wire.logins


@pytest.mark.parametrize("wrong_s", [-86_400, -300, 300, 86_400])
async def test_a_wrong_clock_only_costs_a_refresh(wrong_s: float) -> None:
    """A stored token's end is wall-clock time: read by a wrong clock, it is renewed too early or by a 401."""
    store = MemoryTokenStore()
    async with VirtualClock() as clock:
        fake = fake_hub(clock)
        wire = Wire(fake.transport())
        clock.wall_offset_s = wrong_s
        fake.skew_s = -wrong_s
        async with hub_on(wire, clock, token_store=store) as hub:
            await call(hub)
        clock.wall_offset_s, fake.skew_s = 0, 0
        for _ in range(3):
            clock.advance(500)
            async with hub_on(wire, clock, token_store=store) as hub:
                assert 25 == await call(hub)

    assert wire.logins <= 4
    assert fake.count(status=401) <= 3


async def test_a_store_that_fails_is_as_good_as_none(caplog: pytest.LogCaptureFixture) -> None:
    """A warning says what could not be done, by kind: the error's own words might show the token."""
    caplog.set_level(logging.WARNING, "hubapi")
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport())
        async with hub_on(wire, clock, token_store=Broken()) as hub:
            assert [25] * 20 == await outcomes(hub, 20)

    assert 1 == wire.logins
    assert [
        "the token store could not read a token (ConnectionError); going on without",
        "the token store could not write a token (ConnectionError); going on without",
    ] == caplog.messages


# --- several hubs


async def test_hubs_that_share_a_store_share_a_login() -> None:
    """Two hubs of one event loop, a hundred calls each, all at once: one login."""
    store = MemoryTokenStore()
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport(), slow_login(clock, 1))
        async with (
            hub_on(wire, clock, token_store=store) as one,
            hub_on(wire, clock, token_store=store) as other,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(outcomes, one, 100)
            tasks.start_soon(outcomes, other, 100)

    assert (1, 200) == (wire.logins, wire.paths.count(LOGS))


async def test_hubs_that_share_a_store_share_a_refusal() -> None:
    """The account is asked once, not once for each hub (D26)."""
    store = MemoryTokenStore()
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport())
        found: list[object] = []
        who = Password("moby", "wrong")
        async with (
            hub_on(wire, clock, who, token_store=store) as one,
            hub_on(wire, clock, who, token_store=store) as two,
        ):
            found += [*await outcomes(one, 3), *await outcomes(two, 3)]

    assert [AuthenticationError] * 6 == [type(error) for error in found]
    assert 1 == wire.logins


async def test_a_hub_that_closes_leaves_the_login_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub that began it is closed meanwhile: the other does it itself, and none of its calls fails."""

    async def at_once(identity: Identity) -> str:
        return identity.name  # no thread, in which virtual time would pass

    monkeypatch.setattr(Identity, "key", at_once)
    store = MemoryTokenStore()
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport(), slow_login(clock, 2))
        async with hub_on(wire, clock, token_store=store) as other, anyio.create_task_group() as tasks:
            one = hub_on(wire, clock, token_store=store)
            tasks.start_soon(outcomes, one, 10)
            await clock.sleep(0.5)
            found: list[object] = []

            async def others() -> None:
                found.extend(await outcomes(other, 10))

            tasks.start_soon(others)
            await clock.sleep(0.5)
            await one.aclose()

    assert [25] * 10 == found
    assert 2 == wire.logins


async def test_who_has_another_secret_has_another_token() -> None:
    """Naming a user is not enough to get their bearer: a wrong password finds nothing in the store."""
    store = MemoryTokenStore()
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport())
        async with hub_on(wire, clock, token_store=store) as hub:
            await call(hub)
        for who in (Password("moby", "wrong"), PersonalAccessToken("moby", "dckr_pat_wrong")):
            async with hub_on(wire, clock, who, token_store=store) as hub:
                assert [AuthenticationError] == [type(error) for error in await outcomes(hub, 1)]

    keys = {
        await identity_of(base_url, who).key()
        for base_url in ("https://hub.docker.com", "https://hub.example.com")
        for who in (Password("moby", "x"), Password("moby", "y"), PersonalAccessToken("moby", "x"))
    }
    assert 6 == len(keys)


# --- files


async def test_a_file_is_its_owners_alone(files: FileTokenStore) -> None:
    """Whatever the umask: the directory is 0700, the file 0600, and nothing else is left there."""
    old = os.umask(0)
    try:
        await files.put(KEY, TOKEN)
        await files.put(KEY, TOKEN)
    finally:
        os.umask(old)

    assert 0o700 == stat.S_IMODE(files.directory.stat().st_mode)
    assert 0o600 == stat.S_IMODE(only_file(files).stat().st_mode)


async def test_a_file_holds_the_bearer_and_no_more(files: FileTokenStore) -> None:
    """No password and no access token, which outlive a bearer by far."""
    async with VirtualClock() as clock:
        wire = Wire(fake_hub(clock).transport())
        async with hub_on(wire, clock, token_store=files) as hub:
            await call(hub)

    text = only_file(files).read_text()
    assert PASSWORD not in text
    assert {"key", "token", "expires_at", "lifetime_s"} == set(msgspec.json.decode(text))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it holds something else"),
        (b'{"key": "', "it holds something else"),
        (b"\xff\xfe\x00", "it holds something else"),
        (b"[" * 60_000, "it holds something else"),
        (b"x" * 200_000, "it holds something else"),
        (b'{"token": "canary"}', "it holds something else"),
        (msgspec.json.encode({"key": KEY, "token": "can\nary", "expires_at": 1e9, "lifetime_s": 1}), "something else"),
        (msgspec.json.encode({"key": KEY, "token": "canary", "expires_at": "x", "lifetime_s": 1}), "something else"),
        (msgspec.json.encode({"key": KEY, "token": "canary", "expires_at": 1e300, "lifetime_s": 1}), "something else"),
        (msgspec.json.encode({"key": KEY, "token": "canary", "expires_at": 1e9, "lifetime_s": -1}), "something else"),
        (
            msgspec.json.encode({"key": "other", "token": "canary", "expires_at": 1e9, "lifetime_s": 1}),
            "something else",
        ),
    ],
)
async def test_what_is_no_token_file_counts_as_absent(
    files: FileTokenStore, caplog: pytest.LogCaptureFixture, content: bytes, problem: str
) -> None:
    """Torn, foreign or made up: a warning says so, without what is in it, and the next token takes its place."""
    await files.put(KEY, TOKEN)
    only_file(files).write_bytes(content)

    assert await files.get(KEY) is None
    assert problem in caplog.text
    assert "canary" not in caplog.text
    await files.put(KEY, TOKEN)
    assert TOKEN == await files.get(KEY)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
async def test_a_file_that_others_may_use_is_refused(
    files: FileTokenStore, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    """Who can write it could plant a bearer; who can read it has it already."""
    await files.put(KEY, TOKEN)
    only_file(files).chmod(mode)

    assert await files.get(KEY) is None
    assert f"other users have access to it (mode {mode:o}, not 600)" in caplog.text
    await files.put(KEY, TOKEN)
    assert TOKEN == await files.get(KEY)


async def test_what_is_no_file_is_refused(files: FileTokenStore, tmp_path: Path) -> None:
    """A link, a directory, a pipe in its place: not followed, not read, not waited for."""
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


async def test_somebody_elses_file_is_refused(files: FileTokenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a directory that others may write to, for one."""
    await files.put(KEY, TOKEN)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)

    assert await files.get(KEY) is None


@pytest.mark.parametrize("failing", ["fsync", "replace"])
async def test_a_write_that_fails_leaves_the_old_token(
    files: FileTokenStore, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """A full disk: the file is what it was, nothing lies about, and the error shows no token."""
    await files.put(KEY, TOKEN)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os if failing == "fsync" else Path, failing, full)
        with pytest.raises(OSError, match="No space left"):
            await files.put(KEY, StoredToken(token=Secret("newer"), expires_at=2e9, lifetime_s=5.0))

    assert TOKEN == await files.get(KEY)
    only_file(files)


async def test_a_reader_never_meets_half_a_token(files: FileTokenStore) -> None:
    """While one writes again and again, every reading is one of the tokens written, whole."""
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
    """The key is the same everywhere, and what was stored is read as it was."""
    who = Password("moby", PASSWORD)
    key = await identity_of("https://hub.docker.com", who).key()
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


async def test_nothing_of_a_store_shows_a_secret(store: TokenStore) -> None:
    """Neither the store, nor what it keeps, nor its key; and no pickle holds a token."""
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
