"""`nox -s fuzz`: schemathesis asks a FakeHub whatever the corrected description allows, and much that it forbids.

Every answer is held against that description: no crash, no status, media type or shape that it does not have. What is
asked, and how much of it, stands in `schemathesis.toml`; options of `schemathesis run` may be added to the command.
"""

import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

import httpx
from pyotp.totp import TOTP

from hubapi.testing import FakeHub, RateLimitPolicy, RequestRecord, VirtualClock
from tests.testing.description.cases import STAND_INS, UNDESCRIBED
from tests.testing.description.corrected import DOCUMENT, OPERATIONS, at
from tests.testing.description.world import PASSWORD, SCIM_TOKEN, TOTP_SECRET, filled

CONFIG = Path(__file__).with_name("schemathesis.toml")
UNLIMITED = RateLimitPolicy(10**9)


def description() -> dict[str, Any]:
    """The corrected description, with the answers of the fake that it is known to lack."""
    for name, statuses in UNDESCRIBED.items():
        for status in statuses:
            schema = {"application/json": {"schema": {"$ref": STAND_INS[status]}}}
            at(OPERATIONS[name].pointer)["responses"][str(status)] = {"description": "", "content": schema}
    return DOCUMENT


def known(fake: FakeHub, clock: VirtualClock, url: str) -> dict[str, Any]:
    """What no generator would guess, for the configuration."""
    with httpx.Client(base_url=url) as client:
        bearer = client.post("/v2/users/login", json={"username": "moby", "password": PASSWORD}).json()["token"]
        tokens = client.get("/v2/access-tokens", headers={"authorization": f"Bearer {bearer}"}).json()["results"]
        half_in = client.post("/v2/users/login", json={"username": "whale", "password": PASSWORD}).json()
    return {
        "bearer": bearer,
        "password": PASSWORD,
        "half_in": half_in["login_2fa_token"],
        "code": TOTP(TOTP_SECRET).at(int(clock.time())),
        "tokens": [token["uuid"] for token in tokens],
        "scim_token": SCIM_TOKEN,
        "scim_users": [user["id"] for user in fake.scim_users("acme")],
    }


def never_done(requests: Sequence[RequestRecord]) -> set[str]:
    """The operations that always refused: nothing was learned of what they answer."""
    done = {(record.method, record.operation) for record in requests if 200 <= record.status < 300}
    return {
        name
        for name, described in OPERATIONS.items()
        if (described.method, name.removeprefix("authentication.")) not in done
    }


def main(options: list[str]) -> int | str:
    """Run schemathesis; return its exit status, or what else was wrong."""
    for name in ("hubapi.testing", "uvicorn.error"):  # which warn of wrong requests; those are the point
        logging.getLogger(name).setLevel(logging.ERROR)
    clock = VirtualClock()  # stands still, so that every run is the same
    fake = filled(clock=clock, limit=UNLIMITED, anonymous_limit=UNLIMITED, max_failed_logins=10**9)
    # In a folder of its own: it looks there for its configuration, and leaves files behind.
    with tempfile.TemporaryDirectory() as folder, fake.serve_in_thread() as url:
        # JSON's strings and lists are TOML's.
        values = {name: json.dumps(value) for name, value in known(fake, clock, url).items()}
        Path(folder, CONFIG.name).write_text(Template(CONFIG.read_text()).substitute(values))
        Path(folder, "corrected.json").write_text(json.dumps(description()))
        own = len(fake.requests)
        command = [sys.executable, "-m", "schemathesis.cli", "run", "corrected.json", "--url", url, *options]
        status = subprocess.run(command, check=False, cwd=folder).returncode
        missing = never_done(fake.requests[own:])
    if missing and not options:
        return f"never answered with success: {', '.join(sorted(missing))}"
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
