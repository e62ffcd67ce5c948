"""Bearer tokens: a token server issues them, for a credential or anonymously, to read one repository.

Protocol: "Token Authentication" of the distribution project, and its OAuth 2 variant for identity tokens.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import httpx

from gitops_bot import redact
from gitops_bot.edges.registry.failure import Refused, Untrusted, error_message
from gitops_bot.edges.registry.login import Basic, Credential, IdentityToken, RegistryToken, basic, secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.edges.http import Answer, Clock, Http


_BODY = 64 * 1024
_TOKEN = re.compile(r"[!-~]+\Z")
#: Seconds: the shortest (and default) and longest lifetime of a token, and how early it is renewed.
_SHORTEST, _LONGEST, _EARLY = 60.0, 3600.0, 10.0


@dataclass(frozen=True, slots=True)
class Bearer:
    """A registry's token server, the service it asks for, and the actions to request."""

    realm: str
    service: str
    actions: frozenset[str] = frozenset({"pull"})

    def scope(self, path: str) -> str:
        """The scope to request for one repository, with the actions in a stable order."""
        return f"repository:{path}:{','.join(sorted(self.actions, key=lambda action: (action != 'pull', action)))}"


@dataclass(slots=True)
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str = field(default="", repr=False)
    expires: float = 0.0


@dataclass(slots=True)
class Tokens:
    """Gets tokens and keeps them until shortly before they expire. Safe to use from many threads."""

    http: Http
    clock: Clock
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _slots: dict[tuple[Bearer, str, Credential | None], _Slot] = field(default_factory=dict)

    def get(
        self, bearer: Bearer, path: str, credential: Credential | None, *, rejected: str | None
    ) -> tuple[str, bool]:
        """A token for the repository `path`, never the one that was just `rejected`; and whether it is new.

        Raises:
            Refused: the token server refused.
            Untrusted: its answer has no token.
            NoResponse: it did not answer.
        """
        if isinstance(credential, RegistryToken):
            return credential.token, True
        with self._lock:
            slot = self._slots.setdefault((bearer, path, credential), _Slot())
        with slot.lock:
            now = self.clock.now().timestamp()
            if slot.token != rejected and now < slot.expires:
                return slot.token, False
            slot.token, seconds = self._fetch(bearer, path, credential)
            redact.learn(slot.token, passing=True)
            slot.expires = now + seconds - _EARLY
            return slot.token, True

    def _fetch(self, bearer: Bearer, path: str, credential: Credential | None) -> tuple[str, float]:
        about = {"service": bearer.service, "scope": bearer.scope(path)}
        about = {name: value for name, value in about.items() if value}
        realm = httpx.URL(bearer.realm)
        answer: Answer | None = None
        if isinstance(credential, IdentityToken):
            form = {
                "grant_type": "refresh_token",
                "client_id": "gitops-bot",
                **about,
                "refresh_token": credential.token,
            }
            kind = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
            content = urlencode(form).encode("ascii")
            answer = self.http.request("POST", realm, kind, content=content, limit=_BODY)
        if answer is None or answer.status in (404, 405):  # an older server, without OAuth 2
            headers = {"Accept": "application/json"}
            if isinstance(credential, Basic | IdentityToken):
                headers["Authorization"] = basic(credential)
            answer = self.http.request("GET", realm.copy_merge_params(about), headers, limit=_BODY)
        if answer.status != 200:
            message = error_message(answer.body, secrets(credential))
            raise Refused(answer.status, answer.host, message, token_server=True)
        return _read(answer)


def _read(answer: Answer) -> tuple[str, float]:
    """The token and its lifetime in seconds."""
    parsed = answer.json()
    document: Mapping[str, Any] = parsed if isinstance(parsed, dict) else {}
    token, lifetime = document.get("token") or document.get("access_token"), document.get("expires_in")
    if not isinstance(token, str) or not _TOKEN.match(token):
        raise Untrusted(f"names a token server, {answer.host}, whose answer holds no token")
    # NaN compares false; a huge integer would not fit a float.
    if isinstance(lifetime, int | float) and not isinstance(lifetime, bool) and lifetime > _SHORTEST:
        return token, min(lifetime, _LONGEST)
    return token, _SHORTEST


T = TypeVar("T")
