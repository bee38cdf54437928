"""Fixtures for pytest: `fake_hub`, `fake_hub_url` and `hub_clock`. They need the extra `testing`.

pytest finds this module by its entry point, and imports it in every run in an environment that has hubapi-client. So it
imports `hubapi.testing` when a test uses a fixture, and a missing extra fails only those tests.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

    from hubapi.testing import FakeHub, VirtualClock

_PASSED = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, which `--strict-markers` requires."""
    config.addinivalue_line("markers", "fake_hub(**options): options for the FakeHub of `fake_hub`, such as seed=7")


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Record whether the test itself has passed: its fixtures end after this."""
    item.stash[_PASSED] = call.when == "call" and call.excinfo is None


@pytest.fixture
def hub_clock() -> "VirtualClock":
    """Return a `hubapi.testing.VirtualClock`; in a test that uses both, `fake_hub` runs on it."""
    clock: VirtualClock = _testing().VirtualClock()
    return clock


@pytest.fixture
def fake_hub(request: pytest.FixtureRequest) -> "Generator[FakeHub]":
    """Yield a new `hubapi.testing.FakeHub`, created with the options of the marker `fake_hub`.

    It runs on the machine's clock, or on `hub_clock` if the test uses that too. A test that passes although an injected
    fault never matched a request fails in its teardown.
    """
    options: dict[str, Any] = {}
    for marker in request.node.iter_markers("fake_hub"):  # closest first
        if marker.args:
            pytest.fail(f"the marker fake_hub takes keyword arguments only, not {marker.args!r}", pytrace=False)
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
    """Serve `fake_hub` on loopback, from a thread, until the test ends; yield its URL."""
    with fake_hub.serve_in_thread() as url:
        yield url


def _testing() -> "ModuleType":
    try:
        from hubapi import testing  # noqa: PLC0415 - as above
    except ImportError as error:
        message = f'this fixture needs {error.name}: pip install "hubapi-client[testing]"'
        raise pytest.fail.Exception(message, pytrace=False) from None
    return testing
