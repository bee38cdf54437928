"""Commands in processes of their own, in an environment that has no more than it is given."""

import os
import subprocess
import sys


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "hubapi.cli", *words]


def environment(**more: str) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**inherited, **more, "PYTHONPATH": os.pathsep.join(sys.path)}


def in_a_process(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words), capture_output=True, text=True, check=False, env=environment(**more), timeout=60
    )
