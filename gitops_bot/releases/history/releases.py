"""The releases of an environment: commits on the base branch's first-parent line, and the tags that number them.

A release is a commit that changed a file of the environment's overlays, a pin or configuration. The commit is its
identity; the number is for people. Its content are all files that its overlays consist of.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.errors import Problem
from gitops_bot.releases.history.trail import release_name
from gitops_bot.releases.layout.glob import Glob

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.releases.history.line import Line, Step
    from gitops_bot.releases.layout.overlays import OverlayFile
    from gitops_bot.releases.layout.owners import Owners
    from gitops_bot.targets import Unfollowed

_NUMBER = re.compile(r"[0-9]{1,6}\Z", re.ASCII)
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}\Z", re.ASCII)
TAGGED = re.compile(r"[1-9][0-9]{0,5}\Z", re.ASCII)
#: The prefix of tags that number releases; environment and number follow.
TAGS = "release/"
#: How many releases of an environment without tags get one: the newest.
_FIRST = 50
#: How many releases of an environment get a tag at once, the oldest first.
_MOST = 100
_LARGEST = 999_999
#: Releases that a message names, so that one can be picked.
_TOLD = 5


@dataclass(frozen=True, slots=True)
class Release:
    """What one commit made of an environment. `number` counts from 1 at the oldest; None if history is incomplete.

    `paths` are the files of the environment's overlays that it changed.
    """

    environment: str
    number: int | None
    step: Step
    paths: tuple[str, ...]

    @property
    def commit(self) -> str:
        """Its identity."""
        return self.step.commit

    @property
    def at(self) -> datetime:
        """The committer's time, in UTC."""
        return self.step.at

    def __str__(self) -> str:
        """For messages: `release 12 (3f2a1b4c5d)`, or `release 3f2a1b4c5d` without a number."""
        return release_name(self.number, self.commit)


@dataclass(frozen=True, slots=True)
class NewTag:
    """A tag to push, `release/<environment>/<n>`: it keeps the number of a release, and never moves."""

    name: str
    commit: str
    text: str


def all_releases(
    line: Line, owners: Owners, tags: Mapping[str, str] | None = None
) -> Mapping[str, tuple[Release, ...]]:
    """The releases of every environment that has some, the newest first.

    `tags` are the tags of the repository and their commits. If one is called `release/<environment>/<n>`, such tags
    give the numbers. Releases older than all of them are counted, if the count agrees with the oldest tag.
    """
    by_environment: defaultdict[str, list[tuple[Step, tuple[str, ...]]]] = defaultdict(list)
    for step in line.steps:
        paths: defaultdict[str, list[str]] = defaultdict(list)
        for path in step.changed:
            for name in owners.environments(path):
                paths[name].append(path)
        for environment, own in paths.items():
            by_environment[environment].append((step, tuple(own)))
    tagged = tag_numbers(tags or {})
    return {name: _number(name, steps, line, tagged.get(name)) for name, steps in by_environment.items()}


def is_commit(name: str, tags: Mapping[str, str]) -> bool:
    """Whether a name means one commit whatever the environment: its digits, or a tag."""
    return not _NUMBER.match(name) and (_COMMIT.match(name) is not None or name in tags)


def _number(
    environment: str, touched: Sequence[tuple[Step, tuple[str, ...]]], line: Line, tagged: Mapping[str, int] | None
) -> tuple[Release, ...]:
    counted = {step.commit: len(touched) - at for at, (step, _) in enumerate(touched)} if line.complete else {}
    numbers = tagged or counted
    if tagged:
        commits = [step.commit for step, _ in touched]
        oldest = next((at for at in reversed(range(len(touched))) if commits[at] in tagged), None)
        if oldest is not None and tagged[commits[oldest]] == counted.get(commits[oldest]):
            # Those before the oldest tag were counted when there were no tags.
            numbers = {**tagged, **{commit: counted[commit] for commit in commits[oldest + 1 :]}}
    return tuple(Release(environment, numbers.get(step.commit), step, paths) for step, paths in touched)


