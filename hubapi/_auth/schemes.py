"""Which bearer each kind of operation takes: from credentials to what a pipeline sends."""

from collections.abc import Mapping

from attrs import evolve

from hubapi._auth.causes import likely_causes
from hubapi._auth.login import log_in
from hubapi._auth.token_source import Bearer, FixedToken, TokenSource
from hubapi._auth.token_store import Identity
from hubapi._operation import Auth
from hubapi._pipeline.pipeline import Line, Pipeline
from hubapi._rate_limit.limiter import RateLimiter
from hubapi._secret import Secret, check_token
from hubapi.credentials import Anonymous, Credentials, OrgAccessToken, Password, PersonalAccessToken, StaticToken


def give_login(line: Line, credentials: Credentials, scim_token: Secret | None) -> None:
    """Let a line's calls be those of *credentials*; the SCIM routes take their own token.

    Raises:
        ConfigurationError: the SCIM token holds what no token holds.
    """
    line.bearers = _bearers(line, credentials, scim_token)
    line.likely_causes = likely_causes(credentials)


def another_login(pipeline: Pipeline, credentials: Credentials, scim_token: Secret | None = None) -> Pipeline:
    """Return a pipeline that shares the connections and the settings, with a login and a rate limit of its own."""
    old = pipeline.line
    line = evolve(old, gate=RateLimiter(old.gate.window_s, old.clock), bearers={}, likely_causes={})
    line.life = old.life
    give_login(line, credentials, scim_token)
    return Pipeline(line, pipeline.options)


def _bearers(line: Line, credentials: Credentials, scim_token: Secret | None) -> Mapping[Auth, Bearer]:
    found: dict[Auth, Bearer] = {}
    match credentials:
        case Password() | PersonalAccessToken() | OrgAccessToken():
            identity, exchange = Identity.of(line.base_url, credentials), Pipeline(line).exchange
            found["bearer"] = TokenSource(lambda: log_in(credentials, exchange), line.clock, line.token_store, identity)
        case StaticToken(token=token):
            found["bearer"] = FixedToken(token)
        case Anonymous():
            pass
    if "bearer" in found:
        found["optional"] = found["bearer"]
    if scim_token:
        check_token(scim_token, "the SCIM token")
        found["scim"] = FixedToken(scim_token)
    return found
