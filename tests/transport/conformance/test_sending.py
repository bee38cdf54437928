"""What goes out, and what comes back with an ordinary response."""

import pytest

from hubapi import ConfigurationError, NoResponseError
from hubapi._secret import Secret
from hubapi._transport.transport import Request
from tests.transport.conformance.conftest import Open
from tests.transport.conformance.servers import OK, Connection, respond, sending, serving

pytestmark = pytest.mark.anyio


def split(sent: bytes) -> tuple[str, dict[str, str], bytes]:
    """The request line, the headers and the body of a request."""
    head, _, body = sent.partition(b"\r\n\r\n")
    line, *fields = head.decode("ascii").split("\r\n")
    pairs = [(name.lower(), value.strip()) for name, _, value in (field.partition(":") for field in fields)]
    assert len(pairs) == len(dict(pairs)), f"a header was sent twice: {pairs}"
    return line, dict(pairs), body


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "POST", "PUT", "PATCH", "PURGE"])
@pytest.mark.parametrize("content", [b"", b'{"name": "\xc3\xbc"}'])
async def test_the_request_as_it_is_sent(opened: Open, method: str, content: bytes) -> None:
    """Path and query as they are in the URL, all headers, the token, and a body with its length."""
    headers = {"accept": "application/json", "user-agent": "hubapi/1", "x-odd": "1"}
    path = "/v2/x%2Fy/z?page=2&q=a%2Fb+c"
    async with serving(respond) as server, opened() as transport:
        url = f"{server.url}{path}"
        await transport.send(
            Request(method=method, url=url, headers=headers, bearer=Secret("hunter2"), content=content)
        )

    line, sent, body = split(server.requests[0][1])
    assert f"{method} {path} HTTP/1.1" == line
    assert content == body
    expected = headers | {"authorization": "Bearer hunter2", "host": server.url.partition("//")[2]}
    assert expected == {name: sent[name] for name in expected}
    assert sent.get("content-length") == (
        str(len(content)) if content else "0" if method in {"POST", "PUT", "PATCH"} else None
    )
    assert "gzip" in sent["accept-encoding"]
    assert "cookie" not in sent


async def test_a_large_body(opened: Open) -> None:
    """Whole, although it does not fit into the socket's buffer."""
    content = bytes(range(256)) * 8_000
    async with serving(respond) as server, opened() as transport:
        await transport.send(Request(method="POST", url=f"{server.url}/", content=content))

    assert content == split(server.requests[0][1])[2]


async def test_redirects_are_not_followed_and_cookies_not_kept(opened: Open) -> None:
    """A token would go where it does not belong."""
    response = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\nset-cookie: a=b; Path=/\r\ncontent-length: 0\r\n\r\n"
    async with serving(sending(response)) as server, opened() as transport:
        statuses = [(await transport.send(Request(method="GET", url=f"{server.url}/x"))).status for _ in range(2)]

    assert [302, 302] == statuses
    assert ["GET /x HTTP/1.1"] * 2 == [split(sent)[0] for _, sent in server.requests]
    assert all("cookie" not in split(sent)[1] for _, sent in server.requests)


async def test_requests_in_turn_share_a_connection(opened: Open) -> None:
    """Connecting again for each would cost a round trip, and three with TLS."""
    async with serving(respond) as server, opened() as transport:
        for _ in range(5):
            response = await transport.send(Request(method="GET", url=f"{server.url}/"))
            assert (200, b"{}") == (response.status, response.content)

    assert [0] * 5 == server.over


@pytest.mark.needs("identities")
async def test_identities_share_no_connection(opened: Open) -> None:
    """What one account was answered with is never read by another."""
    async with serving(respond) as server, opened() as transport:
        for identity in ("moby", "gordon", "moby", "gordon", None):
            await transport.send(Request(method="GET", url=f"{server.url}/", identity=identity))

    assert [0, 1, 0, 1, 2] == server.over


async def test_a_response_before_the_body_was_sent(opened: Open) -> None:
    """As from a server that refuses a body by its size: it is the response, or the request failed; never a hang."""

    async def refuse(connection: Connection) -> None:
        await connection.stream.receive()
        await connection.send(
            OK.replace(b"200 OK", b"413 Too Large").replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
        )

    async with serving(refuse) as server, opened() as transport:
        try:
            response = await transport.send(Request(method="POST", url=f"{server.url}/", content=b"x" * 50_000_000))
        except NoResponseError:
            pass
        else:
            assert 413 == response.status


@pytest.mark.parametrize(
    "url", ["ftp://hub.test/", "/v2/x", "http://127.0.0.1:99999/", "http:///v2/x", "http://[::1/", "https://h:x/", ""]
)
async def test_what_leads_to_no_server_is_refused(opened: Open, url: str) -> None:
    """Before anything is sent."""
    async with opened() as transport:
        with pytest.raises(ConfigurationError):
            await transport.send(Request(method="GET", url=url))
