import pytest

from hubapi.testing import FakeHub
from tests.testing.conftest import PASSWORD

TAGS = "/v2/namespaces/library/repositories/python/tags"
AUDIT = "/v2/auditlogs/acme"
LOGIN = {"username": "moby", "password": PASSWORD}


@pytest.fixture
def fake(fake: FakeHub) -> FakeHub:
    """A FakeHub whose tags fill three pages."""
    fake.add_repository("library", "python", tags=30)
    return fake
