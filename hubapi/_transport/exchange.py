"""One exchange, over any transport: what goes in is checked, what comes out is clean.

**Secrets and tracebacks.** A traceback keeps the frames that an error went through, and tools such as Sentry show
their local variables: below here, headers with a token, or a login's body. So an error never leaves this module with
those frames. It is caught, the block ends, and then it is raised, or another in its place: a new traceback begins
here, and `__context__` is empty. A cancellation has to be the same exception, so it is raised again without its
traceback.
"""

import re
from urllib.parse import urlsplit

import anyio

from hubapi._secret import Secret
from hubapi._transport.transport import Request, Response, Transport
from hubapi.errors import ConfigurationError, HubError, NoResponseError

# They may hold secrets, and have no use: cookies are not kept, and a challenge is not answered.
_DROPPED = {"set-cookie", "set-cookie2", "www-authenticate", "proxy-authenticate", "authorization"}
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


async def exchange(transport: Transport, request: Request) -> Response:
    """Send a request and return its whole response, whatever its status.

    Raises:
        NotSentError: nothing reached the server.
        NoResponseError: it may have, and no whole response came back.
        DecodeError: a success is larger than allowed, or in a content coding that can't be undone.
        ConfigurationError: HTTP can't carry the request.
    """
    problem: Exception
    try:
        _check(request)
        return _clean(await transport.send(request), request.bearer)
    except (HubError, AssertionError) as error:  # the latter of a mock: nothing matches the request
        problem = error
    except Exception as error:  # noqa: BLE001 - a transport of the caller's may raise anything; its words may tell secrets
        problem = NoResponseError(f"no response: {type(error).__name__}")
    except anyio.get_cancelled_exc_class() as cancelled:
        cancelled.__context__ = None
        raise cancelled.with_traceback(None)  # noqa: B904 - it is the same one
    problem.__cause__ = problem.__context__ = None
    raise problem.with_traceback(None)


def _check(request: Request) -> None:
    """Refuse what no header may hold: a line break in it would begin another header, or another request.

    Raises:
        ConfigurationError: it names the header, never its value.
    """
    if request.bearer and not _is_value(request.bearer.reveal()):
        raise ConfigurationError("the token has a character that no header may hold, such as a line break")
    if not _NAME.fullmatch(request.method):
        raise ConfigurationError(f"{request.method!r} is not an HTTP method")
    for name, value in request.headers.items():
        if not (_NAME.fullmatch(name) and _is_value(value)):
            raise ConfigurationError(f"the header {name!r} has a character that no header may hold")


def _is_value(text: str) -> bool:
    """Return whether a header may hold a text: printable ASCII and tabs."""
    return text.isascii() and (text.isprintable() or text.replace("\t", "").isprintable())


def _clean(response: Response, bearer: Secret | None) -> Response:
    """Return a response without what may be a secret, such as the bearer in a server's error."""
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
    """Return where a redirect leads, without the rest of the URL, which may be a secret; `/` for the same host."""
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    return f"//{host}/" if host else "/"
