"""One exchange over any transport: the request is checked, and secrets are removed from the response.

**Secrets and tracebacks.** A traceback keeps the frames that an error passed through, and tools such as Sentry show
their local variables: in a transport, headers with a token or the body of a login. So no error leaves this module with
those frames. It is caught, the `except` block ends, and then the same error or another is raised: the traceback starts
here, and `__context__` is empty. A cancellation must remain the same exception, so it is re-raised without its
traceback.
"""

import re
from urllib.parse import urlsplit

import anyio

from hubapi._secret import Secret
from hubapi._transport.transport import Request, Response, Transport
from hubapi.errors import ConfigurationError, HubError, NoResponseError

# Headers that may contain secrets and are not used: no cookies are kept, and no authentication challenge is followed.
_DROPPED = {"set-cookie", "set-cookie2", "www-authenticate", "proxy-authenticate", "authorization"}
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


async def exchange(transport: Transport, request: Request) -> Response:
    """Send a request and return its complete response, whatever its status.

    Raises:
        NotSentError: nothing was sent.
        NoResponseError: at least part of the request was sent, but no complete response was received.
        DecodeError: a successful response is too large, or has a content coding that can't be decoded.
        ConfigurationError: the request is not valid HTTP.
    """
    problem: Exception
    try:
        _check(request)
        return _clean(await transport.send(request), request.bearer)
    except (HubError, AssertionError) as error:  # a mock raises AssertionError if no route matches the request
        problem = error
    except Exception as error:  # noqa: BLE001 - a caller's transport may raise anything, with secrets in its message
        problem = NoResponseError(f"no response: {type(error).__name__}")
    except anyio.get_cancelled_exc_class() as cancelled:
        cancelled.__context__ = None
        raise cancelled.with_traceback(None)  # noqa: B904 - it is the same exception
    problem.__cause__ = problem.__context__ = None
    raise problem.with_traceback(None)


def _check(request: Request) -> None:
    """Check the method and the headers: a line break in a header would start another header, or another request.

    Raises:
        ConfigurationError: one is invalid. The message has the header's name, never its value.
    """
    if request.bearer and not _is_value(request.bearer.reveal()):
        raise ConfigurationError("the token has a character that is not allowed in a header, such as a line break")
    if not _NAME.fullmatch(request.method):
        raise ConfigurationError(f"{request.method!r} is not an HTTP method")
    for name, value in request.headers.items():
        if not (_NAME.fullmatch(name) and _is_value(value)):
            raise ConfigurationError(f"the header {name!r} has a character that is not allowed in a header")


def _is_value(text: str) -> bool:
    """Return whether a text is a valid header value: printable ASCII and tabs."""
    return text.isascii() and (text.isprintable() or text.replace("\t", "").isprintable())


def _clean(response: Response, bearer: Secret | None) -> Response:
    """Return a response without anything that may be secret, such as the token that an error repeats."""
    if response.status < 200:
        raise NoResponseError("no response: the server switched to another protocol")
    headers = {name.lower(): value for name, value in response.headers.items()}
    for name in _DROPPED & headers.keys():
        del headers[name]
    if "location" in headers:
        headers["location"] = _host_of(headers["location"])
    content = response.content
    if bearer:
        headers = {name: value.replace(bearer.reveal(), "***") for name, value in headers.items()}
        if response.status >= 400:
            content = content.replace(bearer.reveal().encode(), b"***")
    return Response(status=response.status, headers=headers, content=content)


def _host_of(location: str) -> str:
    """Return the host of a redirect, without the rest of the URL, which may be secret; `/` for the same host."""
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    return f"//{host}/" if host else "/"
