"""The login with which git connects over HTTP."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitops_bot import redact
from gitops_bot.errors import ForgeError, GitError

if TYPE_CHECKING:
    from gitops_bot.edges.facts import Token


@dataclass(frozen=True, slots=True)
class Credentials:
    """An HTTP login. For a GitHub token the user is `x-access-token`.

    `token` gives the password, where it may be replaced while the login is used.
    """

    username: str
    password: str = field(default="", repr=False)
    token: Token | None = field(default=None, repr=False)

    def current(self, rejected: str | None = None) -> Credentials:
        """The login with the password that is valid now, another one than was `rejected` if there is one.

        Raises:
            GitError: the forge gives none.
        """
        if self.token is None:
            return self
        try:
            login = Credentials(self.username, self.token(rejected))
        except ForgeError as failure:  # for git it is one of git
            raise GitError(*failure.problems) from None
        redact.learn(*login.secrets(), passing=True)
        return login

    @property
    def encoded(self) -> str:
        """The login as it is sent."""
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    def secrets(self) -> tuple[str, ...]:
        """Every text that must never be shown."""
        return (self.encoded, self.password) if self.password else ()
