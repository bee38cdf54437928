"""An HTTP/1.1 answer, read as its bytes come. No I/O: httptools, the parser of Node.js, finds what there is in them.

Source: RFC 9112; 6.3 for where a body ends, 9.3 for what may go over a connection after it.
"""

from typing import TypeAlias

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from hubapi.errors import NoResponseError

RawResponse: TypeAlias = tuple[int, list[tuple[bytes, bytes]], bytes]
"""The status, the headers as they came, and the body in its content encoding."""

_HEAD = 100 << 10  # bytes of headers at most, with those of interim answers


class AnswerReader:
    """Reads one answer: fed with bytes, until it is whole.

    Args:
        method: What was asked with: the answer to a `HEAD` has no body, whatever its headers say.
    """

    def __init__(self, method: str) -> None:
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._bodiless = method == "HEAD"
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._before = 0  # bytes that came before it was known how it goes on
        self._headed = False  # its headers are complete
        self._whole = False
        self._ends_with_connection = False
        self._problem: str | None = None
        self.keeps_connection = False
        """Whether another request may go over the connection, once the answer is whole."""

    def feed(self, data: bytes) -> RawResponse | None:
        """Read on, with no bytes where the connection has ended; return the answer when it is whole.

        Raises:
            NoResponseError: it won't be whole any more, or is no HTTP.
        """
        problem = self._parse(data) if data else self._end()
        if problem is not None:
            self._parser = None
            raise NoResponseError(problem)
        if not self._whole:
            return None
        self._parser = None  # they hold each other, and a body
        body = self._body
        return self._status, self._headers, body[0] if len(body) == 1 else b"".join(body)

    def _parse(self, data: bytes) -> str | None:
        assert self._parser is not None, "nothing is read after the end"  # noqa: S101
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            return "the server went over to another protocol"
        except HttpParserError as error:
            if not self._whole:
                return f"it is no HTTP/1.1 ({error})"
            self.keeps_connection = False  # what came behind it belongs to nobody
        if not self._headed:
            self._before += len(data)
            if self._before > _HEAD:
                return f"its headers are longer than {_HEAD >> 10} KB"
        return self._problem

    def _end(self) -> str | None:
        if not self._ends_with_connection:
            return "the connection ended" + (" in the middle of it" if self._before or self._headed else "")
        self._whole = True
        return None

    # --- what httptools calls

    def on_message_begin(self) -> None:
        """Hear that an answer begins: the first, the one after an interim answer, or one that nobody asked for."""
        self.keeps_connection = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; nobody reads those that may follow a body in chunks."""
        if not self._headed:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Find out how the answer goes on."""
        if self._headed or self._parser is None:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:  # an interim answer: another follows
            self._headers.clear()
            return
        self._headed, self._status = True, status
        names = {name.lower(): value for name, value in self._headers}
        encoding = names.get(b"transfer-encoding", b"chunked").strip().lower()
        if status < 100:
            self._problem = f"it is no HTTP/1.1 (a status of {status})"
        elif encoding != b"chunked":
            self._problem = "it has a transfer-encoding that nobody asked for"
        self.keeps_connection = self._parser.should_keep_alive()
        framed = b"content-length" in names or b"transfer-encoding" in names
        self._ends_with_connection = not (framed or self.keeps_connection)
        self._whole = self._bodiless

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self._whole:  # of a HEAD, which has none
            self.keeps_connection = False
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Hear that an answer is whole; an interim one is no answer."""
        self._whole = self._headed
