"""One export and its peak memory: `python -m scripts.bench.one_export URL FOLDER ACCOUNT...`."""

import json
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def _mb(name: str) -> float:
    """Return a figure of `/proc/self/status` in MB: `VmRSS` is the current memory, `VmHWM` the peak.

    `getrusage` would be wrong: its `ru_maxrss` starts with the peak of the parent process.
    """
    (line,) = (line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024


def _main(url: str, folder: str, *accounts: str) -> None:
    bare = _mb("VmRSS")
    # Imported here, so that their memory can be measured.
    import anyio  # noqa: PLC0415

    import hubapi  # noqa: PLC0415

    hub = hubapi.AsyncHub(hubapi.Password("moby", "hunter2-hunter2"), base_url=url)
    imported = _mb("VmRSS")

    async def export() -> None:
        async with hub:
            report = await hub.audit_logs.export(accounts, to=Path(folder))
        if report.failed:
            raise RuntimeError(f"an export failed: {report.failed}")

    anyio.run(export)
    print(json.dumps({"bare": bare, "imported": imported, "peak": _mb("VmHWM")}))


if __name__ == "__main__":
    _main(*sys.argv[1:])
