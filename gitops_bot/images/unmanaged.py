"""Why an entry is unmanaged: it has no policy, and none can be inferred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from gitops_bot.images.reason import Reason

#: Why no policy can be inferred from a tag.
TagWhy = Literal["commit", "counter", "digits", "major", "no_tag", "number", "ticket", "unordered", "year"]
#: `no_policy` and `not_in_source` come from a configuration, the others from what is pinned.
Why = Literal[TagWhy, "digest", "nothing", "no_repository", "decided_elsewhere", "unset", "no_policy", "not_in_source"]

#: The text after the tag, and the text for all such tags together.
_OF_TAG: Final[dict[TagWhy, tuple[str, str]]] = {
    "commit": ("is a commit, and commits have no order", "the tag is a commit, and commits have no order"),
    "counter": (
        "is more than a version: nobody can tell what comes after the rest of it",
        "the tag is more than a version",
    ),
    "digits": ("may be a commit made of digits only", "the tag may be a commit"),
    "major": ("is only a major version, which floats", "the tag is only a major version"),
    "no_tag": ("is not a tag", "the tag is not valid"),
    "number": ("may be a version or a build number", "the tag may be a version or a build number"),
    "ticket": (
        "is a pull request or ticket; the next number is a different one",
        "the tag names a pull request or ticket",
    ),
    "unordered": ("has no order: it is not a version, number or date in a known format", "the tag has no order"),
    "year": ("may be a year, which floats", "the tag may be a year"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmanaged(Reason):
    """The reason, with its kind. `alike` is the text for all entries of that kind together."""

    why: Why
    alike: str


def by_tag(why: TagWhy, tag: str) -> Unmanaged:
    """The tag does not say which one comes after it."""
    shown = repr(tag[:100]) if why == "no_tag" else tag
    text, alike = _OF_TAG[why]
    return Unmanaged(code="unmanaged", text=f"{shown} {text}", data={"tag": shown}, why=why, alike=alike)


def by_digest() -> Unmanaged:
    """Only a digest is pinned."""
    text = "a digest alone does not say which tags to follow"
    return Unmanaged(code="unmanaged", text=text, data={"tag": None}, why="digest", alike="only a digest is pinned")


def by_nothing() -> Unmanaged:
    """Neither a tag nor a digest is pinned."""
    text = "nothing is pinned, so there is no tag format to follow"
    return Unmanaged(code="unmanaged", text=text, why="nothing", alike="nothing is pinned")


def without_repository() -> Unmanaged:
    """Nothing names a repository that could be asked for tags."""
    text = "the file does not name a repository that can be asked for tags"
    return Unmanaged(code="unmanaged", text=text, why="no_repository", alike=text)


def decided_elsewhere(file: str) -> Unmanaged:
    """Another file pins the image, and wins."""
    text = f"{file} has an entry for this image, which wins"
    return Unmanaged(code="unmanaged", text=text, why="decided_elsewhere", alike=text)


def unset(variable: str, place: str) -> Unmanaged:
    """A variable holds the pin, and nothing in the repository sets it."""
    text = f"nothing here sets the variable {variable} ({place})"
    return Unmanaged(code="unmanaged", text=text, why="unset", alike=text)


def without_policy(environment: str) -> Unmanaged:
    """The configuration gives a policy neither to the environment nor to the image."""
    text = f"{environment} has no `policy`"
    return Unmanaged(code="unmanaged", text=f"{text}, and this image has none", why="no_policy", alike=text)


def not_in_source(environment: str, source: str) -> Unmanaged:
    """The environment gets its pins from another one, which has no such entry."""
    text = f"{environment} has no `policy`, and its source {source} has no such entry"
    return Unmanaged(code="unmanaged", text=text, why="not_in_source", alike=text)
