"""The forges that the bot works with. Another one is a folder in `edges`, and a member of `Server` and `FORGES`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitops_bot import log, redact
from gitops_bot.edges import address
from gitops_bot.edges.github.server import Server as GitHubServer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from gitops_bot.edges.address import Address
    from gitops_bot.errors import Problem

#: A server of a forge: what its folder says of it, from the environment and without any request. Another one joins.
Server = GitHubServer
FORGES: tuple[type[Server], ...] = (GitHubServer,)


def servers(environ: Mapping[str, str]) -> list[Server]:
    """The server of each forge, those with a token first: the first one is meant where no address says which.

    Raises:
        UsageError: a variable is not the URL of a server, or of an API.
    """
    return sorted((forge.read(environ) for forge in FORGES), key=lambda server: server.variable is None)


def locate(text: str, known: Sequence[Server], here: Path | None = None) -> tuple[Address, Server]:
    """Which repository a text means (see `address.parse`), and which of these servers has it: the first if none has."""
    for server in known:
        where = address.parse(text, server=server.url, parts=server.PARTS, here=here)
        if server.takes_token(where):
            return where, server
    return address.parse(text, server=known[0].url, parts=known[0].PARTS, here=here), known[0]


def hide_tokens() -> None:
    """Never show a forge's token that is in the environment."""
    redact.learn(*(os.environ.get(name) for forge in FORGES for name in forge.SECRETS))


def log_warning(problem: Problem, **facts: int) -> None:
    """Log a problem that stops nothing, of git or the forge, whichever it is: people search for the names of events."""
    told = {**facts, "message": problem.message, "next": problem.next}
    if problem.code == "failed.git":
        log.event("git.warning", level="warning", **told)
    else:
        log.event("github.warning", level="warning", **told)
