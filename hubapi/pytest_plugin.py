"""Fixtures for pytest: `fake_hub`, `fake_hub_url` and `hub_clock`. They need the extra ``testing``.

pytest finds this module by its entry point and imports it in every run of an environment that has hubapi-client: so it
imports nothing before a test asks, and a missing extra fails nobody but who asks.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

    from hubapi.testing import FakeHub, VirtualClock

_PASSED = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, also to `--strict-markers`."""
    config.addinivalue_line("markers", "fake_hub(**options): what `fake_hub` gives to FakeHub, such as seed=7")


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Remember whether the test itself has passed: its fixtures end after this."""
    item.stash[_PASSED] = call.when == "call" and call.excinfo is None


@pytest.fixture
def hub_clock() -> "VirtualClock":
    """Give a `hubapi.testing.VirtualClock`; in a test that asks for both, `fake_hub` runs on it."""
    clock: VirtualClock = _testing().VirtualClock()
    return clock


@pytest.fixture
def fake_hub(request: pytest.FixtureRequest) -> "Generator[FakeHub]":
    """Give a new `hubapi.testing.FakeHub`, made with the options of the marker `fake_hub`.

    It runs on the machine's clock, or on `hub_clock` where the test asks for that too. A test that passes although a
    fault that was injected never matched a request fails at its end.
    """
    options: dict[str, Any] = {}
    for marker in request.node.iter_markers("fake_hub"):  # the closest first
        if marker.args:
            pytest.fail(f"the marker fake_hub takes options by name only, not {marker.args!r}", pytrace=False)
        options = {**marker.kwargs, **options}
    if "hub_clock" in request.fixturenames:
        options["clock"] = request.getfixturevalue("hub_clock")
    fake: FakeHub = _testing().FakeHub(**options)
    yield fake
    unmatched = fake.unmatched_faults()
    if unmatched and request.node.stash.get(_PASSED, False):
        lines = "".join(f"\n  {injection}" for injection in unmatched)
        pytest.fail(f"these faults were injected and never matched a request:{lines}", pytrace=False)


@pytest.fixture
def fake_hub_url(fake_hub: "FakeHub") -> Generator[str]:
    """Serve `fake_hub` on loopback, from a thread, for as long as the test lasts; give its URL."""
    with fake_hub.serve_in_thread() as url:
        yield url


def _testing() -> "ModuleType":
    try:
        from hubapi import testing  # noqa: PLC0415 - see above
    except ImportError as error:
        words = f'this fixture needs {error.name}: pip install "hubapi-client[testing]"'
        raise pytest.fail.Exception(words, pytrace=False) from None
    return testing
