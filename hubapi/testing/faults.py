"""The faults for `FakeHub.inject`.

Each applies to one response, whatever that is. Unless its description differs, the request has been processed by then.
A request with a fault still counts against its rate limit.

Example:
    >>> from hubapi.testing import FakeHub, faults
    >>> fake = FakeHub()
    >>> injected = fake.inject(faults.Status(503), operation="audit_logs.*", times=2)
    >>> print(injected)
    Status(status=503, after_work=False) for operation audit_logs.*: applied to 0 of 0 matching requests
"""

from hubapi.testing._faults.connection import Drop, Skew, SlowBody, SlowHeaders
from hubapi.testing._faults.contents import BadDates, ContentType, Next, PageSize, Rewrite, Truncated
from hubapi.testing._faults.responses import Html, Status, Text, TooMany
from hubapi.testing._server.fault import Fault

__all__ = [
    "BadDates",
    "ContentType",
    "Drop",
    "Fault",
    "Html",
    "Next",
    "PageSize",
    "Rewrite",
    "Skew",
    "SlowBody",
    "SlowHeaders",
    "Status",
    "Text",
    "TooMany",
    "Truncated",
]
