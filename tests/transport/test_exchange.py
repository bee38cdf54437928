"""One exchange over any transport: what is never sent or shown, and the error for each failure."""

import ssl
import traceback
from collections.abc import Mapping

import anyio
import pytest
from attrs import define, field

from hubapi import ConfigurationError, DecodeError, HubError, NoResponseError, NotSentError
from hubapi._secret import Secret
from hubapi._transport.exchange import exchange
from hubapi._transport.transport import Request, Response
from tests.test_secrets import Witness

pytestmark = pytest.mark.anyio


@define
class Plain:
    """A caller's transport that returns a response or raises an error."""

    reply: Response | BaseException | object = field(factory=lambda: Response(status=200, headers={}, content=b"{}"))
    requests: list[Request] = field(factory=list[Request])

    async def send(self, request: Request, /) -> Response:
        self.requests.append(request)
        await anyio.lowlevel.checkpoint()
        header = f"authorization: Bearer {request.bearer.reveal()}" if request.bearer else ""
        if isinstance(self.reply, BaseException):
            raise self.reply
        assert header is not None
        return self.reply  # type: ignore[return-value] # of any type, on purpose

    async def aclose(self) -> None: ...


def responding(status: int, headers: Mapping[str, str], content: bytes = b"") -> Plain:
    return Plain(Response(status=status, headers=headers, content=content))


def get(**more: object) -> Request:
    return Request(method="GET", url="https://hub.docker.com/v2/x", **more)  # type: ignore[arg-type]


# --- what is never sent


@pytest.mark.parametrize("secret", ["line\nbreak", "break at the end\n", "nul\0", "ümlaut", "half \ud800"])
async def test_a_token_that_is_not_a_valid_header_is_refused(secret: str) -> None:
    """A token read from a file may have a line break: the text after it would be another header."""
    transport = Plain()
    with pytest.raises(ConfigurationError, match="the token has a character") as caught:
        await exchange(transport, get(bearer=Secret(secret)))

    assert secret not in str(caught.value)
    assert [] == transport.requests


@pytest.mark.parametrize(
    "headers",
    [{"x": "a\r\nb: c"}, {"x": "ü"}, {"": "a"}, {"a b": "c"}, {"a:": "c"}, {"ü": "c"}, {"x": "\x00"}, {"x\n": "c"}],
)
async def test_an_invalid_header_is_refused(headers: dict[str, str]) -> None:
    """Middleware may have added it."""
    transport = Plain()
    with pytest.raises(ConfigurationError, match="not allowed in a header"):
        await exchange(transport, get(headers=headers))

    assert [] == transport.requests


async def test_a_header_may_hold_tabs() -> None:
    """And any printable ASCII character."""
    transport = Plain()
    await exchange(transport, get(headers={"x": "a\tb ~!"}))

    assert 1 == len(transport.requests)


@pytest.mark.parametrize("method", ["", "GE T", "GET\r\n", "gét"])
async def test_an_invalid_method_is_refused(method: str) -> None:
    """`hub.raw` takes any method that is a token of HTTP."""
    transport = Plain()
    with pytest.raises(ConfigurationError, match="not an HTTP method"):
        await exchange(transport, Request(method=method, url="https://hub.docker.com/"))

    assert [] == transport.requests


# --- what comes back


async def test_a_response_is_returned() -> None:
    """With header names in lower case, whatever the transport returns."""
    response = await exchange(responding(404, {"X-A": "1", "date": "now"}, b"none"), get())

    assert (404, {"x-a": "1", "date": "now"}, b"none") == (response.status, response.headers, response.content)


@pytest.mark.parametrize(
    "name",
    ["set-cookie", "Set-Cookie2", "WWW-Authenticate", "proxy-authenticate", "Authorization"],
)
async def test_headers_that_may_be_secrets_are_dropped(name: str) -> None:
    """Cookies belong to one identity; a challenge may repeat the token."""
    response = await exchange(responding(401, {name: "hunter2", "date": "now"}), get())

    assert {"date": "now"} == response.headers


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://moby:hunter2@login.docker.com/u?token=hunter2", "//login.docker.com/"),
        ("/u?token=hunter2", "/"),
        ("https://[hunter2", "/"),
        ("", "/"),
    ],
)
async def test_the_location_of_a_redirect_is_reduced_to_the_host(location: str, expected: str) -> None:
    """The rest may be secret."""
    response = await exchange(responding(302, {"Location": location}), get())

    assert expected == response.headers["location"]