def find(known: Sequence[Release], name: str, tags: Mapping[str, str], more: str) -> Release | Problem:
    """The release of that name: up to six digits are its number, seven or more hex digits its commit, else a tag.

    `more` is how to know more of the history, empty if it is complete.
    """
    if _NUMBER.match(name):
        wanted = int(name)
        matching = [release for release in known if release.number == wanted]
        if not matching and known and more and all(release.number is None for release in known):
            message = f"release {wanted} cannot be found by number: the history here is incomplete"
            return Problem("failed.git", message, f"Give the commit; {more}.")
    elif _COMMIT.match(name):
        matching = [release for release in known if release.commit.startswith(name.lower())]
        if len(matching) > 1:
            message = f"{name} matches {len(matching)} commits"
            return Problem("failed.git", message, "Give more digits.")
    elif name in tags:
        matching = [release for release in known if release.commit == tags[name]]
    else:
        return Problem("failed.git", f"there is no tag {name[:100]!r}", _advice(known, ""))
    if matching:
        return matching[0]
    whose = f" of {known[0].environment}: no such commit is known that changed a file of its overlays" if known else ""
    return Problem("failed.git", f"{name[:100]} is not a release{whose}", _advice(known, more))


def unrecorded(known: Sequence[Release], recorded: Container[str], *, first: int, most: int) -> tuple[Release, ...]:
    """The oldest of the releases after the newest `recorded` one, `most` at once, the oldest first.

    If none is recorded, of the newest `first` releases. `known` are the newest first.
    """
    newest = next((at for at, release in enumerate(known) if release.commit in recorded), first)
    return tuple(islice(reversed(known[:newest]), most))


def tag_numbers(tags: Mapping[str, str]) -> Mapping[str, Mapping[str, int]]:
    """The numbers from tags, by environment and commit; if a commit has two, the lower one, which came first."""
    numbers: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for tag, commit in tags.items():
        environment, _, number = tag.removeprefix(TAGS).rpartition("/")
        if tag.startswith(TAGS) and TAGGED.match(number):
            known = numbers[environment]
            known[commit] = min(int(number), known.get(commit, int(number)))
    return numbers


def _advice(known: Sequence[Release], more: str) -> str:
    told = "No commit is known that changed a file of this environment's overlays"
    if known:
        told = f"The newest are {', '.join(str(release).removeprefix('release ') for release in known[:_TOLD])}"
    return f"{told}; {more}." if more else f"{told}."


def tag_name(release: Release) -> str:
    """The tag of a numbered release."""
    return f"{TAGS}{release.environment}/{release.number}"


def due_tags(known: Sequence[Release], tags: Mapping[str, str], *, complete: bool) -> tuple[Release, ...] | Problem:
    """The releases of an environment to tag, the oldest first, each with its number.

    These are all after the newest tagged one, 100 at once; without tags, the newest 50. A number that any tag has taken
    is skipped, even if the tagged commit is gone: there is never another release 12. `known` are the newest first.
    """
    if not known:
        return ()
    given = tag_numbers(tags).get(known[0].environment, {})
    number = next((given[release.commit] for release in known if release.commit in given), None)
    if number is None:
        if not complete:
            message = "the history is incomplete, so their numbers are not known"
            command = f"git tag {TAGS}{known[0].environment}/NUMBER COMMIT"
            advice = f"Tag the newest release yourself (`{command}`): the next ones follow."
            return Problem("failed.git", message, advice)
        number = max(0, len(known) - _FIRST)
    untagged: list[Release] = []
    for release in unrecorded(known, given, first=_FIRST, most=_MOST):
        number += 1
        while tag_name(numbered := replace(release, number=number)) in tags:
            number += 1
        if number > _LARGEST:
            message = f"there is no number behind {_LARGEST}"
            return Problem("failed.git", message, f"Delete the tag {TAGS}{release.environment}/{_LARGEST}.")
        untagged.append(numbered)
    return tuple(untagged)


