"""A fake Docker Hub and a virtual clock, for tests of code that uses Docker Hub.

Needs the extra `testing`: `pip install "hubapi-client[testing]"`.
"""

try:
    from hubapi.testing import faults
    from hubapi.testing._faults.injections import Injection
    from hubapi.testing._server.rate_limits import RateLimitPolicy, RetryAfter
    from hubapi.testing._server.request_log import RequestRecord
    from hubapi.testing.clock import VirtualClock
    from hubapi.testing.fake_hub import FakeHub
except ModuleNotFoundError as _missing:
    _package = (_missing.name or "").partition(".")[0]
    if _package not in {"jwt", "pyotp", "starlette", "uvicorn"}:
        raise
    raise ImportError(
        f'hubapi.testing needs {_package}: pip install "hubapi-client[testing]"', name=_package
    ) from _missing

__all__ = ["FakeHub", "Injection", "RateLimitPolicy", "RequestRecord", "RetryAfter", "VirtualClock", "faults"]