@pytest.mark.parametrize("status", [200, 302, 400, 500])
async def test_a_token_repeated_in_the_response_is_masked(status: int) -> None:
    """In headers, and in the body of an error; the body of a success is not changed."""
    body = b'{"seen": "Bearer hunter2"}'
    response = await exchange(
        responding(status, {"x-request-id": "for hunter2", "x-a": "1"}, body), get(bearer=Secret("hunter2"))
    )

    assert {"x-request-id": "for ***", "x-a": "1"} == response.headers
    assert (b'{"seen": "Bearer ***"}' if status >= 400 else body) == response.content


async def test_switching_protocols_is_no_response() -> None:
    """The body would be in another protocol."""
    with pytest.raises(NoResponseError, match="another protocol"):
        await exchange(responding(101, {}), get())


# --- what fails


@pytest.mark.parametrize("kind", [NotSentError, NoResponseError, DecodeError, ConfigurationError])
async def test_errors_of_hubapi_are_not_changed(kind: type[HubError]) -> None:
    """A transport may raise them to tell whether a request was sent."""
    error = kind("in words")
    with pytest.raises(kind, match="in words") as caught:
        await exchange(Plain(error), get())

    assert error is caught.value


@pytest.mark.parametrize(
    "raised", [OSError("hunter2"), ssl.SSLError("hunter2"), KeyError("hunter2"), UnicodeError("x"), RuntimeError()]
)
async def test_any_other_error_is_no_response(raised: Exception) -> None:
    """Its message may contain a secret, and is not repeated."""
    with pytest.raises(NoResponseError) as caught:
        await exchange(Plain(raised), get())

    assert f"no response: {type(raised).__name__}" == str(caught.value)


@pytest.mark.parametrize("reply", [None, "text", (200, {}, b"")])
async def test_an_object_that_is_not_a_response_is_no_response(reply: object) -> None:
    """A bug in a caller's transport becomes an error of hubapi."""
    with pytest.raises(NoResponseError, match="AttributeError"):
        await exchange(Plain(reply), get())


async def test_an_assertion_of_a_mock_reaches_the_test() -> None:
    """As raised by respx for a request without a route."""
    with pytest.raises(AssertionError, match="not mocked"):
        await exchange(Plain(AssertionError("not mocked")), get())


@pytest.mark.parametrize(
    "raised", [NoResponseError("x"), OSError("x"), AssertionError("x")], ids=lambda raised: type(raised).__name__
)
async def test_no_traceback_shows_a_secret(raised: Exception) -> None:
    """The frames of a transport have the headers in their locals, such as `header` in `Plain.send`."""
    cause = ValueError("hunter2")
    raised.__cause__ = cause
    with pytest.raises(Exception, match=r".") as caught:
        await exchange(Plain(raised), get(bearer=Secret("hunter2"), content=b"hunter2"))

    _check_shows_nothing(caught.value)
    assert (None, None) == (caught.value.__cause__, caught.value.__context__)


async def test_no_traceback_of_an_invalid_header_shows_a_secret() -> None:
    """The value of a header may be one."""
    with pytest.raises(ConfigurationError) as caught:
        await exchange(Plain(), get(headers={"x-api-key": "hunter2\n"}))

    _check_shows_nothing(caught.value)


async def test_no_traceback_of_a_cancellation_shows_a_secret() -> None:
    """The exception is the same, without the frames it came through."""
    seen: list[BaseException] = []

    async def call() -> None:
        try:
            await exchange(Plain(), get(bearer=Secret("hunter2"), content=b"hunter2"))
        except BaseException as error:
            seen.append(error)
            raise

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        tasks.cancel_scope.cancel()

    assert isinstance(seen[0], anyio.get_cancelled_exc_class())
    _check_shows_nothing(seen[0])


def _check_shows_nothing(error: BaseException) -> None:
    """Check the frames of `Plain.send` too, which the witness leaves out as part of the tests."""
    witness = Witness()
    witness.see_error(error)
    assert "hunter2" not in "".join(witness.shown)
    assert "send" not in {frame.name for frame in traceback.extract_tb(error.__traceback__)}
