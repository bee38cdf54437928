"""HTTP/1.1 answers as they come: in any pieces, with and without an end, and what is none."""

import gc
from contextlib import suppress
from itertools import pairwise
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubapi import NoResponseError
from hubapi._transport.answer_reader import AnswerReader, RawResponse

KEPT = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n"
    b"1;ext=1\r\n{\r\n1\r\n}\r\n0\r\nx-trailer: 1\r\nx-a: 2\r\n\r\n"
)
TO_THE_END = b"HTTP/1.1 200 OK\r\nx-a: 1\r\n\r\n{}"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + KEPT


def read(*pieces: bytes, method: str = "GET") -> tuple[RawResponse | None, bool]:
    """Read them one by one: the answer, and whether the connection may be used again."""
    reader = AnswerReader(method)
    answer = None
    for piece in pieces:
        assert answer is None
        answer = reader.feed(piece)
    return answer, reader.keeps_connection


@pytest.mark.parametrize(
    ("came", "expected", "keeps"),
    [
        (KEPT, (200, [(b"content-length", b"2")], b"{}"), True),
        (CHUNKED, (200, [(b"Transfer-Encoding", b"chunked"), (b"X-A", b"1")], b"{}"), True),
        (INTERIM, (200, [(b"content-length", b"2")], b"{}"), True),
        (b"HTTP/1.1 204 No Content\r\nx: 1\r\n\r\n", (204, [(b"x", b"1")], b""), True),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", (304, [], b""), True),
        (b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", (200, [(b"content-length", b"0")], b""), True),
    ],
)
@given(cuts=st.lists(st.integers(min_value=1, max_value=200), max_size=6))
def test_it_comes_in_any_pieces(came: bytes, expected: RawResponse, cuts: list[int], *, keeps: bool) -> None:
    """A network cuts where it likes."""
    places = sorted({0, len(came), *(cut for cut in cuts if cut < len(came))})
    pieces = [came[begin:end] for begin, end in pairwise(places)]

    assert (expected, keeps) == read(*pieces)


def test_an_answer_may_end_with_its_connection() -> None:
    """Where no header says how long it is."""
    assert ((200, [(b"x-a", b"1")], b"{}"), False) == read(TO_THE_END, b"")
    assert ((200, [(b"x-a", b"1")], b"{}!"), False) == read(TO_THE_END, b"!", b"")


@pytest.mark.parametrize(
    "came",
    [
        KEPT.replace(b"\r\n\r\n", b"\r\nConnection: Close\r\n\r\n"),
        KEPT.replace(b"HTTP/1.1", b"HTTP/1.0"),
        KEPT + b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n",
        KEPT + b"HTTP/1.1 408",
        KEPT + b"garbage",
        KEPT + b"\x00",
    ],
)
def test_a_connection_is_not_kept(came: bytes) -> None:
    """That the server will close, or over which something came that nobody asked for."""
    (answer, keeps) = read(came)

    assert answer is not None
    assert (200, b"{}", False) == (answer[0], answer[2], keeps)


def test_a_connection_of_http_1_0_may_be_kept() -> None:
    """Where the server says so."""
    came = KEPT.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"\r\n\r\n", b"\r\nconnection: keep-alive\r\n\r\n")

    assert read(came)[1]


@pytest.mark.parametrize("length", [b"content-length: 5000\r\n", b"transfer-encoding: chunked\r\n", b""])
def test_the_answer_to_a_head_has_no_body(length: bytes) -> None:
    """Whatever its headers say of the one that a GET would have."""
    answer, keeps = read(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n", method="HEAD")

    assert answer is not None
    assert (200, b"") == (answer[0], answer[2])
    assert keeps == bool(length)


def test_a_head_that_is_answered_with_a_body_loses_its_connection() -> None:
    """The body would be read as the next answer."""
    answer, keeps = read(KEPT, method="HEAD")

    assert answer is not None
    assert (b"", False) == (answer[2], keeps)


@pytest.mark.parametrize(
    ("came", "words"),
    [
        ([b""], "the connection ended$"),
        ([b"HTTP/1.1 20", b""], "ended in the middle of it"),
        ([KEPT[:-1], b""], "ended in the middle of it"),
        ([CHUNKED[:-9], b""], "ended in the middle of it"),
        ([INTERIM[: -len(KEPT)], b""], "ended in the middle of it"),
        ([b"SSH-2.0-OpenSSH_9.0\r\n"], "no HTTP/1.1"),
        ([KEPT.replace(b": 2", b": 2\r\ncontent-length: 3")], "no HTTP/1.1"),
        ([CHUNKED.replace(b"X-A: 1", b"content-length: 2")], "no HTTP/1.1"),
        ([KEPT.replace(b": 2", b": -2")], "no HTTP/1.1"),
        ([KEPT.replace(b": 2", b": 99999999999999999999999")], "no HTTP/1.1"),
        ([KEPT.replace(b"200 OK", b"2000 OK")], "no HTTP/1.1"),
        ([KEPT.replace(b"200 OK", b"099 OK")], "no HTTP/1.1"),
        ([KEPT.replace(b"content", b"con tent")], "no HTTP/1.1"),
        ([KEPT.replace(b"content", b" content")], "no HTTP/1.1"),
        ([CHUNKED.replace(b"chunked", b"gzip, chunked")], "transfer-encoding"),
        ([CHUNKED.replace(b"chunked", b"gzip")], "transfer-encoding"),
        ([b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n..."], "another protocol"),
        ([b"HTTP/1.1 200 OK\r\nx: " + b"y" * 99_000, b"y" * 9_000], "longer than 100 KB"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000], "longer than 100 KB"),
    ],
)
def test_what_is_no_answer_says_why(came: list[bytes], words: str) -> None:
    """Half of one, or none at all."""
    with pytest.raises(NoResponseError, match=words):
        read(*came)


def test_long_headers_before_a_long_body_are_no_endless_headers() -> None:
    """What came in one piece with the body isn't counted."""
    body = b"x" * 300_000
    answer, _ = read(b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n" + body)

    assert answer is not None
    assert body == answer[2]


@pytest.mark.parametrize("came", [KEPT, CHUNKED, b"garbage\r\n\r\n"])
def test_what_was_read_is_freed_at_once(came: bytes) -> None:
    """A parser and its reader hold each other: left so, pages would pile up until the garbage collector comes."""
    gc.disable()
    try:
        reader = AnswerReader("GET")
        gone = ref(reader)
        with suppress(NoResponseError):
            reader.feed(came)
        del reader
        assert gone() is None
    finally:
        gc.enable()
