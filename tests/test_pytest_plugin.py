"""The pytest plugin, in other test suites: each test here runs pytest."""

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

INI = """
[pytest]
addopts = --strict-markers --strict-config -p no:hypothesispytest -p no:respx
filterwarnings = error
asyncio_default_fixture_loop_scope = function
"""


@pytest.fixture(autouse=True)
def strict(pytester: pytest.Pytester) -> None:
    """Run the other suites with strict settings."""
    pytester.makefile(".ini", pytest=INI)


def test_a_test_gets_a_hub_of_its_own(pytester: pytest.Pytester) -> None:
    """Tests do not share a FakeHub."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.parametrize("turn", [1, 2])
        def test_add(fake_hub, turn):
            fake_hub.add_user("moby")
    """)

    pytester.runpytest().assert_outcomes(passed=2)


def test_the_marker_passes_options_to_the_hub(pytester: pytest.Pytester) -> None:
    """Options of a module, a class and a function are merged; the closest takes precedence."""
    pytester.makepyfile("""
        import pytest

        pytestmark = pytest.mark.fake_hub(seed=1, skew_s=10)

        @pytest.mark.fake_hub(seed=2)
        class TestIt:
            @pytest.mark.fake_hub(seed=3)
            def test_closest(self, fake_hub):
                assert ("<FakeHub seed=3>", 10) == (repr(fake_hub), fake_hub.skew_s)

            def test_class(self, fake_hub):
                assert "<FakeHub seed=2>" == repr(fake_hub)

        def test_module(fake_hub):
            assert "<FakeHub seed=1>" == repr(fake_hub)
    """)

    pytester.runpytest().assert_outcomes(passed=3)


def test_the_marker_takes_keyword_arguments_only(pytester: pytest.Pytester) -> None:
    """As FakeHub does."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.fake_hub(7)
        def test_seed(fake_hub):
            pass
    """)

    result = pytester.runpytest()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the marker fake_hub takes keyword arguments only, not (7,)"])


def test_the_marker_and_the_fixtures_are_documented(pytester: pytest.Pytester) -> None:
    """`pytest --markers` and `pytest --fixtures` list them."""
    markers = pytester.runpytest("--markers")
    fixtures = pytester.runpytest("--fixtures", "-v")

    markers.stdout.fnmatch_lines(["@pytest.mark.fake_hub(**options): *"])
    for name in ("fake_hub", "fake_hub_url", "hub_clock"):
        fixtures.stdout.re_match_lines([rf"{name} -- .*pytest_plugin\.py.*"])


def test_the_hub_runs_on_the_virtual_clock_of_a_test(pytester: pytest.Pytester) -> None:
    """Whether the test or a fixture uses it, in any order; otherwise time is the machine's."""
    pytester.makepyfile("""
        import time
        import jwt
        import httpx
        import pytest

        def issued(fake_hub, url):
            fake_hub.add_user("moby", password="hunter2")
            response = httpx.post(url + "/v2/users/login", json={"username": "moby", "password": "hunter2"})
            return jwt.decode(response.json()["token"], options={"verify_signature": False})["iat"]

        def test_after(fake_hub, fake_hub_url, hub_clock):
            hub_clock.advance(5000)
            assert hub_clock.time() == issued(fake_hub, fake_hub_url)

        def test_before(hub_clock, fake_hub, fake_hub_url):
            assert hub_clock.time() == issued(fake_hub, fake_hub_url)

        @pytest.fixture
        def years_later(hub_clock):
            hub_clock.advance(1e8)
            return hub_clock.time()

        def test_by_a_fixture(fake_hub, fake_hub_url, years_later):
            assert years_later == issued(fake_hub, fake_hub_url)

        def test_without(fake_hub, fake_hub_url):
            assert time.time() - 60 < issued(fake_hub, fake_hub_url) <= time.time()
    """)

    pytester.runpytest().assert_outcomes(passed=4)


LISTS = """
    import pytest
    from hubapi import AsyncHub, Password

    @pytest.fixture
    def acme(fake_hub):
        fake_hub.add_user("moby", password="hunter2")
        fake_hub.add_org("acme", owners=["moby"], events=60)

    async def listed(url, **options):
        async with AsyncHub(Password("moby", "hunter2"), base_url=url, **options) as hub:
            return [event.event_id async for event in hub.audit_logs.list("acme")]
"""


def test_with_anyio(pytester: pytest.Pytester) -> None:
    """In process in virtual time, and over loopback in real time, on asyncio and trio."""
    pytester.makepyfile(
        LISTS
        + """
    pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("acme")]

    async def test_in_process(fake_hub, hub_clock):
        async with hub_clock:
            ids = await listed("http://localhost", transport=fake_hub.transport(), clock=hub_clock)
        assert fake_hub.event_ids("acme") == ids

    async def test_on_loopback(fake_hub, fake_hub_url):
        assert fake_hub.event_ids("acme") == await listed(fake_hub_url)
    """
    )

    pytester.runpytest().assert_outcomes(passed=4)


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_with_pytest_asyncio(pytester: pytest.Pytester, mode: str) -> None:
    """In both of its modes."""
    pytester.makepyfile(
        LISTS
        + """
    @pytest.mark.asyncio
    async def test_in_process(fake_hub, acme, hub_clock):
        async with hub_clock:
            ids = await listed("http://localhost", transport=fake_hub.transport(), clock=hub_clock)
        assert fake_hub.event_ids("acme") == ids

    @pytest.mark.asyncio
    async def test_on_loopback(fake_hub, acme, fake_hub_url):
        assert fake_hub.event_ids("acme") == await listed(fake_hub_url)
    """
    )

    pytester.runpytest(f"--asyncio-mode={mode}").assert_outcomes(passed=2)


