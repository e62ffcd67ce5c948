"""The commits between two revisions of a source repository, for readers: their subjects, and how many they are."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Commits:
    """Reads a few commits, and never fails: what is shown is complete without them.

    Image labels are hostile: only repositories on this server are read, where the token goes anyway, and only by full
    or short commit ids.
    """

    api: Api
    _subjects: dict[tuple[str, str, str], tuple[str, ...]] = field(default_factory=dict)
    _counts: dict[tuple[str, str, str], int | None] = field(default_factory=dict)

    def between(self, source: str, old: str, new: str) -> tuple[str, ...]:
        """The subjects of the newest ten, oldest first; none after five questions.

        One request, two for more than a hundred commits.
        """
        key = self._repository(source, old, new), old, new
        if key[0] and key not in self._subjects and len(self._subjects) < _COMPARISONS:
            answer = self._compare(*key, per_page=str(_PER_PAGE))
            total = answer.get("total_commits")
            if type(total) is int and total > _PER_PAGE:
                # Pages begin with the oldest.
                answer = self._compare(*key, per_page=str(_PER_PAGE), page=str(-(-total // _PER_PAGE)))
            commits = answer.get("commits")
            newest = commits[-_SHOWN:] if isinstance(commits, list) else []
            self._subjects[key] = tuple(filter(None, map(_subject, newest)))
        return self._subjects.get(key, ())

    def ahead(self, source: str, old: str, new: str) -> int | None:
        """How many commits `new` has that `old` lacks, for one request; None after twenty questions."""
        key = self._repository(source, old, new), old, new
        if key[0] and key not in self._counts and len(self._counts) < _COUNTED:
            number = self._compare(*key, per_page="1").get("ahead_by")
            self._counts[key] = number if type(number) is int and number >= 0 else None
        return self._counts.get(key)

    def _repository(self, source: str, old: str, new: str) -> str:
        """The repository on this server; empty if it is elsewhere, or these are no commit ids."""
        is_safe = _REVISION.match(old) and _REVISION.match(new)
        return (source_repository(source, self.api.url) if is_safe else None) or ""

    def _compare(self, repository: str, old: str, new: str, **query: str) -> dict[str, Any]:
        """What GitHub says about these commits, if anything."""
        with suppress(ForgeError):
            answer = self.api.ask("GET", f"/compare/{old}...{new}", query=query, root=f"/repos/{repository}")
            return answer if isinstance(answer, dict) else {}
        return {}


def _subject(document: Any) -> str:
    try:
        lines = str(document["commit"]["message"]).strip().splitlines()
    except (KeyError, TypeError):
        return ""
    # People who cannot read the source may read the proposal.
    return strike(lines[0].strip())[:_LENGTH] if lines else ""
