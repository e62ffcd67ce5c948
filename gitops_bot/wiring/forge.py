"""The forges that the bot works with. Another one is a folder in `edges`, and a line in `FORGES`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from gitops_bot import redact
from gitops_bot.edges import address
from gitops_bot.edges.github.server import Server as GitHubServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from gitops_bot.edges.address import Address
    from gitops_bot.edges.clock import Clock
    from gitops_bot.edges.facts import PackageApi, Refusal
    from gitops_bot.engine.world import Forge
    from gitops_bot.errors import Problem


class Server(Protocol):
    """What the folder of a forge says about a server of its kind, from the environment and without any request."""

    #: The variables with its token, in order of precedence; the user name for git, with the token as password; what the
    #: token must be allowed to do; what to set where a repository is on another server; how many parts the name of a
    #: repository has; what only git there says.
    TOKENS: ClassVar[Sequence[str]]
    USER: ClassVar[str]
    RIGHTS: ClassVar[str]
    TOKEN_ELSEWHERE: ClassVar[str]
    PARTS: ClassVar[range]
    REFUSALS: ClassVar[Sequence[Refusal]]

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Server:
        """The server in the environment; the public one by default.

        Raises:
            UsageError: a variable is not the URL of a server, or of an API.
        """

    @property
    def url(self) -> str:
        """Its address, to which the name of a repository is added."""

    @property
    def host(self) -> str:
        """Its host, without a port."""

    @property
    def token(self) -> str | None:
        """The token, where there is one."""

    @property
    def variable(self) -> str | None:
        """The variable with the token."""

    @property
    def packages(self) -> PackageApi | None:
        """Where it lists the images of its own registry with their times, if it does."""

    def takes_token(self, address: Address) -> bool:
        """Whether a repository is on this server, so that the token may go there."""

    def has_registry(self, host: str) -> bool:
        """Whether a registry belongs to this server and takes the same token."""

    def reserves(self, variable: str) -> bool:
        """Whether this run is a job of the server, whose runner or a login to a cloud puts something there."""

    def connect(self, repository: str, *, clock: Clock, warn: Callable[[Problem], None]) -> Forge | None:
        """The pull requests of a repository; None without a token."""

    def inspect(self, repository: str | None, *, clock: Clock, timeout: int) -> Any:
        """What `doctor` asks of a forge (`doctor.setup.Forge`), for this server and a repository."""

    def no_token(self, repository: str | None) -> Problem:
        """The problem that no token is set, and how to get one."""

    def elsewhere(self, host: str | None) -> Problem:
        """The problem that the repository is on another host, and how to name its server."""


FORGES: tuple[type[Server], ...] = (GitHubServer,)


def servers(environ: Mapping[str, str]) -> list[Server]:
    """The server of each forge, those with a token first: the first one is meant where no address says which.

    Raises:
        UsageError: a variable is not the URL of a server, or of an API.
    """
    return sorted((forge.read(environ) for forge in FORGES), key=lambda server: server.token is None)


def locate(text: str, known: Sequence[Server], here: Path | None = None) -> tuple[Address, Server]:
    """Which repository a text means (see `address.parse`), and which of these servers has it: the first if none has."""
    for server in known:
        where = address.parse(text, server=server.url, parts=server.PARTS, here=here)
        if server.takes_token(where):
            return where, server
    return address.parse(text, server=known[0].url, parts=known[0].PARTS, here=here), known[0]


def hide_tokens() -> None:
    """Never show a forge's token that is in the environment."""
    redact.learn(*(os.environ.get(name) for forge in FORGES for name in forge.TOKENS))