def skipped_tags(known: Sequence[Release], untagged: Sequence[Release], tags: Mapping[str, str]) -> tuple[str, ...]:
    """The tags of other commits whose numbers were skipped when these releases got theirs."""
    commits = {release.commit for release in known}
    taken: list[str] = []
    for release in reversed(untagged):
        number = (release.number or 1) - 1
        while (tag := tag_name(replace(release, number=number))) in tags and tags[tag] not in commits:
            taken.append(tag)
            number -= 1
    return tuple(reversed(taken))


def foreign_tags(environment: str, known: Sequence[Release], tags: Mapping[str, str]) -> tuple[str, ...]:
    """The tags that look like an environment's, but number none of its releases."""
    numbered = {tag_name(release): release.commit for release in known}
    beginning = f"{TAGS}{environment}/"
    own = (tag for tag in tags if tag.startswith(beginning) and TAGGED.match(tag[len(beginning) :]))
    return tuple(sorted(tag for tag in own if numbered.get(tag) != tags[tag]))


class ExportedFile(NamedTuple):
    """A file of a release to export: its path in that folder, whether it is executable, and its bytes."""

    path: str
    executable: bool
    data: bytes


class ContentFile(NamedTuple):
    """A file: its path, its name in the digest, and its blob in Git."""

    path: str
    name: str
    blob: str


@dataclass(frozen=True, slots=True)
class Content:
    """What an environment consisted of at a commit. `unfollowed` are references to what the commit lacks."""

    commit: str
    overlays: tuple[str, ...]
    files: tuple[ContentFile, ...]
    unfollowed: tuple[Unfollowed, ...]

    @classmethod
    def of(
        cls,
        commit: str,
        environment: str,
        overlays: Sequence[OverlayFile],
        blobs: Mapping[str, str],
        unfollowed: Iterable[Unfollowed],
    ) -> Content:
        """From the overlays of the environment, and the blobs of all its files by their paths."""
        names = _names(environment, overlays)
        files = tuple(ContentFile(path, _name(path, names), blob) for path, blob in sorted(blobs.items()))
        places = tuple(sorted({overlay_file.directory for overlay_file in overlays}))
        return cls(commit, places, files, tuple(unfollowed))

    @property
    def digest(self) -> str:
        """The sha256 of the lines `NAME`, NUL, `BLOB`, line feed, sorted by the bytes of the names.

        An overlay's files are named by what its glob captured (`/web/kustomization.yaml`), all others by their paths,
        so that environments with the same content have the same digest.
        """
        lines = sorted(b"%s\0%s\n" % (file.name.encode(), file.blob.encode()) for file in self.files)
        return f"sha256:{hashlib.sha256(b''.join(lines)).hexdigest()}"


def _name(path: str, names: Mapping[str, str]) -> str:
    """The name by the nearest overlay above; no path begins with a slash, so that none is taken for another."""
    above, below = path, ""
    while above not in names:
        if above in ("", "."):
            return path
        above, tail = posixpath.dirname(above) or ".", posixpath.basename(above)
        below = f"/{tail}{below}"
    return names[above] + below


def _names(environment: str, overlays: Sequence[OverlayFile]) -> Mapping[str, str]:
    """The name of each overlay (a directory or a file): the same in all environments, if that is unique."""
    captured: dict[str, str] = {}
    for overlay_file in sorted(overlays, key=lambda overlay_file: (overlay_file.place, overlay_file.glob)):
        names = Glob.parse(overlay_file.glob).names
        captured[overlay_file.place] = "".join(f"/{overlay_file.captures[name]}" for name in names)
    starred = {
        place: "".join(f"/{'*' if part == environment else part}" for part in place.split("/")) for place in captured
    }
    for known in (captured, starred):
        if len(set(known.values())) == len(known):
            return known
    return {place: f"/{place}" for place in captured}