def test_with_synchronous_tests_of_an_application(pytester: pytest.Pytester) -> None:
    """As with FastAPI's and Starlette's TestClient: the application runs in its own thread."""
    pytester.makepyfile(
        LISTS
        + """
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    def test_application(fake_hub, acme, fake_hub_url):
        async def events(request):
            return JSONResponse(await listed(fake_hub_url))

        with TestClient(Starlette(routes=[Route("/events", events)])) as client:
            assert fake_hub.event_ids("acme") == client.get("/events").json()
    """
    )

    pytester.runpytest("-W", "ignore:Using").assert_outcomes(passed=1)


# --- faults that never matched


def test_a_fault_that_never_matched_fails_the_test(pytester: pytest.Pytester) -> None:
    """The test passed, but did not test what it was written for; one that matched is fine."""
    pytester.makepyfile("""
        import httpx
        from hubapi.testing import faults

        def test_misses(fake_hub, fake_hub_url):
            fake_hub.inject(faults.Status(503), operation="repositories.list_tags")
            fake_hub.inject(faults.Drop(), method="DELETE", after=2)
            fake_hub.inject(faults.Html(), path="/v2/auditlogs/*")

            assert 503 == httpx.get(fake_hub_url + "/v2/namespaces/library/repositories/python/tags").status_code
    """)

    result = pytester.runpytest()

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_misses*",
            "these faults were injected and never matched a request:",
            "  Drop(when='before') for method DELETE after 2: applied to 0 of 0 matching requests",
            "  Html(* for path /v2/auditlogs/*: applied to 0 of 0 matching requests",
        ],
        consecutive=True,
    )
    result.stdout.no_fnmatch_line("*Status(*")


def test_unmatched_faults_do_not_matter_unless_the_test_passed(pytester: pytest.Pytester) -> None:
    """A test that failed, was skipped or never ran has another reason for it."""
    pytester.makepyfile("""
        import unittest
        import pytest
        from hubapi.testing import faults

        @pytest.fixture(autouse=True)
        def fault(fake_hub):
            fake_hub.inject(faults.Status(503))

        @pytest.fixture
        def broken(fake_hub):
            raise OSError

        def test_fails():
            assert False

        def test_skips():
            pytest.skip("not today")

        @pytest.mark.xfail
        def test_fails_as_expected():
            assert False

        def test_never_begins(broken):
            pass

        class Case(unittest.TestCase):
            def test_fails(self):
                self.fail()
    """)

    result = pytester.runpytest()

    result.assert_outcomes(failed=2, skipped=1, xfailed=1, errors=1)
    result.stdout.no_fnmatch_line("*never matched*")


# --- every run of an environment that has hubapi-client


def test_the_plugin_is_found_by_its_entry_point_and_can_be_left_out(pytester: pytest.Pytester) -> None:
    """It needs no configuration, and can be disabled."""
    pytester.makepyfile("def test_hub(fake_hub): pass")

    pytester.runpytest_subprocess().assert_outcomes(passed=1)
    without = pytester.runpytest_subprocess("-p", "no:hubapi")

    without.assert_outcomes(errors=1)
    without.stdout.fnmatch_lines(["*fixture 'fake_hub' not found*"])


def test_importing_it_loads_nothing_else() -> None:
    """It loads nothing that pytest and `import hubapi` have not loaded already."""
    code = (
        "import sys, hubapi, pytest; before = set(sys.modules);"
        "import hubapi.pytest_plugin; print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "['hubapi.pytest_plugin']" == done.stdout.strip()


@pytest.mark.parametrize("missing", ["jwt", "pyotp", "starlette", "uvicorn"])
def test_without_the_extra_only_tests_with_the_fixtures_fail(pytester: pytest.Pytester, missing: str) -> None:
    """The message names the extra to install; other tests run."""
    pytester.makeconftest(f"""
        import sys

        for name in [name for name in sys.modules if name.startswith(("hubapi.testing", {missing!r}))]:
            del sys.modules[name]
        sys.modules[{missing!r}] = None
    """)
    pytester.makepyfile("""
        def test_other(tmp_path): pass
        def test_hub(fake_hub): pass
        def test_url(fake_hub_url): pass
        def test_clock(hub_clock): pass
    """)

    result = pytester.runpytest_subprocess()

    result.assert_outcomes(passed=1, errors=3)
    words = rf'this fixture needs {missing}.*: pip install "hubapi-client\[testing\]"'
    result.stdout.re_match_lines([words] * 3)


@pytest.mark.parametrize("failing", ["", "-x"])
def test_other_suites_are_not_affected(pytester: pytest.Pytester, failing: str) -> None:
    """Their results are the same as without the plugin."""
    pytester.makepyfile("""
        import pytest

        def test_passes(): pass
        @pytest.mark.skip
        def test_skips(): pass
        def test_fails(): assert False
    """)

    pytester.runpytest(*failing.split()).assert_outcomes(passed=1, skipped=1, failed=1)
