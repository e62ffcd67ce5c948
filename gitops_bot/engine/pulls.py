"""The pull requests of one reading of the world: each branch is asked for once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.proposals import naming

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitops_bot.engine.world import Forge
    from gitops_bot.proposals.pull_request import PullRequest


class Pulls:
    """What the forge has told of the pull requests into one base branch; without a forge, nothing."""

    def __init__(self, forge: Forge | None, base: str) -> None:
        self._forge, self._base = forge, base
        self._known: dict[str, tuple[PullRequest, ...]] = {}
        #: What was closed unmerged of branches that nobody asked for; None until it is known.
        self._closed: dict[str, tuple[PullRequest, ...]] | None = None

    def of(self, branches: Iterable[str]) -> Mapping[str, tuple[PullRequest, ...]]:
        """Those of each of these branches, newest first.

        Raises:
            ForgeError: the forge refused or did not answer.
        """
        wanted = dict.fromkeys(branches)
        if self._forge is None:
            return dict.fromkeys(wanted, ())
        if missing := [branch for branch in wanted if branch not in self._known]:
            beginning = f"{naming.PREFIX}/" if self._closed is None else None
            found = self._forge.find(missing, self._base, closed=beginning)
            if self._closed is None:
                self._closed = found
            self._known |= {branch: found.get(branch, ()) for branch in missing}
        return {branch: self._known[branch] for branch in wanted}

    def closed(self, beginning: str) -> tuple[PullRequest, ...]:
        """What was closed unmerged of the branches that begin so, as far as is known since `of` was asked."""
        known = {**(self._closed or {}), **self._known}
        mine = (pull for branch, pulls in known.items() if branch.startswith(beginning) for pull in pulls)
        return tuple(pull for pull in mine if pull.state == "closed")
