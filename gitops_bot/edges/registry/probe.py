"""How the bot can read a registry, for `doctor`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, assert_never

from gitops_bot.edges.facts import Served
from gitops_bot.edges.registry.failure import Refused
from gitops_bot.edges.registry.login import Basic, IdentityToken, RegistryToken

if TYPE_CHECKING:
    from gitops_bot.edges.registry.host import ImageRepository
    from gitops_bot.edges.registry.login import Login
    from gitops_bot.images.reference import Pin

#: `76;w=21600`: pulls, and the seconds of the window that they are counted in.
_LEFT = re.compile(r"([0-9]{1,9})(?:;|\Z)")


def served(repository: ImageRepository, pin: Pin) -> Served:
    """How the bot can read a repository: one HEAD of the pinned manifest, and one page with a single tag.

    Docker Hub reports with a manifest how many pulls are left (docs.docker.com, "Pull limits"); a HEAD is no pull. A
    missing image is no error.

    Raises:
        Refused: the registry refused another request.
    """
    present, left = True, None
    if (reference := pin.digest or pin.tag) is not None:
        try:
            answer = repository.manifest("HEAD", reference)
            match = _LEFT.match(answer.headers.get("ratelimit-remaining", ""))
            left = int(match[1]) if match else None
        except Refused as refused:
            if not refused.is_one_of(404):
                raise
            present = False
    repository.tag_list("n=1")
    return Served(_login_text(repository.login), present, left)


def _login_text(login: Login) -> str:
    """The login, without secrets."""
    match login.credential:
        case None:
            return f"anonymously: {login.source}"
        case Basic():
            kind = "user name and password"
        case IdentityToken():
            kind = "identity token"
        case RegistryToken():
            kind = "registry token"
        case _:
            assert_never(login.credential)
    return f"with the {kind} from {login.source}"
