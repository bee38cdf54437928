"""TLS: what is trusted, what is not, and IPv6."""

import pytest

from hubapi import NotSentError
from hubapi._transport.transport import Request
from tests.transport.conformance.certificates import Authority
from tests.transport.conformance.conftest import Open
from tests.transport.conformance.servers import Connection, respond, serving

pytestmark = pytest.mark.anyio


def get(url: str) -> Request:
    return Request(method="GET", url=f"{url}/v2/x")


async def test_an_authority_of_the_callers(opened: Open, authority: Authority) -> None:
    """One connection, and one handshake, for several requests."""
    async with serving(respond, authority.server("127.0.0.1")) as server, opened(ca=authority.file) as transport:
        contents = [(await transport.send(get(server.url))).content for _ in range(3)]

    assert [b"{}"] * 3 == contents
    assert [0] * 3 == server.over


async def test_a_name(opened: Open, authority: Authority) -> None:
    """Not only an address."""
    async with serving(respond, authority.server("localhost")) as server, opened(ca=authority.file) as transport:
        response = await transport.send(get(server.url.replace("127.0.0.1", "localhost")))

    assert b"{}" == response.content


async def test_http_1_1_alone(opened: Open, authority: Authority) -> None:
    """HTTP/2 is of no use at these widths; a server that would rather have it is told so by ALPN."""
    context = authority.server("127.0.0.1")
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with serving(respond, context) as server, opened(ca=authority.file) as transport:
        response = await transport.send(get(server.url))

    assert b"{}" == response.content


async def test_another_name(opened: Open, authority: Authority) -> None:
    """Nothing is sent, and the error names the certificate."""
    async with serving(respond, authority.server("elsewhere.test")) as server, opened(ca=authority.file) as transport:
        with pytest.raises(NotSentError, match=r"(?i)certificate"):
            await transport.send(get(server.url))

    assert [] == server.requests


async def test_an_authority_that_is_not_trusted(
    opened: Open, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nothing is sent, and the error names the certificate."""
    other = Authority(tmp_path_factory.mktemp("other") / "ca.pem")
    async with serving(respond, other.server("127.0.0.1")) as server, opened(ca=authority.file) as transport:
        with pytest.raises(NotSentError, match=r"(?i)certificate"):
            await transport.send(get(server.url))

    assert [] == server.requests


@pytest.mark.needs("environment")
async def test_an_authority_that_the_environment_names(
    opened: Open, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`SSL_CERT_FILE`, as for httpx; without it nobody knows this server."""
    async with serving(respond, authority.server("127.0.0.1")) as server:
        async with opened() as transport:
            with pytest.raises(NotSentError, match=r"(?i)certificate"):
                await transport.send(get(server.url))
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        async with opened() as transport:
            response = await transport.send(get(server.url))

    assert b"{}" == response.content


async def test_plain_http_where_tls_is_due(opened: Open, authority: Authority) -> None:
    """The handshake fails before any request goes out."""

    async def handle(connection: Connection) -> None:
        await connection.stream.receive()
        await connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(handle) as server, opened(ca=authority.file) as transport:
        with pytest.raises(NotSentError):
            await transport.send(get(server.url.replace("http:", "https:")))


async def test_ipv6(opened: Open) -> None:
    """An address in brackets."""
    try:
        async with serving(respond, host="::1") as server, opened() as transport:
            responses = [await transport.send(get(server.url)) for _ in range(2)]
    except OSError:
        pytest.skip("this machine has no IPv6")

    assert [b"{}"] * 2 == [response.content for response in responses]
    assert server.requests[0][1].lower().count(f"host: [::1]:{server.port}\r\n".encode()) == 1
