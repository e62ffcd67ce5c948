"""The tags `release/<environment>/<n>`, which keep the numbers of releases: each is given once, and never moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitops_bot.errors import Problem
from gitops_bot.releases.history.releases import TAGGED, TAGS, tag_numbers, unrecorded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.releases.history.releases import Release

#: How many releases of an environment without any tag get one: the newest.
FIRST = 50
#: How many releases of an environment get a tag at once, the oldest first.
MOST = 100
_LARGEST = 999_999


@dataclass(frozen=True, slots=True)
class NewTag:
    """A tag to be pushed."""

    name: str
    commit: str
    text: str


def name(release: Release) -> str:
    """The tag of a numbered release."""
    return f"{TAGS}{release.environment}/{release.number}"


def due(known: Sequence[Release], tags: Mapping[str, str], *, complete: bool) -> tuple[Release, ...] | Problem:
    """The releases of an environment that are to be tagged, the oldest first, each with its number.

    These are all behind the newest one that has a tag, 100 at once; without any, the newest 50. A number that any tag
    has taken is left out, also where its commit is gone: there is never another release 12.
    `known` are the newest first; `complete` when nothing older was cut away.
    """
    if not known:
        return ()
    given = tag_numbers(tags).get(known[0].environment, {})
    number = next((given[release.commit] for release in known if release.commit in given), None)
    if number is None:
        if not complete:
            return _unknown(known[0])
        number = max(0, len(known) - FIRST)
    untagged: list[Release] = []
    for release in unrecorded(known, given, first=FIRST, most=MOST):
        number += 1
        while name(numbered := replace(release, number=number)) in tags:
            number += 1
        if number > _LARGEST:
            return _full(release)
        untagged.append(numbered)
    return tuple(untagged)


def left_out(known: Sequence[Release], untagged: Sequence[Release], tags: Mapping[str, str]) -> tuple[str, ...]:
    """The tags of other commits whose numbers were left out when these releases got theirs."""
    commits = {release.commit for release in known}
    taken: list[str] = []
    for release in reversed(untagged):
        number = (release.number or 1) - 1
        while (tag := name(replace(release, number=number))) in tags and tags[tag] not in commits:
            taken.append(tag)
            number -= 1
    return tuple(reversed(taken))


def foreign(environment: str, known: Sequence[Release], tags: Mapping[str, str]) -> tuple[str, ...]:
    """The tags that look like those of an environment, and number none of its releases."""
    numbered = {name(release): release.commit for release in known}
    beginning = f"{TAGS}{environment}/"
    own = (tag for tag in tags if tag.startswith(beginning) and TAGGED.match(tag[len(beginning) :]))
    return tuple(sorted(tag for tag in own if numbered.get(tag) != tags[tag]))


def _unknown(newest: Release) -> Problem:
    message = "the history is incomplete, so their numbers are not known"
    advice = (
        f"Tag the newest release yourself (`git tag {TAGS}{newest.environment}/NUMBER COMMIT`): the next ones follow."
    )
    return Problem("failed.git", message, advice)


def _full(release: Release) -> Problem:
    message = f"there is no number behind {_LARGEST}"
    return Problem("failed.git", message, f"Delete the tag {TAGS}{release.environment}/{_LARGEST}.")
