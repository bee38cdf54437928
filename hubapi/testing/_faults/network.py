"""Faults by which the right answer comes late, by a wrong clock, or not at all."""

from typing import Literal, get_args

from attrs import field, frozen, validators
from starlette.responses import Response

from hubapi.testing._faults.validators import MOST_S, one_of
from hubapi.testing._server.delivery import Asked, Delivery, Fault

__all__ = ["Drop", "Skew", "SlowBody", "SlowHeaders"]

_When = Literal["before", "after", "midway"]


@frozen
class Skew(Fault):
    """One answer comes from a server whose clock is wrong: its ``Date`` and all that its headers tell of time.

    `FakeHub.skew_s` does it to all answers, tokens included (D25).

    Args:
        seconds: How far it is ahead; at most 1e9 either way.

    Raises:
        ValueError: *seconds* is out of range.
    """

    seconds: float = field(validator=[validators.ge(-MOST_S), validators.le(MOST_S)])

    def __call__(self, asked: Asked) -> Delivery:
        delivery = asked.work()
        delivery.skew_s = self.seconds
        return delivery


@frozen
class SlowHeaders(Fault):
    """The work is done at once, but nothing of the answer comes for a while.

    Args:
        seconds: For how long, by the fake's clock; may be infinite.

    Raises:
        ValueError: *seconds* is negative.
    """

    seconds: float = field(validator=validators.ge(0.0))

    def __call__(self, asked: Asked) -> Delivery:
        delivery = asked.work()
        delivery.headers_late_s = self.seconds
        return delivery


@frozen
class SlowBody(Fault):
    """The headers and half the body come at once, the rest only after a while.

    Args:
        seconds: For how long, by the fake's clock; may be infinite. An answer without a body comes as late as a whole.

    Raises:
        ValueError: *seconds* is negative.
    """

    seconds: float = field(validator=validators.ge(0.0))

    def __call__(self, asked: Asked) -> Delivery:
        delivery = asked.work()
        delivery.body_late_s = self.seconds
        return delivery


@frozen
class Drop(Fault):
    """The connection is closed where an answer is due.

    Args:
        when: ``"before"`` the work is done, ``"after"`` it is done (the client can't tell the two apart), or
            ``"midway"``, with half the promised body sent.

    Raises:
        ValueError: it is none of these.
    """

    when: _When = field(default="before", validator=one_of(*get_args(_When)))

    def __call__(self, asked: Asked) -> Delivery:
        delivery = Delivery(Response()) if self.when == "before" else asked.work()
        delivery.cut = "midway" if self.when == "midway" else "unanswered"
        return delivery
