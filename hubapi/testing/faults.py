"""What goes wrong between a client and Docker Hub, for `FakeHub.inject`.

Each fault takes hold of one whole answer, whatever that would have been, and unless it says otherwise the work has
been done by then. A request that meets one still counts against its rate limit.

>>> from hubapi.testing import FakeHub, faults
>>> fake = FakeHub()
>>> injected = fake.inject(faults.Status(503), operation="audit_logs.*", times=2)
>>> print(injected)
Status(status=503, after_work=False) for operation audit_logs.*: applied to 0 of 0 that came
"""

from hubapi.testing._faults.contents import BadDates, ContentType, Next, PageSize, Rewrite, Truncated
from hubapi.testing._faults.network import Drop, Skew, SlowBody, SlowHeaders
from hubapi.testing._faults.responses import Html, Status, Text, TooMany
from hubapi.testing._server.delivery import Fault

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
