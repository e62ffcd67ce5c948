"""The subjects of the commits between two revisions of a source repository, for readers of a proposal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.github.address import source_repository
from gitops_bot.errors import ForgeError
from gitops_bot.redact import strike

if TYPE_CHECKING:
    from gitops_bot.edges.github.api import Api

#: Comparisons per run, commits of each, characters of a subject.
_COMPARISONS, _SHOWN, _LENGTH = 5, 10, 200
_PER_PAGE = 100
_REVISION = re.compile(r"[0-9a-f]{7,64}\Z")


class Commits:
    """Reads a few commits, and never fails: a proposal is complete without them."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[tuple[str, str, str], tuple[str, ...]] = {}

    def between(self, source: str, old: str, new: str) -> tuple[str, ...]:
        """The newest ten, oldest first: one request, two for more than a hundred commits; none after five questions.

        Image labels are hostile: only repositories on this server are read, where the token goes anyway, and only by
        full or short commit ids.
        """
        name = source_repository(source, self._api.url)
        if name is None or not _REVISION.match(old) or not _REVISION.match(new):
            return ()
        key = (name, old, new)
        if key not in self._known:
            if len(self._known) >= _COMPARISONS:
                return ()
            try:
                self._known[key] = self._ask(f"/repos/{name}", f"/compare/{old}...{new}")
            except ForgeError:
                self._known[key] = ()
        return self._known[key]

    def _ask(self, repository: str, path: str) -> tuple[str, ...]:
        answer = self._api.ask("GET", path, query={"per_page": str(_PER_PAGE)}, root=repository)
        total = answer.get("total_commits") if isinstance(answer, dict) else None
        if type(total) is int and total > _PER_PAGE:
            # Pages begin with the oldest.
            query = {"per_page": str(_PER_PAGE), "page": str(-(-total // _PER_PAGE))}
            answer = self._api.ask("GET", path, query=query, root=repository)
        commits = answer.get("commits") if isinstance(answer, dict) else None
        return tuple(filter(None, map(_subject, commits[-_SHOWN:]))) if isinstance(commits, list) else ()


def _subject(document: Any) -> str:
    try:
        lines = str(document["commit"]["message"]).strip().splitlines()
    except (KeyError, TypeError):
        return ""
    # People who cannot read the source may read the proposal.
    return strike(lines[0].strip())[:_LENGTH] if lines else ""
