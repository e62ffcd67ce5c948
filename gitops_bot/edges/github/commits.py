"""The commits between two revisions of a source repository, for readers: their subjects, and how many they are."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.github.address import source_repository
from gitops_bot.errors import ForgeError
from gitops_bot.redact import strike

if TYPE_CHECKING:
    from gitops_bot.edges.github.api import Api

#: Comparisons per run, commits of each, characters of a subject.
_COMPARISONS, _SHOWN, _LENGTH = 5, 10, 200
#: Comparisons per run of which only the number is asked for.
_COUNTED = 20
_PER_PAGE = 100
_REVISION = re.compile(r"[0-9a-f]{7,64}\Z")


class Commits:
    """Reads a few commits, and never fails: what is shown is complete without them.

    Image labels are hostile: only repositories on this server are read, where the token goes anyway, and only by full
    or short commit ids.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[tuple[str, str, str], tuple[str, ...]] = {}
        self._ahead: dict[tuple[str, str, str], int | None] = {}

    def between(self, source: str, old: str, new: str) -> tuple[str, ...]:
        """The subjects of the newest ten, oldest first; none after five questions.

        One request, two for more than a hundred commits.
        """
        name = self._repository(source, old, new)
        key = (name or "", old, new)
        if name is None or (key not in self._known and len(self._known) >= _COMPARISONS):
            return ()
        if key not in self._known:
            try:
                self._known[key] = self._ask(f"/repos/{name}", f"/compare/{old}...{new}")
            except ForgeError:
                self._known[key] = ()
        return self._known[key]

    def ahead(self, source: str, old: str, new: str) -> int | None:
        """How many commits `new` has that `old` lacks, for one request; None after twenty questions."""
        name = self._repository(source, old, new)
        key = (name or "", old, new)
        if name is None or (key not in self._ahead and len(self._ahead) >= _COUNTED):
            return None
        if key not in self._ahead:
            self._ahead[key] = None
            with suppress(ForgeError):
                answer = self._api.ask("GET", f"/compare/{old}...{new}", query={"per_page": "1"}, root=f"/repos/{name}")
                number = answer.get("ahead_by") if isinstance(answer, dict) else None
                self._ahead[key] = number if type(number) is int and number >= 0 else None
        return self._ahead[key]

    def _repository(self, source: str, old: str, new: str) -> str | None:
        """The repository on this server, where all of it may be asked for."""
        is_safe = _REVISION.match(old) and _REVISION.match(new)
        return source_repository(source, self._api.url) if is_safe else None

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
