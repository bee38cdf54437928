"""Long listings over real HTTP: failures on the way are handled, and a killed process can be resumed."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable

import anyio
import pytest

from hubapi import AsyncHub, Paginator, Password, Settings, UnsafeLinkError
from hubapi.models import AuditLog, Tag
from hubapi.testing import FakeHub, RateLimitPolicy, faults

pytestmark = pytest.mark.anyio

PASSWORD = "hunter2-hunter2"
MOBY = Password("moby", PASSWORD)

CHILD = """
import sys, anyio
from hubapi import AsyncHub, Password

async def main(url, password):
    async with AsyncHub(Password("moby", password), base_url=url) as hub:
        walk = hub.audit_logs.list("acme", page_size=10)
        async for event in walk:
            print(event.event_id, walk.cursor, flush=True)

anyio.run(main, *sys.argv[1:])
"""


def busy_hub(**options: object) -> FakeHub:
    fake = FakeHub(seed=7, **options)  # type: ignore[arg-type]
    fake.add_user("moby", password=PASSWORD)
    for number in range(5):
        fake.add_org(f"org-{number}", owners=["moby"], events=300)
        fake.add_repository("moby", f"repo-{number}", tags=300)
    return fake


async def test_ten_concurrent_listings_survive_all_failures() -> None:
    """Tokens with a lifetime of two seconds, a rate limit that is reached, and a server that fails at times."""
    fake = busy_hub(token_lifetime_s=2, limit=RateLimitPolicy(limit=60, window_s=1.0))
    fake.inject(faults.Status(503), operation="*.list*", times=None, probability=0.05)
    fake.inject(faults.Drop("midway"), operation="*.list*", times=None, probability=0.03)
    fake.inject(faults.TooMany(1), operation="*.list*", after=20, times=3)
    found: dict[str, list[str | None]] = {}

    async with fake.serve() as url, AsyncHub(MOBY, base_url=url, settings=Settings(window_s=1.0)) as hub:

        async def events(name: str) -> None:
            found[name] = [event.event_id async for event in hub.audit_logs.list(name, page_size=20)]

        async def tags(name: str) -> None:
            found[name] = [tag.name async for tag in hub.repositories.list_tags("moby", name, page_size=20)]

        async with anyio.create_task_group() as walks:
            for number in range(5):
                walks.start_soon(events, f"org-{number}")
                walks.start_soon(tags, f"repo-{number}")

    for number in range(5):
        assert fake.event_ids(f"org-{number}") == found[f"org-{number}"]
        assert 300 == len(set(found[f"repo-{number}"])) == len(found[f"repo-{number}"])
    assert 3 <= fake.count(status=429)
    assert fake.count(operation="login") >= 2


@pytest.mark.parametrize("taken", [0, 7, 10, 23])
def test_a_killed_listing_resumes_from_its_cursor(taken: int) -> None:
    """In another process: only the items that it had not printed follow."""
    fake = FakeHub(seed=7)
    fake.add_user("moby", password=PASSWORD)
    fake.add_org("acme", owners=["moby"], events=60)
    with fake.serve_in_thread() as url:
        with subprocess.Popen([sys.executable, "-c", CHILD, url, PASSWORD], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            shown = [child.stdout.readline().decode().split(" ", 1) for _ in range(taken + 1)]
            child.send_signal(signal.SIGKILL)

        async def rest() -> list[str | None]:
            async with AsyncHub(MOBY, base_url=url) as hub:
                walk = hub.audit_logs.list("acme", page_size=10).resume(shown[-1][1])
                return [event.event_id async for event in walk]

        assert fake.event_ids("acme") == [shown[n][0] for n in range(taken + 1)] + anyio.run(rest)
    json.loads(shown[-1][1])


async def test_links_without_the_page_size_list_everything_once() -> None:
    """Pages depend on the page size, which links may drop (D15)."""
    fake = busy_hub()
    fake.inject(faults.Next("without-page-size"), operation="repositories.list_tags", times=None)
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        names = [tag.name async for tag in hub.repositories.list_tags("moby", "repo-0", page_size=7)]

    assert (300, 300) == (len(names), len(set(names)))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("stale", None), ("relative", None), ("foreign", UnsafeLinkError), ("repeated", UnsafeLinkError)],
)
async def test_traps_in_links(kind: str, expected: type[Exception] | None) -> None:
    """A stale link is the end, a relative one is followed, and one to another host or an earlier page is refused."""
    fake = busy_hub()
    fake.inject(faults.Next(kind), operation="repositories.list_tags", times=None)  # type: ignore[arg-type]
    async with AsyncHub(MOBY, transport=fake.transport()) as hub:
        walk = hub.repositories.list_tags("moby", "repo-0", page_size=70)
        if expected is None:
            assert 300 == len(await walk.collect())
        else:
            with pytest.raises(expected):
                await walk.collect()


Walk = Callable[[AsyncHub], "Paginator[AuditLog] | Paginator[Tag]"]


@pytest.mark.parametrize(
    "walk", [lambda hub: hub.audit_logs.list("org-1"), lambda hub: hub.repositories.list_tags("moby", "repo-1")]
)
async def test_prefetching_lists_the_same_items(walk: Walk) -> None:
    """Over real connections, also if the reader leaves early and continues."""
    fake = busy_hub()
    async with fake.serve() as url, AsyncHub(MOBY, base_url=url) as hub:
        expected = [repr(item) async for item in walk(hub)]
        listing = walk(hub)
        found: list[str] = []
        async with listing.prefetch(2) as items:
            async for item in items:
                found.append(repr(item))
                if len(found) == 130:
                    break
        found += [repr(item) async for item in listing]

    assert expected == found
