"""Whether a registry lets the bot in: by the pinned manifest and the list of tags, which every run asks for.

Docker Hub says with a manifest how many pulls are left (docs.docker.com, "Pull limits"); a HEAD is no pull.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, assert_never

from gitops_bot.edges.facts import Served
from gitops_bot.edges.registry.failure import Refused
from gitops_bot.edges.registry.login import Basic, IdentityToken, RegistryToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.edges.http import Answer
    from gitops_bot.edges.registry.login import Credential, Login
    from gitops_bot.images.reference import Pin

_NOT_FOUND = 404
#: `76;w=21600`: pulls, and the seconds of the window that they are counted in.
_LEFT = re.compile(r"([0-9]{1,9})(?:;|\Z)")


def served(ask: Callable[[str, str], Answer], login: Login, pin: Pin) -> Served:
    """The outcome of two requests; `ask` sends one, given a method and the path below the repository.

    Raises:
        Refused: the registry refused, and not because the pinned image does not exist.
        Untrusted, Unanswered: see their docstrings.
    """
    present, left = True, None
    if (reference := pin.digest or pin.tag) is not None:
        try:
            left = _left(ask("HEAD", f"manifests/{reference}"))
        except Refused as refused:
            if not refused.is_one_of(_NOT_FOUND):
                raise
            present = False
    ask("GET", "tags/list?n=1")
    return Served(_words(login), present, left)


def _words(login: Login) -> str:
    """Who the bot was, without what it showed."""
    if login.credential is None:
        return f"anonymously: {login.source}"
    return f"with the {_kind(login.credential)} from {login.source}"


def _kind(credential: Credential) -> str:
    match credential:
        case Basic():
            return "user name and password"
        case IdentityToken():
            return "identity token"
        case RegistryToken():
            return "registry token"
        case _:
            assert_never(credential)


def _left(answer: Answer) -> int | None:
    found = _LEFT.match(answer.headers.get("ratelimit-remaining", ""))
    return int(found[1]) if found else None
