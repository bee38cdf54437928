"""Odd responses, and what has to become of each: RFC 9112, and what servers and proxies were seen to send.

`expected` is what we would have. `but` is a deviation: what one parser makes of it instead, which we accept because it
is as safe, or because it can't be changed from outside. h11 is below httpx and httpx2, hyper below FastTransport.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from attrs import field, frozen

FAILS = "NoResponseError"


@frozen
class Read:
    """A response that is read: its status and its content, and some of its headers."""

    status: int = 200
    content: bytes = b""
    headers: Mapping[str, str] = field(factory=dict)


Expected: TypeAlias = Read | str
Parser: TypeAlias = Literal["h11", "hyper"]


@frozen(kw_only=True)
class Case:
    """One odd response.

    Attributes:
        name: What is odd about it.
        sent: Its bytes.
        expected: What has to become of it.
        method: Of the request.
        closes: Whether the server closes the connection behind it.
        but: What a parser makes of it otherwise.
    """

    name: str
    sent: bytes
    expected: Expected
    method: str = "GET"
    closes: bool = False
    but: Mapping[Parser, Expected] = field(factory=dict)

    def expected_of(self, parser: Parser) -> Expected:
        return self.but.get(parser, self.expected)


CASES: list[Case] = []


def _case(
    name: str,
    sent: bytes,
    expected: Expected,
    method: str = "GET",
    *,
    closes: bool | None = None,
    h11: Expected | None = None,
    hyper: Expected | None = None,
) -> None:
    """Add a case. What can't be read ends with its connection: a transport must not wait for more of it."""
    but: dict[Parser, Expected] = {}
    if h11 is not None:
        but["h11"] = h11
    if hyper is not None:
        but["hyper"] = hyper
    closes = FAILS in (expected, h11, hyper) if closes is None else closes
    CASES.append(Case(name=name, sent=sent, expected=expected, method=method, closes=closes, but=but))


OK = b"HTTP/1.1 200 OK\r\n"
TWO = b"content-length: 2\r\n\r\n{}"
CHUNKED = b"transfer-encoding: chunked\r\n"
READ = Read(200, b"{}")

# --- the status line: RFC 9112, section 4

_case("a response as usual", OK + TWO, READ)
_case("no reason", b"HTTP/1.1 200 \r\n" + TWO, READ)
_case("no reason, and no space for one", b"HTTP/1.1 200\r\n" + TWO, READ)
_case("a reason in Latin-1", b"HTTP/1.1 200 \xc3\xa7a va \xe9\r\n" + TWO, READ)
_case("a reason of other words", b"HTTP/1.1 200 Not Found\r\n" + TWO, READ)
_case("a long reason", b"HTTP/1.1 200 " + b"x" * 5000 + b"\r\n" + TWO, READ)
_case("a reason with a NUL", b"HTTP/1.1 200 O\0K\r\n" + TWO, FAILS)
_case("HTTP/1.0", b"HTTP/1.0 200 OK\r\n" + TWO, READ)
_case("HTTP/1.2", b"HTTP/1.2 200 OK\r\n" + TWO, READ, hyper=FAILS)
_case("HTTP/2 in words", b"HTTP/2 200 OK\r\n" + TWO, FAILS)
_case("HTTP/0.9: a body alone", b"<html>hello</html>\r\n", FAILS)
_case("in lower case", b"http/1.1 200 OK\r\n" + TWO, FAILS)
_case("no version", b"200 OK\r\n" + TWO, FAILS)
_case("another protocol", b"SSH-2.0-OpenSSH_9.0\r\n", FAILS)
_case("a TLS alert", b"\x15\x03\x01\x00\x02\x02\x50", FAILS)
_case("an empty line first", b"\r\n" + OK + TWO, FAILS, hyper=READ)
_case("two spaces before the status", b"HTTP/1.1  200 OK\r\n" + TWO, FAILS)
_case("a tab before the status", b"HTTP/1.1\t200 OK\r\n" + TWO, FAILS)
_case("a status of two digits", b"HTTP/1.1 99 OK\r\n" + TWO, FAILS)
_case("a status of four digits", b"HTTP/1.1 1000 OK\r\n" + TWO, FAILS)
_case("a status of no number", b"HTTP/1.1 abc OK\r\n" + TWO, FAILS)
_case("a negative status", b"HTTP/1.1 -20 OK\r\n" + TWO, FAILS)
_case("status 000", b"HTTP/1.1 000 OK\r\n" + TWO, FAILS)
_case("status 099", b"HTTP/1.1 099 OK\r\n" + TWO, FAILS)
_case("status 299", b"HTTP/1.1 299 OK\r\n" + TWO, Read(299, b"{}"))
_case("status 418", b"HTTP/1.1 418 I'm a teapot\r\n" + TWO, Read(418, b"{}"))
_case("status 520, of Cloudflare", b"HTTP/1.1 520 \r\n" + TWO, Read(520, b"{}"))
_case("status 600", b"HTTP/1.1 600 Odd\r\n" + TWO, Read(600, b"{}"))
_case("status 999", b"HTTP/1.1 999 Odd\r\n" + TWO, Read(999, b"{}"))

