"""`nox -s fuzz`: schemathesis sends a FakeHub requests that the corrected description allows, and many that it forbids.

Each response is checked against the description: no crash, and no undescribed status, media type or shape. The requests
and their number are configured in `schemathesis.toml`; options of `schemathesis run` may be added to the command.
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
    """Return the corrected description, with the responses of the fake that it is known to lack."""
    for name, statuses in UNDESCRIBED.items():
        for status in statuses:
            schema = {"application/json": {"schema": {"$ref": STAND_INS[status]}}}
            at(OPERATIONS[name].pointer)["responses"][str(status)] = {"description": "", "content": schema}
    return DOCUMENT


def known_values(fake: FakeHub, clock: VirtualClock, url: str) -> dict[str, Any]:
    """Return the values for the configuration that no generator would guess."""
    with httpx.Client(base_url=url) as client:
        token = client.post("/v2/users/login", json={"username": "moby", "password": PASSWORD}).json()["token"]
        tokens = client.get("/v2/access-tokens", headers={"authorization": f"Bearer {token}"}).json()["results"]
        pending_login = client.post("/v2/users/login", json={"username": "whale", "password": PASSWORD}).json()
    return {
        "bearer": token,
        "password": PASSWORD,
        "pending_login": pending_login["login_2fa_token"],
        "code": TOTP(TOTP_SECRET).at(int(clock.time())),
        "tokens": [token["uuid"] for token in tokens],
        "scim_token": SCIM_TOKEN,
        "scim_users": [user["id"] for user in fake.scim_users("acme")],
    }


def never_successful(requests: Sequence[RequestRecord]) -> set[str]:
    """Return the operations without a successful response, which are not covered."""
    successful = {(record.method, record.operation) for record in requests if 200 <= record.status < 300}
    return {
        name
        for name, described in OPERATIONS.items()
        if (described.method, name.removeprefix("authentication.")) not in successful
    }


def main(options: list[str]) -> int | str:
    """Run schemathesis; return its exit status or an error message."""
    for name in ("hubapi.testing", "uvicorn.error"):  # they warn of invalid requests, which are intended here
        logging.getLogger(name).setLevel(logging.ERROR)
    clock = VirtualClock()  # its time does not advance, so that runs are reproducible
    fake = filled(clock=clock, limit=UNLIMITED, anonymous_limit=UNLIMITED, max_failed_logins=10**9)
    # In its own folder, from which schemathesis reads its configuration, and in which it leaves files.
    with tempfile.TemporaryDirectory() as folder, fake.serve_in_thread() as url:
        # Strings and lists in JSON are valid TOML.
        values = {name: json.dumps(value) for name, value in known_values(fake, clock, url).items()}
        Path(folder, CONFIG.name).write_text(Template(CONFIG.read_text()).substitute(values))
        Path(folder, "corrected.json").write_text(json.dumps(description()))
        setup = len(fake.requests)
        command = [sys.executable, "-m", "schemathesis.cli", "run", "corrected.json", "--url", url, *options]
        status = subprocess.run(command, check=False, cwd=folder).returncode
        missing = never_successful(fake.requests[setup:])
    if missing and not options:
        return f"no successful response: {', '.join(sorted(missing))}"
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
