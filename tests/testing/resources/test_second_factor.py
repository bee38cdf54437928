"""Logins with a second factor."""

import httpx
import pytest
from pyotp.totp import TOTP

from hubapi.testing import FakeHub, VirtualClock
from tests.testing.conftest import PASSWORD

pytestmark = pytest.mark.anyio

KEY = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.fixture
def dolly(fake: FakeHub) -> None:
    """A user with an authenticator app."""
    fake.add_user("dolly", password=PASSWORD, tokens=["dckr_pat_dolly"], totp_secret=KEY)


async def first_step(client: httpx.AsyncClient, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/v2/users/login", json={"username": "dolly", "password": password})


async def second_step(client: httpx.AsyncClient, login_2fa_token: str, code: str) -> httpx.Response:
    return await client.post("/v2/users/2fa-login", json={"login_2fa_token": login_2fa_token, "code": code})


def code(at: float) -> str:
    return TOTP(KEY).at(int(at))


@pytest.mark.usefixtures("dolly")
async def test_a_password_requires_a_code(anonymous: httpx.AsyncClient, clock: VirtualClock) -> None:
    """The response to the password is a 401 that requires a code; the response to the code has the token, once."""
    asked = await first_step(anonymous)
    assert 401 == asked.status_code
    assert "Require secondary authentication on MFA enabled account" == asked.json()["detail"]

    login_2fa_token = asked.json()["login_2fa_token"]
    accepted = await second_step(anonymous, login_2fa_token, code(clock.time()))
    headers = {"authorization": f"Bearer {accepted.json()['token']}"}
    assert 403 == (await anonymous.get("/v2/auditlogs/acme", headers=headers)).status_code  # she owns nothing there
    assert 401 == (await second_step(anonymous, login_2fa_token, code(clock.time()))).status_code
    headers = {"authorization": f"Bearer {login_2fa_token}"}
    assert 401 == (await anonymous.get("/v2/auditlogs/acme", headers=headers)).status_code


@pytest.mark.usefixtures("dolly")
@pytest.mark.parametrize(("off", "status"), [(-60, 401), (-30, 200), (0, 200), (30, 200), (60, 401)])
async def test_a_code_may_be_one_step_off(
    anonymous: httpx.AsyncClient, clock: VirtualClock, off: float, status: int
) -> None:
    """The current code, the previous and the next are accepted, and no other."""
    login_2fa_token = (await first_step(anonymous)).json()["login_2fa_token"]

    assert status == (await second_step(anonymous, login_2fa_token, code(clock.time() + off))).status_code


@pytest.mark.usefixtures("dolly")
async def test_wrong_codes_lock_the_name(anonymous: httpx.AsyncClient, clock: VirtualClock) -> None:
    """A wrong code is a failed login, and the right password before it does not reset the count."""
    for _ in range(5):
        login_2fa_token = (await first_step(anonymous)).json()["login_2fa_token"]
        assert 401 == (await second_step(anonymous, login_2fa_token, "000000")).status_code

    assert 429 == (await second_step(anonymous, login_2fa_token, code(clock.time()))).status_code
    assert 429 == (await first_step(anonymous)).status_code


@pytest.mark.usefixtures("dolly")
async def test_the_second_step_expires(anonymous: httpx.AsyncClient, clock: VirtualClock) -> None:
    """After five minutes the login must start again."""
    login_2fa_token = (await first_step(anonymous)).json()["login_2fa_token"]
    clock.advance(300)

    assert 401 == (await second_step(anonymous, login_2fa_token, code(clock.time()))).status_code


@pytest.mark.usefixtures("dolly")
async def test_only_the_password_requires_a_code(anonymous: httpx.AsyncClient) -> None:
    """A personal access token requires none; the exchange, which takes no code, rejects the password."""
    assert 200 == (await first_step(anonymous, "dckr_pat_dolly")).status_code
    assert "login_2fa_token" not in (await first_step(anonymous, "wrong")).json()
    login = {"identifier": "dolly", "secret": PASSWORD}
    assert 401 == (await anonymous.post("/v2/auth/token", json=login)).status_code


async def test_a_second_factor_requires_a_password() -> None:
    """Without one, or with an invalid key, `add_user` raises an error."""
    with pytest.raises(ValueError, match="requires a password"):
        FakeHub().add_user("dolly", tokens=["dckr_pat_dolly"], totp_secret=KEY)
    with pytest.raises(ValueError, match=r"112 bits|base32"):
        FakeHub().add_user("dolly", password=PASSWORD, totp_secret="not base32!")