# --- header fields: section 5

_case("names in any case", OK + b"CONTENT-length: 2\r\nX-Odd: 1\r\n\r\n{}", Read(200, b"{}", {"x-odd": "1"}))
_case("no space after the colon", OK + b"content-length:2\r\nx-odd:1\r\n\r\n{}", Read(200, b"{}", {"x-odd": "1"}))
_case("spaces and tabs around a value", OK + b"x-odd: \t 1 \t\r\n" + TWO, Read(200, b"{}", {"x-odd": "1"}))
_case("an empty value", OK + b"x-odd:\r\n" + TWO, Read(200, b"{}", {"x-odd": ""}))
_case("one name twice", OK + b"x-odd: 1\r\nx-odd: 2\r\n" + TWO, Read(200, b"{}", {"x-odd": "1, 2"}))
_case("one name twice, in two cases", OK + b"X-Odd: 1\r\nx-odd: 2\r\n" + TWO, Read(200, b"{}", {"x-odd": "1, 2"}))
_case(
    "a value in UTF-8",
    OK + "x-odd: ü\r\n".encode() + TWO,
    Read(200, b"{}", {"x-odd": "ü"}),
    hyper=Read(200, b"{}", {"x-odd": ""}),
)
_case(
    "a value in Latin-1",
    OK + b"x-odd: \xfc\r\n" + TWO,
    Read(200, b"{}", {"x-odd": "ü"}),
    hyper=Read(200, b"{}", {"x-odd": ""}),
)
_case("a colon in a value", OK + b"x-odd: a:b: c\r\n" + TWO, Read(200, b"{}", {"x-odd": "a:b: c"}))
_case("a folded value", OK + b"x-odd: a\r\n  b\r\n" + TWO, Read(200, b"{}", {"x-odd": "a b"}), hyper=FAILS)
_case("a folded length", OK + b"content-length:\r\n 2\r\n\r\n{}", READ, hyper=FAILS)
_case("a fold before the first header", OK + b" x-odd: 1\r\n" + TWO, FAILS)
_case("a space before the colon", OK + b"x-odd : 1\r\n" + TWO, FAILS)
_case("a space in a name", OK + b"x odd: 1\r\n" + TWO, FAILS)
_case("no name", OK + b": 1\r\n" + TWO, FAILS)
_case("no colon", OK + b"nonsense\r\n" + TWO, FAILS)
_case("a name that is not ASCII", OK + "x-ödd: 1\r\n".encode() + TWO, FAILS)
_case("a NUL in a value", OK + b"x-odd: a\0b\r\n" + TWO, FAILS)
_case("a NUL in a name", OK + b"x\0odd: 1\r\n" + TWO, FAILS)
_case("a control character in a value", OK + b"x-odd: a\x07b\r\n" + TWO, READ, hyper=FAILS)
_case("a lone CR in a value", OK + b"x-odd: a\rb\r\n" + TWO, FAILS)
_case("bare LF for all lines", b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}", READ)
_case("bare LF for some lines", b"HTTP/1.1 200 OK\r\nx-odd: 1\ncontent-length: 2\r\n\r\n{}", READ)
_case("bare CR for all lines", b"HTTP/1.1 200 OK\rcontent-length: 2\r\r{}", FAILS)
_case("a hundred headers", OK + b"".join(b"x-%d: 1\r\n" % n for n in range(90)) + TWO, READ)
_case("a header of 20 KB", OK + b"x-odd: " + b"y" * 20_000 + b"\r\n" + TWO, READ)
_case("headers of 60 KB", OK + (b"x-odd: " + b"y" * 6_000 + b"\r\n") * 10 + TWO, READ)
_case("headers of 1 MB", OK + b"x-odd: " + b"y" * 1_000_000 + b"\r\n" + TWO, FAILS)
_case("headers of 1 MB without end", OK + b"x-odd: " + b"y" * 1_000_000, FAILS)
_case("twenty thousand headers", OK + b"x-odd: 1\r\n" * 20_000 + TWO, FAILS)

