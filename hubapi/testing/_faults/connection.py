"""Faults that delay the right response, drop the connection, or change the server's clock."""

from typing import Literal, get_args

from attrs import field, frozen, validators
from starlette.responses import Response

from hubapi.testing._faults.validators import MAX_S, one_of
from hubapi.testing._server.delivery import Delivery
from hubapi.testing._server.fault import Exchange, Fault

_When = Literal["before", "after", "midway"]


@frozen
class Skew(Fault):
    """Write `Date` and all other times in the headers of one response with a wrong clock.

    `FakeHub.skew_s` does so for all responses, and for tokens (D25).

    Args:
        seconds: Seconds by which the clock is ahead, -1e9 to 1e9.

    Raises:
        ValueError: *seconds* is out of range.
    """

    seconds: float = field(validator=[validators.ge(-MAX_S), validators.le(MAX_S)])

    def __call__(self, exchange: Exchange) -> Delivery:
        delivery = exchange.process()
        delivery.skew_s = self.seconds
        return delivery


@frozen
class SlowHeaders(Fault):
    """Process the request at once, but delay the whole response.

    Args:
        seconds: The delay, by the FakeHub's clock; at least 0, may be infinite.

    Raises:
        ValueError: *seconds* is negative.
    """

    seconds: float = field(validator=validators.ge(0.0))

    def __call__(self, exchange: Exchange) -> Delivery:
        delivery = exchange.process()
        delivery.headers_delay_s = self.seconds
        return delivery


@frozen
class SlowBody(Fault):
    """Send the headers and half the body at once, and delay the rest.

    Args:
        seconds: The delay, by the FakeHub's clock; at least 0, may be infinite. A response without a body is delayed as
            a whole.

    Raises:
        ValueError: *seconds* is negative.
    """

    seconds: float = field(validator=validators.ge(0.0))

    def __call__(self, exchange: Exchange) -> Delivery:
        delivery = exchange.process()
        delivery.body_delay_s = self.seconds
        return delivery


@frozen
class Drop(Fault):
    """Close the connection instead of sending the whole response.

    Args:
        when: `"before"` the request is processed, `"after"` it is processed (a client can't distinguish the two), or
            `"midway"`, when half the body has been sent.

    Raises:
        ValueError: *when* is none of these.
    """

    when: _When = field(default="before", validator=one_of(*get_args(_When)))

    def __call__(self, exchange: Exchange) -> Delivery:
        delivery = Delivery(Response()) if self.when == "before" else exchange.process()
        delivery.cut = "midway" if self.when == "midway" else "before"
        return delivery
