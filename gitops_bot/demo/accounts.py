"""The users of the embedded GitHub server, their tokens and scopes."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from gitops_bot.demo import git_http
from gitops_bot.demo.refusal import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.demo.http import Request
    from gitops_bot.demo.hub import Hub


class Accounts:
    """The user and the scopes of each token."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._tokens = dict(tokens)
        #: Of classic tokens; the default is `repo`.
        self.classic: dict[str, tuple[str, ...]] = {}

    @property
    def people(self) -> frozenset[str]:
        """All users."""
        return frozenset(self._tokens.values())

    def whose(self, token: str | None) -> str | None:
        """The login; None for an unknown token."""
        sent = (token or "").encode()
        return next((user for known, user in self._tokens.items() if hmac.compare_digest(known.encode(), sent)), None)

    def asking(self, request: Request) -> str | None:
        """The user of an API request; None without a token.

        Raises:
            Invalid: the token is unknown.
        """
        if not request.headers.get("authorization"):
            return None
        user = self.whose(self.token(request))
        if user is None:
            raise Invalid(401, "Bad credentials")
        return user

    def may(self, request: Request, hub: Hub, permission: str, *, writes: bool) -> bool:  # noqa: ARG002
        """Whether the token has a permission in a repository; those of people have them all, where scopes allow it."""
        return True

    def scopes(self, request: Request) -> tuple[str, ...] | None:
        """The scopes of a request's token; None without a token, and for an App's, which has no scopes."""
        token = self.token(request)
        user = self.whose(token)
        if user is None or user.endswith("[bot]"):
            return None
        return self.classic.get(token or "", ("repo",))

    def may_write(self, request: Request) -> bool:
        """Whether the token may write to public repositories."""
        scopes = self.scopes(request)
        return scopes is None or not {"repo", "public_repo"}.isdisjoint(scopes)

    def may_see_private(self, request: Request) -> bool:
        """Whether the token may read private repositories."""
        scopes = self.scopes(request)
        return scopes is None or "repo" in scopes

    def token(self, request: Request) -> str | None:
        """What a request is authorised by, as a password or by itself."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return git_http.password(request) if kind.lower() == "basic" else token or None