# --- how long a body is: section 6

_case("no length: to the end", OK + b"\r\n{}", READ, closes=True)
_case("no length, HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\n{}", READ, closes=True)
_case("no length, no body", OK + b"\r\n", Read(200), closes=True)
_case("connection: close, with a length", OK + b"connection: close\r\n" + TWO, READ)
_case("connection: keep-alive, HTTP/1.0", b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n" + TWO, READ)
_case("length 0", OK + b"content-length: 0\r\n\r\n", Read(200))
_case("a length with zeros before it", OK + b"content-length: 0002\r\n\r\n{}", READ)
_case("the same length twice", OK + b"content-length: 2\r\ncontent-length: 2\r\n\r\n{}", READ)
_case("the same length twice in one header", OK + b"content-length: 2, 2\r\n\r\n{}", READ)
_case("two lengths", OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}", FAILS)
_case("two lengths in one header", OK + b"content-length: 2, 3\r\n\r\n{}", FAILS)
_case("a length of no number", OK + b"content-length: x\r\n\r\n{}", FAILS)
_case("an empty length", OK + b"content-length:\r\n\r\n{}", FAILS)
_case("a negative length", OK + b"content-length: -2\r\n\r\n{}", FAILS)
_case("a length with a sign", OK + b"content-length: +2\r\n\r\n{}", FAILS)
_case("a length in hexadecimal", OK + b"content-length: 0x2\r\n\r\n{}", FAILS)
_case("a length with a point", OK + b"content-length: 2.0\r\n\r\n{}", FAILS)
_case("a length of 30 digits", OK + b"content-length: " + b"9" * 30 + b"\r\n\r\n{}", FAILS)
_case("a body longer than its length", OK + b"content-length: 2\r\n\r\n{}{}", READ)
_case("a cut body", OK + b"content-length: 9\r\n\r\n{}", FAILS)
_case("a body that never begins", OK + b"content-length: 9\r\n\r\n", FAILS)
_case("chunks", OK + CHUNKED + b"\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", READ)
_case("chunks, in capitals", OK + b"Transfer-Encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", READ)
_case("chunks with extensions", OK + CHUNKED + b'\r\n2;a=1;b="x y"\r\n{}\r\n0;c\r\n\r\n', READ)
_case("chunks with trailers", OK + CHUNKED + b"\r\n2\r\n{}\r\n0\r\nx-odd: 1\r\nx-odd: 2\r\n\r\n", READ)
_case(
    "a trailer that names a header",
    OK + CHUNKED + b"x-odd: 1\r\n\r\n2\r\n{}\r\n0\r\nx-odd: 2\r\n\r\n",
    Read(200, b"{}", {"x-odd": "1"}),
)
_case("chunk sizes with zeros before them", OK + CHUNKED + b"\r\n0002\r\n{}\r\n000\r\n\r\n", READ)
_case("chunk sizes in capitals", OK + CHUNKED + b"\r\nA\r\n0123456789\r\n0\r\n\r\n", Read(200, b"0123456789"))
_case("no chunks at all", OK + CHUNKED + b"\r\n0\r\n\r\n", Read(200))
_case("a space after a chunk size", OK + CHUNKED + b"\r\n2 \r\n{}\r\n0\r\n\r\n", READ)
_case("bare LF in chunks", OK + CHUNKED + b"\r\n2\n{}\n0\n\n", FAILS)
_case("a chunk size of no number", OK + CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n", FAILS)
_case("a negative chunk size", OK + CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n", FAILS)
_case("an empty chunk size", OK + CHUNKED + b"\r\n\r\n{}\r\n0\r\n\r\n", FAILS)
_case("a chunk size in 0x", OK + CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n", FAILS)
_case("a chunk size of 20 digits", OK + CHUNKED + b"\r\n" + b"f" * 20 + b"\r\n{}", FAILS)
_case("a chunk longer than its size", OK + CHUNKED + b"\r\n2\r\n{}{}\r\n0\r\n\r\n", FAILS)
_case("a cut chunk", OK + CHUNKED + b"\r\n5\r\n{}", FAILS)
_case("chunks without the last", OK + CHUNKED + b"\r\n2\r\n{}\r\n", FAILS)
_case("chunks without the last line", OK + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n", FAILS)
_case("an endless chunk extension", OK + CHUNKED + b"\r\n2;" + b"x" * 1_000_000, FAILS)
_case(
    "chunks in HTTP/1.0", b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n", READ, closes=True, hyper=FAILS
)
_case("chunks and a length", OK + CHUNKED + b"content-length: 5\r\n\r\n2\r\n{}\r\n0\r\n\r\n", READ)
_case("a length and chunks", OK + b"content-length: 5\r\n" + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n", READ)
_case("transfer-encoding: gzip, chunked", OK + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", FAILS)
_case("transfer-encoding: gzip", OK + b"transfer-encoding: gzip\r\n\r\n{}", FAILS)
_case("transfer-encoding: identity", OK + b"transfer-encoding: identity\r\n" + TWO, FAILS)
_case("transfer-encoding: chunked, identity", OK + b"transfer-encoding: chunked, identity\r\n" + TWO, FAILS)
_case("chunked twice", OK + CHUNKED * 2 + b"\r\n2\r\n{}\r\n0\r\n\r\n", FAILS)

# --- responses that have no body, whatever they say: section 6.3

_case("204", b"HTTP/1.1 204 No Content\r\n\r\n", Read(204))
_case("204 with a length of 0", b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n", Read(204))
_case("204 with a length and a body", b"HTTP/1.1 204 No Content\r\n" + TWO, Read(204))
_case("204 in chunks", b"HTTP/1.1 204 No Content\r\n" + CHUNKED + b"\r\n0\r\n\r\n", Read(204))
_case("304", b"HTTP/1.1 304 Not Modified\r\n\r\n", Read(304))
_case("304 with a length", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 500\r\n\r\n", Read(304))
_case("304 with a length and a body", b"HTTP/1.1 304 Not Modified\r\n" + TWO, Read(304))
_case("205 with a body", b"HTTP/1.1 205 Reset Content\r\n" + TWO, Read(205, b"{}"))
_case("HEAD with a length", OK + b"content-length: 500\r\n\r\n", Read(200), "HEAD")
_case("HEAD with chunks", OK + CHUNKED + b"\r\n", Read(200), "HEAD")
_case("HEAD without a length", OK + b"\r\n", Read(200), "HEAD")
_case("HEAD with a body", OK + TWO, Read(200), "HEAD")
_case("HEAD with 404", b"HTTP/1.1 404 Not Found\r\ncontent-length: 500\r\n\r\n", Read(404), "HEAD")

# --- interim responses: RFC 9110, section 15.2

_case("100 first", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + TWO, READ)
_case("102 first", b"HTTP/1.1 102 Processing\r\n\r\n" + OK + TWO, READ)
_case("103 first", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nx-odd: 1\r\n\r\n" + OK + TWO, READ)
_case("199 first", b"HTTP/1.1 199 Odd\r\n\r\n" + OK + TWO, READ)
_case(
    "several first", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" * 3 + OK + TWO, READ
)
_case("100 with a length", b"HTTP/1.1 100 Continue\r\ncontent-length: 0\r\n\r\n" + OK + TWO, READ)
_case("100 and no more", b"HTTP/1.1 100 Continue\r\n\r\n", FAILS)
_case("101", b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n...", FAILS)
_case(
    "426 with upgrade",
    b"HTTP/1.1 426 Upgrade Required\r\nupgrade: h2c\r\nconnection: upgrade\r\n" + TWO,
    Read(426, b"{}"),
)
_case("200 with upgrade", OK + b"upgrade: h2c\r\nconnection: upgrade\r\n" + TWO, READ)

# --- the end

_case("nothing", b"", FAILS)
_case("half a status line", b"HTTP/1.1 20", FAILS)
_case("a status line alone", OK, FAILS)
_case("half a header", OK + b"content-le", FAILS)
_case("headers without their end", OK + b"content-length: 2\r\n", FAILS)
_case("NULs", b"\0" * 500, FAILS)
_case("garbage", b"\x00\x01\x02 garbage \xff\r\n\r\n", FAILS)
_case("1 MB of garbage without a line", b"x" * 1_000_000, FAILS)
