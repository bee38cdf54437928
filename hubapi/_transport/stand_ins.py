"""Whether a test has put something in the place of httpx's transport, or of httpcore's pool below it.

That is how respx and pytest-httpx work, and what they are used to seeing is what httpx sends. So as long as they are at
work, requests go through httpx. https://lundberg.github.io/respx/api/#mocker
"""

import sys
from functools import lru_cache
from pathlib import Path

import httpx


def stands_in() -> bool:
    """Say whether requests have to go through httpx to be seen."""
    if not _is_its_own(httpx.AsyncHTTPTransport.handle_async_request, "httpx"):
        return True
    httpcore = sys.modules.get("httpcore")  # which nobody can have changed who has not imported it
    return httpcore is not None and not _is_its_own(httpcore.AsyncConnectionPool.handle_async_request, "httpcore")


@lru_cache(maxsize=16)
def _is_its_own(method: object, library: str) -> bool:
    """Say whether a method is written in its library."""
    code, home = getattr(method, "__code__", None), sys.modules[library].__file__
    return code is not None and home is not None and Path(home).parent in Path(code.co_filename).parents
