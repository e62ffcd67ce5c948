"""One bounded request to the token server of a cloud; errors contain no secrets."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx

from gitops_bot import redact
from gitops_bot.edges.address import is_loopback
from gitops_bot.edges.http import Allowance, Http, Limit, NoResponse, host_of, parse_json
from gitops_bot.edges.registry.credentials import read_secrets
from gitops_bot.edges.registry.failure import NoLogin, error_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.edges.registry.credentials import Workload

#: Bytes of an answer, and of a file with a token or a key: real ones have a few thousand.
_BODY = _FILE = 64 * 1024
#: Tries, and seconds for all of them; fewer for a metadata server, which answers at once if it exists.
_ATTEMPTS, _SECONDS, _NEAR_SECONDS = 3, 30.0, 5.0
#: Lifetime of a token in seconds if its server does not state one, and the longest that is believed.
_SHORTEST, _LONGEST = 60.0, 12 * 3600.0
_ADVICE = "Check the identity of this workload: the page on logins at registries has an example for each cloud."


@dataclass(frozen=True, slots=True)
class Reply:
    """A JSON object from a token server, with the headers of the answer."""

    host: str
    document: Mapping[str, Any]
    headers: Mapping[str, str]

    def token(self, field: str) -> str:
        """The token in a field, from now on struck out of everything that is shown. Raises NoLogin if there is none."""
        token = self.document.get(field)
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            raise NoLogin(f"{self.host} gave an answer without a token", _ADVICE)
        redact.learn(token, passing=True)
        return token

    def seconds(self) -> float:
        """The lifetime of the token in seconds; Azure writes the number as text."""
        lifetime = self.document.get("expires_in")
        return clamp_lifetime(lifetime) if isinstance(lifetime, int | float | str) else _SHORTEST


def clamp_lifetime(seconds: float | str) -> float:
    """A lifetime in seconds between 60 s and 12 h, whatever the server said."""
    try:
        number = float(seconds)
    except (ValueError, OverflowError):
        return _SHORTEST
    return min(max(number, _SHORTEST), _LONGEST) if math.isfinite(number) else _SHORTEST


def ask(
    workload: Workload,
    method: str,
    address: str,
    headers: Mapping[str, str] | None = None,
    *,
    form: Mapping[str, str] | None = None,
    document: Mapping[str, Any] | None = None,
    secrets: tuple[str, ...] = (),
    near: bool = False,
) -> Reply:
    """Send a request for a JSON object; NoLogin without a usable answer. `secrets` are those in the request; `near`: a
    metadata server, never proxied.
    """
    url = _trusted(address, near=near)
    sent, content = {"Accept": "application/json", **(headers or {})}, None
    if form is not None:
        sent["Content-Type"], content = "application/x-www-form-urlencoded", urlencode(form).encode("ascii")
    elif document is not None:
        sent["Content-Type"], content = "application/json", json.dumps(document).encode("ascii")
    environ, clock = workload.environ, workload.clock
    seconds = min(_NEAR_SECONDS if near else _SECONDS, workload.seconds)
    if near:
        environ = {name: value for name, value in environ.items() if not name.lower().endswith("_proxy")}
    allowance = Allowance(clock, lambda: Limit(seconds, f"did not answer within {seconds:g} s"))
    try:
        with Http(clock, environ, {}, attempts=_ATTEMPTS) as http, http.within(allowance):
            answer = http.request(method, url, sent, content=content, limit=_BODY)
    except NoResponse as failure:
        raise NoLogin(f"{failure.host or host_of(url)} {failure.what}", failure.advice or _ADVICE) from failure
    if answer.status != 200:
        message = error_message(answer.body, secrets)
        raise NoLogin(f"{answer.host} answered {answer.status}" + (f" ({message})" if message else ""), _ADVICE)
    parsed = parse_json(answer.body)
    if not isinstance(parsed, dict):
        raise NoLogin(f"{answer.host} gave an answer that is not a JSON object", _ADVICE)
    return Reply(answer.host, parsed, answer.headers)


def read_file(path: str, what: str) -> str:
    """The text of a file that the environment names, `what` in errors. Raises NoLogin if it cannot be read."""
    return read_secrets(path, f"{what}, {path},", _FILE, _ADVICE).decode(errors="replace").strip()


def _trusted(address: str, *, near: bool) -> httpx.URL:
    """An address that secrets may be sent to: over TLS, on this machine, or a metadata server's."""
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, ValueError):
        raise NoLogin("the address of a token server is not valid", _ADVICE) from None
    host = host_of(url)
    if not host or (url.scheme != "https" and not (url.scheme == "http" and (near or is_loopback(host)))):
        raise NoLogin(f"the token server {host or '(none)'} is not asked without TLS", _ADVICE)
    return url
