"""Who has which token, on the embedded forge."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from gitops_bot.demo import git_http
from gitops_bot.demo.refusal import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitops_bot.demo.http import Request


class Accounts:
    """Says whose a token is."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._tokens = dict(tokens)
        self._scopes: dict[str, tuple[str, ...]] = {}

    @property
    def people(self) -> frozenset[str]:
        """Everyone who has a token."""
        return frozenset(self._tokens.values())

    def whose(self, token: str | None) -> str | None:
        """The login; None for a token that nobody has."""
        given = (token or "").encode()
        return next((user for known, user in self._tokens.items() if hmac.compare_digest(known.encode(), given)), None)

    def asking(self, request: Request) -> str | None:
        """Who sent a request to the API: None without a token.

        Raises:
            Invalid: the token is nobody's.
        """
        if not request.headers.get("authorization"):
            return None
        user = self.whose(self._given(request))
        if user is None:
            raise Invalid(401, "Bad credentials")
        return user

    def scope(self, token: str, scopes: Iterable[str]) -> None:
        """Say what a classic token is for; without a word it is for everything (`repo`)."""
        self._scopes[token] = tuple(scopes)

    def scopes(self, request: Request) -> tuple[str, ...] | None:
        """The scopes of the token of a request; None for an App's, which has none, and without a token."""
        token = self._given(request)
        user = self.whose(token)
        if user is None or user.endswith("[bot]"):
            return None
        return self._scopes.get(token or "", ("repo",))

    def may_write(self, request: Request) -> bool:
        """Whether the token is for writing to public repositories at least."""
        scopes = self.scopes(request)
        return scopes is None or not {"repo", "public_repo"}.isdisjoint(scopes)

    def may_see_private(self, request: Request) -> bool:
        """Whether the token is for private repositories."""
        scopes = self.scopes(request)
        return scopes is None or "repo" in scopes

    def _given(self, request: Request) -> str | None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return git_http.password(request) if kind.lower() == "basic" else token or None
