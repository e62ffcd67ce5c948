"""Who has which token, on the embedded forge."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from gitops_bot.demo import git_http
from gitops_bot.demo.refusal import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.demo.http import Request


class Accounts:
    """Says whose a token is."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._tokens = dict(tokens)

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
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if not kind:
            return None
        user = self.whose(git_http.password(request) if kind.lower() == "basic" else token)
        if user is None:
            raise Invalid(401, "Bad credentials")
        return user
