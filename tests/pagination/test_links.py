"""Validation of the server's links. Nothing here makes a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubapi._pagination.links import path_and_query
from hubapi.errors import UnsafeLinkError

HUB = "https://hub.docker.com"
PATH = "/v2/namespaces/library/repositories/python/tags"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (f"{HUB}{PATH}?page=2&page_size=100", f"{PATH}?page=2&page_size=100"),
        (f"{HUB}{PATH}?page=2", f"{PATH}?page=2"),
        (f"{HUB}{PATH}?&page=4", f"{PATH}?&page=4"),
        (f"{HUB}:443{PATH}?page=2", f"{PATH}?page=2"),
        (f"HTTPS://HUB.DOCKER.COM{PATH}?page=2", f"{PATH}?page=2"),
        (f"{PATH}?page=2", f"{PATH}?page=2"),
        (f"{HUB}{PATH}?page=2#fragment", f"{PATH}?page=2"),
        (f"{HUB}{PATH}?q=..%2F..", f"{PATH}?q=..%2F.."),
        (f"{HUB}/v2/%C3%BC%20x?page=2", "/v2/%C3%BC%20x?page=2"),
        (f"{HUB}/v2/a..b/...", "/v2/a..b/..."),
        (f"{HUB}/", "/"),
    ],
)
def test_links_to_the_same_origin_are_followed_as_path_and_query(link: str, expected: str) -> None:
    """With or without the default port and a page size, as an absolute URL or a path."""
    assert expected == path_and_query(link, HUB)


@pytest.mark.parametrize(
    ("base_url", "link", "expected"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v2/x?page=2", "/v2/x?page=2"),
        ("http://localhost", "http://localhost:80/v2/x", "/v2/x"),
        ("http://[::1]:80", "http://[::1]/v2/x", "/v2/x"),
        ("https://proxy.example/hub", "https://proxy.example/hub/v2/x?page=2", "/v2/x?page=2"),
        ("https://proxy.example/hub", "/hub/v2/x?page=2", "/v2/x?page=2"),
        ("https://proxy.example/hub", "/v2/x?page=2", "/v2/x?page=2"),
        ("https://proxy.example/hub", "https://proxy.example/hub/hub/v2", "/hub/v2"),
    ],
)
def test_links_are_followed_below_the_base_urls_path(base_url: str, link: str, expected: str) -> None:
    """The path of the base URL is not repeated."""
    assert expected == path_and_query(link, base_url)


HOSTILE = [
    "https://evil.example/v2/x?page=2",
    "https://hub.docker.com.evil.example/v2/x",
    "https://evilhub.docker.com/v2/x",
    "https://docker.com/v2/x",
    "https://hub.docker.com./v2/x",
    "http://hub.docker.com/v2/x",
    "ftp://hub.docker.com/v2/x",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "data:text/html,x",
    "https:/v2/x",
    "https:v2/x",
    "https:///v2/x",
    "https://hub.docker.com:444/v2/x",
    "https://hub.docker.com:80/v2/x",
    "https://hub.docker.com:0/v2/x",
    "https://hub.docker.com:99999/v2/x",
    "https://hub.docker.com:x/v2/x",
    "https://moby@hub.docker.com/v2/x",
    "https://moby:hunter2@hub.docker.com/v2/x",
    "https://hub.docker.com@evil.example/v2/x",
    "https://hub.docker.com:443@evil.example/v2/x",
    "https://evil.example\\@hub.docker.com/v2/x",
    "https://hub.docker.com\\@evil.example/v2/x",
    "//evil.example/v2/x",
    "///evil.example/v2/x",
    "/\\evil.example/v2/x",
    "\\\\evil.example\\v2",
    "/\t/evil.example/v2/x",
    " https://hub.docker.com/v2/x",
    "https://hub.docker.com/v2/x?a=b\r\nHost: evil.example",
    "https://hub.docker.com/v2/\x00",
    "https://hub.docker.com/v2/\x7f",
    "https://hub.docker.com/v2/\ud800",
    "https://hub.docker.com/v2/../../etc",
    "https://hub.docker.com/v2/./x",
    "https://hub.docker.com/v2/..",
    "https://hub.docker.com/v2/%2e%2e/x",
    "https://hub.docker.com/v2/%2E%2e/x",
    "https://hub.docker.com/v2/.%2e/x",
    "https://hub.docker.com/v2/x%2f..%2fy",
    "https://hub.docker.com/v2/x%2F%2e%2E%2Fy",
    "/v2/../x",
    "v2/x?page=2",
    "?page=2",
    "?&page=4",
    "#",
    "",
    "5",
    "null",
    "https://[hub.docker.com/v2",
    "https://hub.docker.com",
    "https://hub.docker.com?page=2",
    "https://hub\uff0edocker\uff0ecom/v2/x",
    "https://hub.docker.com\uff0fv2/x",
    "https://hub.docker.com/v2/x?page=" + "2" * 9_000,
]


@pytest.mark.parametrize("link", HOSTILE)
def test_any_other_link_is_refused(link: str) -> None:
    """Another host, scheme, port or user; `..` segments; text that is not a link."""
    with pytest.raises(UnsafeLinkError) as caught:
        path_and_query(link, HUB)

    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "link", ["https://proxy.example/v2/x", "https://proxy.example/hubble/v2", "https://proxy.example/hub/../v2"]
)
def test_a_link_out_of_the_base_urls_path_is_refused(link: str) -> None:
    """Other paths on the same host may belong to another service."""
    with pytest.raises(UnsafeLinkError):
        path_and_query(link, "https://proxy.example/hub")


pieces = st.sampled_from(
    [
        *(
            "https://",
            "http://",
            "//",
            "/",
            "\\",
            "@",
            ":",
            "?",
            "#",
            "%2e",
            "%2f",
            "..",
            ".",
            "&",
            "=",
            " ",
            "\n",
            "\t",
        ),
        *("hub.docker.com", "evil.example", ":443", ":80", "v2", "x", "page=2", "[", "]", "\x00", "é", "\uff1b"),
    ]
)


@given(st.lists(pieces, max_size=10).map("".join) | st.text(max_size=30))
def test_any_accepted_link_is_a_path_on_the_same_host(link: str) -> None:
    """Appended to the base URL, it can neither change the host nor leave the path."""
    try:
        path = path_and_query(link, HUB)
    except UnsafeLinkError:
        return

    assert path.startswith("/")
    assert not set(path) & set(" \t\r\n\\\x00#")
    assert not {".", ".."} & set(path.partition("?")[0].split("/"))
