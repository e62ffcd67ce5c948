"""The subjects of the commits between two revisions of a source repository, for people to read in a proposal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.github.address import source_repository
from gitops_bot.errors import ForgeError
from gitops_bot.redact import strike

if TYPE_CHECKING:
    from gitops_bot.edges.github.api import Api

#: Comparisons of one run, commits of each, characters of a subject.
_ASKED, _SHOWN, _LENGTH = 5, 10, 200
_PER_PAGE = 100
_REVISION = re.compile(r"[0-9a-f]{7,64}\Z")


class Commits:
    """Asks for few, and never fails: a text without them is as good a proposal."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[tuple[str, str, str], tuple[str, ...]] = {}

    def between(self, source: str, old: str, new: str) -> tuple[str, ...]:
        """At most ten, the newest, oldest first; one request, two where there are more than a hundred.

        The addresses and revisions are an image's own words: only repositories on this server are asked for, where the
        token goes anyway, and only by revisions that can be nothing else.
        """
        name = source_repository(source, self._api.url)
        if name is None or not _REVISION.match(old) or not _REVISION.match(new):
            return ()
        key = (name, old, new)
        if key not in self._known:
            if len(self._known) >= _ASKED:
                return ()
            try:
                self._known[key] = self._asked(f"/repos/{name}/compare/{old}...{new}")
            except ForgeError:
                self._known[key] = ()
        return self._known[key]

    def _asked(self, path: str) -> tuple[str, ...]:
        found = self._api.ask("GET", path, query={"per_page": str(_PER_PAGE)})
        total = found.get("total_commits") if isinstance(found, dict) else None
        if type(total) is int and total > _PER_PAGE:
            # Pages begin with the oldest.
            query = {"per_page": str(_PER_PAGE), "page": str(-(-total // _PER_PAGE))}
            found = self._api.ask("GET", path, query=query)
        commits = found.get("commits") if isinstance(found, dict) else None
        return tuple(filter(None, map(_subject, commits[-_SHOWN:]))) if isinstance(commits, list) else ()


def _subject(document: Any) -> str:
    try:
        lines = str(document["commit"]["message"]).strip().splitlines()
    except (KeyError, TypeError):
        return ""
    # Strangers may read the proposal that cannot read the source.
    return strike(lines[0].strip())[:_LENGTH] if lines else ""
