"""The connections to one server: each for one request at a time, the one used last taken first.

httpcore's pool looks through all its connections and requests at every turn, which at 32 in flight is a third of a
request's CPU, and it loses connections whose call is cancelled (encode/httpcore#1093). Here they are a stack.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping

import anyio
from attrs import define, field

from hubapi._transport.answer_reader import RawResponse
from hubapi._transport.http1 import CLOSED, Connection
from hubapi.errors import NotSentError

_KEPT = 64
_KEPT_S = 30.0


@define(eq=False, repr=False)
class Connections:
    """Exchanges requests for answers with one server.

    - A request takes the connection used last, or a new one. There is no limit: the width is limited elsewhere.
    - One that the server has closed meanwhile, or that nobody used for 30 s, is closed instead of taken.
    - It is kept if the whole answer came and the server keeps it too. After anything else, such as a cancellation, it
      is closed.
    - At most 64 are kept; the one unused for longest is closed first.

    Args:
        new: Makes a connection; it connects with its first request.
        now: Seconds, for the age of what is kept.
    """

    new: Callable[[], Connection]
    now: Callable[[], float] = time.monotonic
    _idle: deque[tuple[Connection, float]] = field(factory=deque[tuple[Connection, float]], init=False)
    _busy: set[Connection] = field(factory=set[Connection], init=False)
    _closed: bool = field(default=False, init=False)

    async def exchange(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> RawResponse:
        """Send a request and return its whole answer; see `Connection.exchange`."""
        connection = await self._kept()
        if self._closed:
            raise NotSentError(CLOSED)
        connection = connection or self.new()
        self._busy.add(connection)
        try:
            response = await connection.exchange(method, target, headers, content)
        except BaseException:
            await _close(connection)
            raise
        finally:
            self._busy.discard(connection)
        await self._keep(connection)
        return response

    async def _kept(self) -> Connection | None:
        """Return the connection that was used last, unless it is too old, or the server has closed it."""
        while self._idle:
            connection, until = self._idle.pop()
            if self.now() < until and not connection.has_news():
                return connection
            await _close(connection)
        return None

    async def _keep(self, connection: Connection) -> None:
        if self._closed or not connection.is_reusable:
            await _close(connection)
            return
        now = self.now()
        self._idle.append((connection, now + _KEPT_S))
        while self._idle and (len(self._idle) > _KEPT or self._idle[0][1] <= now):
            await _close(self._idle.popleft()[0])

    async def aclose(self) -> None:
        """Close every connection, also under the requests that are under way."""
        self._closed = True
        while self._idle:
            await _close(self._idle.pop()[0])
        for connection in list(self._busy):
            await _close(connection)


async def _close(connection: Connection) -> None:
    """Close it, cancelled or not."""
    with anyio.CancelScope(shield=True):
        await connection.aclose()
